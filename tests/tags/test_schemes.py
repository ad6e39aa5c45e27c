from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.tags.schemes import (
    legal,
    make_tags,
    sets_without,
    span_to_tags,
    spans_to_tags,
    split_tag,
    tags_to_spans,
)

SCHEMES = ["BIO", "BILUO"]


@st.composite
def annotated(draw):
    """Draw a length and some spans that don't overlap."""
    length = draw(st.integers(0, 12))
    spans, start = [], 0
    while start < length:
        end = draw(st.integers(start, length))
        if end > start:
            spans.append((start, end, draw(st.sampled_from(["A", "B-I", "O"]))))
        start = max(end, start + 1)
    return length, spans


def is_legal(tags, scheme):
    try:
        tags_to_spans(tags, scheme)
    except ValueError:
        return False
    return True


def test_tags_of_one_label_stand_together_so_that_labels_append():
    assert make_tags(["X", "Y"], "BIO") == ["O", "B-X", "I-X", "B-Y", "I-Y"]
    biluo = ["O", "B-X", "I-X", "L-X", "U-X"]
    assert make_tags(["X"], "BILUO") == biluo
    assert make_tags(["X", "Y"], "BILUO")[:5] == biluo
    assert make_tags([], "BIO") == ["O"]


@pytest.mark.parametrize("scheme", SCHEMES)
@given(annotated())
def test_spans_come_back_from_their_tags(scheme, example):
    length, spans = example
    tags = spans_to_tags(spans[::-1], length, scheme)
    assert len(tags) == length
    assert tags_to_spans(tags, scheme) == spans


@pytest.mark.parametrize("scheme", SCHEMES)
def test_legal_sequences_are_those_that_are_made_of_whole_spans(scheme):
    tags = make_tags(["X", "Y"], scheme)
    constraints = legal(tags, scheme)
    n_legal = 0
    for length in (1, 2, 3):
        for numbers in map(list, product(range(len(tags)), repeat=length)):
            expected = (
                constraints.start[numbers[0]]
                and constraints.transitions[numbers[:-1], numbers[1:]].all()
                and constraints.end[numbers[-1]]
            )
            assert is_legal([tags[i] for i in numbers], scheme) == expected
            n_legal += expected
    assert n_legal > 10


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_legal_sequence_comes_back_from_its_spans(scheme):
    tags = make_tags(["X", "Y"], scheme)
    for sequence in map(list, product(tags, repeat=3)):
        if is_legal(sequence, scheme):
            spans = tags_to_spans(sequence, scheme)
            assert spans_to_tags(spans, 3, scheme) == sequence


@pytest.mark.parametrize("scheme", SCHEMES)
def test_constraints_follow_the_tags_in_any_order(scheme):
    tags = make_tags(["X", "Y"], scheme)
    order = np.random.default_rng(0).permutation(len(tags))
    shuffled = legal([tags[i] for i in order], scheme)
    sorted_ = legal(tags, scheme)
    assert (shuffled.transitions == sorted_.transitions[order][:, order]).all()
    assert (shuffled.start == sorted_.start[order]).all()
    assert (shuffled.end == sorted_.end[order]).all()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("span", [(0, 1, "X"), (1, 3, "X"), (2, 4, "Y"), (0, 4, "X")])
def test_sequences_without_a_span_are_cut_into_disjoint_groups(scheme, span):
    tags = make_tags(["X", "Y"], scheme)
    groups = sets_without(span, 4, tags, scheme)
    for numbers in map(list, product(range(len(tags)), repeat=4)):
        sequence = [tags[i] for i in numbers]
        if is_legal(sequence, scheme):
            in_groups = groups[:, range(4), numbers].all(axis=1).sum()
            assert in_groups == (span not in tags_to_spans(sequence, scheme))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_sequence_is_without_a_span_of_an_unknown_label(scheme):
    groups = sets_without((0, 2, "Z"), 3, make_tags(["X"], scheme), scheme)
    assert groups[0].all()
    assert not groups[1:].all(axis=2).all(axis=1).any()


def test_a_label_may_look_like_a_tag():
    assert split_tag("B-I-B", "BIO") == ("B", "I-B")
    assert tags_to_spans(["B-O", "I-O"], "BIO") == [(0, 2, "O")]


@pytest.mark.parametrize(
    "spans", [[(0, 2, "X"), (1, 3, "Y")], [(1, 2, "X"), (1, 2, "X")]], ids=str
)
def test_spans_that_overlap_are_refused(spans):
    with pytest.raises(ValueError, match="must not overlap"):
        spans_to_tags(spans, 3, "BIO")


@pytest.mark.parametrize("span", [(0, 4, "X"), (-1, 2, "X"), (2, 2, "X"), (3, 1, "X")])
def test_spans_outside_of_the_document_are_refused(span):
    with pytest.raises(ValueError, match="document's 3 tokens.*'X' goes from"):
        spans_to_tags([span], 3, "BILUO")


@pytest.mark.parametrize(
    ("tag", "scheme"),
    [("X", "BIO"), ("L-X", "BIO"), ("B-", "BIO"), ("S-X", "BILUO"), ("BI-X", "BIO")],
)
def test_tags_of_no_scheme_are_refused(tag, scheme):
    for use in (legal, tags_to_spans):
        with pytest.raises(ValueError, match=f"scheme {scheme}.*'{tag}'"):
            use(["O", tag], scheme)


@pytest.mark.parametrize(
    ("tags", "scheme", "message"),
    [
        (["I-X"], "BIO", "'I-X' must not come after the start, at token 0"),
        (["B-X", "I-Y"], "BIO", "'I-Y' must not come after 'B-X'"),
        (["B-X", "O"], "BILUO", "'O' must not come after 'B-X', at token 1"),
        (["U-X", "L-X"], "BILUO", "'L-X' must not come after 'U-X'"),
        (["O", "B-X"], "BILUO", "the end must not come after 'B-X'"),
    ],
)
def test_illegal_sequences_are_refused(tags, scheme, message):
    with pytest.raises(ValueError, match=message):
        tags_to_spans(tags, scheme)


def test_one_span_has_these_tags():
    assert span_to_tags(3, "X", "BIO") == ["B-X", "I-X", "I-X"]
    assert span_to_tags(3, "X", "BILUO") == ["B-X", "I-X", "L-X"]
    assert span_to_tags(1, "X", "BILUO") == ["U-X"]
