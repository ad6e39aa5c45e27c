"""What a component asks of an array module doesn't grow with a batch's documents.

Each call is a launch on a GPU, and some are waited for. `test_batch_work.py` counts
lines of Python and what torch does, but not what spaCy's compiled code asks.
"""

from collections import Counter

import numpy as np
import pytest
from single_components import ANNOTATION, make_pipeline
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, NumpyOps

from spacy_rnn.modules import block_plan

FEW, MANY = 100, 600  # documents


class Counted:
    """An array module that counts what is asked of it."""

    def __init__(self, module):
        self.module, self.counts = module, Counter()

    def __getattr__(self, name):
        self.counts[name] += 1
        return getattr(self.module, name)


def make_examples(vocab, n_docs):
    """Make examples with something for each component to learn."""
    examples = []
    for _ in range(n_docs):
        doc = Doc(vocab, words=["a", "b", "c", "d"], sent_starts=[1, 0, 1, 0])
        gold = doc.copy()
        gold.cats = {"A": 1.0, "B": 0.0}
        gold.ents = [Span(gold, 0, 2, label="A")]
        gold.spans["summary"] = [gold[:2]]
        for token in gold:
            token.tag_, token.pos_ = f"T{token.i % 2}", ("NOUN", "VERB")[token.i % 2]
        examples.append(Example(doc, gold))
    return examples


@pytest.mark.parametrize("factory", sorted(ANNOTATION.keys() - {"rnn_translator"}))
def test_many_documents_need_as_many_calls_as_few(
    factory, make_nlp, make_tok2vec, monkeypatch
):
    whole = block_plan.CPU._replace(max_docs=2 * MANY, max_cells=8 * MANY)
    monkeypatch.setattr(block_plan, "CPU", whole)  # a batch is one block
    nlp, _ = make_pipeline(factory, make_nlp, make_tok2vec)
    pipe, optimizer, found = nlp.get_pipe(factory), Adam(0.001), []
    pipe.initialize(lambda: make_examples(nlp.vocab, 4))
    for n_docs in (FEW, FEW, MANY):
        examples = make_examples(nlp.vocab, n_docs)
        docs = [example.predicted for example in examples]
        with monkeypatch.context() as patch:
            xp = Counted(np)
            patch.setattr(NumpyOps, "xp", xp)
            pipe.update(examples, sgd=optimizer)
            pipe.set_annotations(docs, pipe.predict(docs))
        found.append(xp.counts)
    _, few, many = found  # at first something is done once
    assert sum(few.values()) > 5
    assert many == few
