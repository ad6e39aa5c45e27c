"""What a step costs on the host doesn't grow with the number of its documents."""

import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import spacy
import thinc
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam
from torch.utils._python_dispatch import TorchDispatchMode

import spacy_rnn
from spacy_rnn.architectures.char_embed import build_char_embed
from spacy_rnn.architectures.crf import build_crf_tagger
from spacy_rnn.architectures.hash_embed import build_hash_embed_rnn
from spacy_rnn.architectures.hierarchical import build_hierarchical_textcat
from spacy_rnn.architectures.language_model import build_pretrain_language_model
from spacy_rnn.architectures.ngrams import build_bag_of_ngrams
from spacy_rnn.architectures.rnn import build_rnn_encoder
from spacy_rnn.architectures.stacked import build_stacked_embed
from spacy_rnn.architectures.tagger import build_tagger
from spacy_rnn.architectures.textcat import build_textcat
from spacy_rnn.modules import block_plan

# Whose lines are counted: what cuts and joins arrays in Python is there.
PACKAGES = [Path(package.__file__).parent for package in (spacy_rnn, thinc, np)]
FEW, MANY = 128, 5120  # documents
WORDS = 4  # in each
# Where documents are looked at one by one: spaCy gives them, their tokens, boundaries
# and categories no other way.
PER_DOC = {
    "layers/features.py:token_features",
    "layers/segments.py:chunks",
    "layers/segments.py:forward",
    "pipeline/labels.py:read_categories",
    "pipeline/learning.py:update",
}
PLANNING = ("block_plan.py", "shapes.py")  # of blocks, which are few


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


def make_docs(nlp, n_docs):
    """Make documents that are alike, with as many distinct words in every batch."""
    words = [f"word{i % 50}" for i in range(WORDS * n_docs)]
    starts = [True, False] * (WORDS // 2)
    return [
        Doc(nlp.vocab, words=words[i : i + WORDS], sent_starts=starts)
        for i in range(0, len(words), WORDS)
    ]


class Operations(TorchDispatchMode):
    """Counts what torch dispatches, in the backward pass as well."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def counting_lines():
    """Count the lines that are run, in a comprehension each round."""
    counts, before = Counter(), sys.gettrace()

    def trace(frame, event, arg):
        path = Path(frame.f_code.co_filename)
        counts_here = any(map(path.is_relative_to, PACKAGES))
        return count if counts_here and path.name not in PLANNING else None

    def count(frame, event, arg):
        path = "/".join(Path(frame.f_code.co_filename).parts[-2:])
        counts[f"{path}:{function_of(frame)}"] += event == "line"
        return count

    sys.settrace(trace)
    try:
        yield counts
    finally:
        sys.settrace(before)


def function_of(frame):
    """Return the name of the function that runs, or that a comprehension is part of."""
    while frame.f_code.co_name.startswith("<"):
        frame = frame.f_back
    return frame.f_code.co_name


def one_block(monkeypatch):
    """Let a batch of any size be a single block."""
    whole = block_plan.CPU._replace(max_docs=2 * MANY, max_cells=2 * MANY * WORDS)
    monkeypatch.setattr(block_plan, "CPU", whole)


def tok2vec():
    return build_hash_embed_rnn(8, 1, 50, dropout=0.1, word_dropout=0.1)


def stacked_tagger():
    embed = build_stacked_embed({"a": build_char_embed(4), "b": build_char_embed(4)})
    return build_tagger(
        spacy.registry.architectures.get("spacy.Tok2Vec.v2")(
            embed, build_rnn_encoder(8, depth=2)
        ),
        dropout=0.2,
        nO=3,
    )


def language_model():
    return build_pretrain_language_model(rows=50)(None, tok2vec())


MODELS = {
    "tagger": stacked_tagger,
    "crf": lambda: build_crf_tagger(tok2vec(), dropout=0.2, nO=3),
    "hierarchical": lambda: build_hierarchical_textcat(tok2vec(), True, 8, nO=2),
    "textcat": lambda: build_textcat(
        tok2vec(),
        True,
        ["last", "mean", "max", "attention"],
        dropout=0.2,
        linear_model=build_bag_of_ngrams(rows=1000, nO=2),
        nO=2,
    ),
    "language_model": language_model,
}


def make_steps(nlp, name):
    """Return a training step, and a prediction, of documents."""
    model = MODELS[name]().initialize(X=make_docs(nlp, 4))

    def train(docs):
        Y, backprop = model.begin_update(docs)
        backprop(Y)

    return train, model.predict


def make_pipe_steps(nlp, name):
    """The same for a component, whose model is the default one but for its size."""
    model = {
        "@architectures": "spacy-rnn.TextCat.v1",
        "exclusive_classes": name == "rnn_textcat",
        "pooling": ["max", "attention"],
        "tok2vec": {
            "@architectures": "spacy-rnn.HashEmbedRNN.v1",
            "width": 8,
            "depth": 1,
            "embed_size": 50,
        },
    }
    pipe = spacy.blank("en", vocab=nlp.vocab).add_pipe(name, config={"model": model})
    optimizer = Adam(0.001)

    def examples(docs):
        for i, doc in enumerate(docs):
            doc.cats = {"A": float(i % 2), "B": 1.0 - i % 2}
        return [Example(doc, doc) for doc in docs]

    pipe.initialize(lambda: examples(make_docs(nlp, 4)))
    return lambda docs: pipe.update(examples(docs), sgd=optimizer), pipe.predict


STEPS = dict.fromkeys(MODELS, make_steps)
STEPS |= dict.fromkeys(("rnn_textcat", "rnn_textcat_multilabel"), make_pipe_steps)


@pytest.mark.parametrize("name", STEPS)
def test_operations_are_as_many_for_many_documents_as_for_few(nlp, name, monkeypatch):
    one_block(monkeypatch)
    for step in STEPS[name](nlp, name):
        step(make_docs(nlp, FEW))  # whatever is done once
        found = []
        for n_docs in (FEW, MANY):
            docs = make_docs(nlp, n_docs)
            with Operations() as operations:
                step(docs)
            found.append(operations.counts)
        assert sum(found[0].values()) > 20
        assert found[0] == found[1]


@pytest.mark.parametrize("name", STEPS)
def test_lines_are_as_many_for_many_documents_as_for_few(nlp, name, monkeypatch):
    one_block(monkeypatch)
    for step in STEPS[name](nlp, name):
        step(make_docs(nlp, FEW))
        found = []
        for n_docs in (FEW, MANY // 4):
            docs = make_docs(nlp, n_docs)
            with counting_lines() as lines:
                step(docs)
            found.append(lines)
        assert sum(found[0].values()) > 100
        growing = {place for place in found[1] if found[0][place] != found[1][place]}
        assert growing <= PER_DOC


@pytest.mark.parametrize("name", ["tagger", "textcat"])
def test_operations_grow_by_as_many_with_every_block(nlp, name):
    for step in STEPS[name](nlp, name):
        step(make_docs(nlp, FEW))
        found = []
        for n_blocks in (2, 3, 8, 80):
            docs = make_docs(nlp, 64 * n_blocks)
            with Operations() as operations:
                step(docs)
            found.append((n_blocks, sum(operations.counts.values())))
        slopes = {
            (n_operations - found[0][1]) / (n_blocks - 2)
            for n_blocks, n_operations in found[1:]
        }
        assert len(slopes) == 1
