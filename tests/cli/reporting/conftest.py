"""A pipeline of many components, and documents."""

import pytest
import spacy
from mixed_pipelines import EMBED, ENCODERS
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed

TEXTS = [
    ["Ada", "Lovelace", "lives", "in", "New-York", "."],
    ["Don't", "ask", "Alan", "Turing", "!"],
    ["The", "big", "café", "in", "Paris", "closed", "."],
    ["It", "closed", "."],
]
TAGS = [
    ["PROPN", "PROPN", "VERB", "ADP", "PROPN", "PUNCT"],
    ["VERB", "VERB", "PROPN", "PROPN", "PUNCT"],
    ["DET", "ADJ", "NOUN", "ADP", "PROPN", "VERB", ""],
    ["PRON", "VERB", "PUNCT"],
]
ENTS = [
    [(0, 2, "PER"), (4, 5, "LOC")],
    [(2, 4, "PER")],
    [(2, 3, "LOC"), (4, 5, "LOC")],
    [],
]
CATS = [["a"], ["b"], ["a"], ["c"]]
SMALL = {"model": {"tok2vec": {"embed": EMBED, "encode": ENCODERS["ours"]}}}


def make_example(nlp, i):
    """Make an example whose reference has other tokens than the prediction."""
    words, tags = TEXTS[i], TAGS[i]
    reference = Doc(nlp.vocab, words=words, tags=tags, sent_starts=None)
    for token, tag in zip(reference, tags, strict=True):
        token.pos_ = tag
        if tag:
            token.set_morph("Number=Sing|Case=Nom" if tag == "PROPN" else "")
    spans = [Span(reference, *each) for each in ENTS[i]]
    reference.ents = spans
    reference.spans["sc"] = spans
    reference.cats = {label: float(label in CATS[i]) for label in "abc"}
    if i == 3:  # not annotated
        reference.cats = {"b": 1.0}
    return Example(nlp.make_doc(reference.text), reference)


@pytest.fixture(scope="session")
def trained():
    """A pipeline of all that a report looks at, which has learned a little."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tagger")
    nlp.add_pipe("rnn_tagger", config={"overwrite": True, **SMALL})
    for name in ("textcat", "textcat_multilabel", "morphologizer", "ner"):
        nlp.add_pipe(f"rnn_{name}", config=SMALL)
    config = {"annotate_ents": False, "spans_key": "sc", **SMALL}
    nlp.add_pipe("rnn_ner", name="ner2", config=config)
    nlp.add_pipe("spancat", config={"spans_key": "sc", "threshold": 0.2})
    nlp.add_pipe("senter")
    examples = [make_example(nlp, i) for i in range(4)]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(3):
        nlp.update(examples, sgd=optimizer)
    return nlp


@pytest.fixture
def examples(trained):
    """Five documents, two of them the same."""
    return [make_example(trained, i) for i in (0, 1, 2, 3, 0)]
