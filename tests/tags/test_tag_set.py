"""Tags by number are those that a slow reference names."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tag_names import make_tags, number_tags, tags_to_spans

from spacy_rnn.tags.tag_set import count_tags, find_spans, make_tag_set, tag_spans

SCHEMES = ["BIO", "BILUO"]
LABELS = ("X", "Y")


@st.composite
def annotated(draw):
    """Draw a length and some spans that don't overlap."""
    length = draw(st.integers(0, 12))
    spans, start = [], 0
    while start < length:
        end = draw(st.integers(start, length))
        if end > start:
            spans.append((start, end, draw(st.sampled_from(LABELS))))
        start = max(end, start + 1)
    return length, spans


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tags_of_added_labels_come_last(scheme):
    few, more = make_tag_set(("X",), scheme), make_tag_set(LABELS, scheme)
    n = len(few.start)
    assert np.array_equal(few.transitions, more.transitions[:n, :n])
    assert np.array_equal(few.of_label, more.of_label[:1])
    assert [count_tags(i, scheme) for i in (1, 2)] == [n, len(more.start)]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_legal_sequences_are_those_that_are_made_of_whole_spans(scheme):
    tags, tag_set = make_tags(LABELS, scheme), make_tag_set(LABELS, scheme)
    n_legal = 0
    for length in (1, 2, 3):
        for path in map(list, product(range(len(tags)), repeat=length)):
            legal = (
                tag_set.start[path[0]]
                and tag_set.transitions[path[:-1], path[1:]].all()
                and tag_set.end[path[-1]]
            )
            spans = tags_to_spans([tags[i] for i in path], scheme)
            assert (spans is not None) == legal
            n_legal += legal
    assert n_legal > 10


@pytest.mark.parametrize("scheme", SCHEMES)
@given(batch=st.lists(annotated(), max_size=4))
def test_spans_come_back_from_their_tags(scheme, batch):
    tag_set = make_tag_set(LABELS, scheme)
    path, expected = [], []
    for length, spans in batch:
        expected += [
            [len(path) + i, len(path) + j, tag_set.rows[label]] for i, j, label in spans
        ]
        path += number_tags(spans, length, scheme, LABELS)
    found = find_spans(tag_set, np.array(path, dtype="i8"))
    assert found.tolist() == expected
    span_of, tokens, tags = tag_spans(tag_set, found)
    assert [path[token] for token in tokens] == tags.tolist()
    assert tokens.tolist() == [i for i, j, _ in expected for i in range(i, j)]
    assert np.bincount(span_of, minlength=len(found)).tolist() == [
        j - i for i, j, _ in expected
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_labels_there_is_but_one_tag(scheme):
    tag_set = make_tag_set((), scheme)
    assert tag_set.transitions.tolist() == [[True]]
    assert find_spans(tag_set, np.zeros(3, dtype="i8")).shape == (0, 3)
