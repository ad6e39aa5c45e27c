"""The pieces of documents."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc

from spacy_rnn.architectures.subwords import build_subwords
from spacy_rnn.layers.source_pieces import doc_pieces, select
from spacy_rnn.layers.subwords import learn

TEXTS = [
    "The dog (a big one!) sleeps.",
    "",
    "Don't wake the dog",
    " \n ",
    " It sleeps\n\nwell, the dog.",
]
NLP = spacy.blank("en")


@pytest.fixture(scope="module")
def subwords():
    model = build_subwords(330)
    learn(model, TEXTS)
    return model


def slow_pieces(model, doc):
    """Return the pieces of each token, one after the other."""
    if not doc.text.strip():
        return []
    found = []
    for token in doc:
        before = None if token.i == 0 else doc[token.i - 1]
        has_space = before is None or before.whitespace_ or before.is_space
        found.append(model.predict([(" " if has_space else "") + token.text])[0])
    return found


def test_tokens_are_cut_one_by_one_and_white_space_alone_is_nothing(subwords):
    docs = list(NLP.pipe(TEXTS))
    found = doc_pieces(subwords.predict, docs, 0)
    ends, offset = np.cumsum(found.lengths), 0
    for doc, end, length in zip(docs, ends, found.lengths, strict=True):
        expected = slow_pieces(subwords, doc)
        assert found.pieces[end - length : end].tolist() == sum(expected, [])
        places = np.repeat(np.arange(len(expected)), list(map(len, expected)))
        assert np.array_equal(found.token_of[end - length : end], places + offset)
        offset += len(doc)


def test_the_pieces_of_a_document_make_its_text_but_for_white_space(subwords):
    docs = list(NLP.pipe(TEXTS))
    found = doc_pieces(subwords.predict, docs, 0)
    parts = np.split(found.pieces, np.cumsum(found.lengths)[:-1])
    for doc, part in zip(docs, parts, strict=True):
        if doc.text.strip():
            text = subwords.attrs["vocabulary"].decode(part.tolist())
            assert text.split() == doc.text.split()


@pytest.mark.parametrize("white_space", [" ", "  ", "\n", "\n\n", "\t", " \n "])
def test_a_word_has_the_same_pieces_behind_any_white_space(subwords, white_space):
    found = doc_pieces(subwords.predict, [NLP(f"wake{white_space}dog")], 0)
    expected = subwords.predict([" dog"])[0]
    assert found.pieces[-len(expected) :].tolist() == expected


def test_a_limit_leaves_out_the_last_tokens_whole(subwords):
    docs = list(NLP.pipe(TEXTS))
    whole = doc_pieces(subwords.predict, docs, 0)
    for limit in (1, 5, 8, 100):
        found = doc_pieces(subwords.predict, docs, limit)
        assert ((found.lengths > 0) == (whole.lengths > 0)).all()
        for row, doc in enumerate(docs):
            pieces = slow_pieces(subwords, doc)
            sizes = np.cumsum(list(map(len, pieces)))
            kept = max(1, int((sizes <= limit).sum())) if pieces else 0
            assert found.lengths[row] == sum(map(len, pieces[:kept]))


def test_there_may_be_no_documents_and_none_with_tokens(subwords):
    for docs in ([], [Doc(NLP.vocab)], [Doc(NLP.vocab), Doc(NLP.vocab)]):
        found = doc_pieces(subwords.predict, docs, 10)
        assert len(found.pieces) == len(found.token_of) == 0
        assert found.lengths.tolist() == [0] * len(docs)


def test_documents_can_be_left_out(subwords):
    docs = list(NLP.pipe(TEXTS))
    found = select(
        doc_pieces(subwords.predict, docs, 0), np.array([0, 0, 1, 0, 1], bool)
    )
    alone = doc_pieces(subwords.predict, [docs[2], docs[4]], 0)
    assert np.array_equal(found.pieces, alone.pieces)
    assert np.array_equal(found.lengths, alone.lengths)
