"""The tags that tokens may have are those of the entities that there may be."""

from itertools import pairwise, product

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example
from tag_names import number_tags

from spacy_rnn.pipeline.entity_docs import possible_tags
from spacy_rnn.pipeline.entity_gold import read_gold
from spacy_rnn.tags.known import (
    BEGIN,
    INSIDE,
    OUTSIDE,
    allowed_tags,
    find_known,
)
from spacy_rnn.tags.tag_set import find_spans, make_tag_set

LABELS = ("PER", "ORG")
SCHEMES = ("BIO", "BILUO")
VOCAB = spacy.blank("en").vocab
WORDS = st.sampled_from(["Ada", "\n", "works"])
STARTS = st.sampled_from([None, None, True])
KINDS = ["blocked", "missing", "outside"]


@st.composite
def docs(draw, labels):
    """Draw a document with entities, blocked, missing and outside tokens."""
    words = draw(st.lists(WORDS, max_size=4))
    doc = Doc(VOCAB, words=words, sent_starts=[draw(STARTS) for _ in words])
    groups = {kind: [] for kind in [*KINDS, "entities"]}
    start = 0
    while start < len(words):
        kind = draw(st.sampled_from([*KINDS, *labels]))
        end = draw(st.integers(start + 1, len(words)))
        if kind in KINDS:
            groups[kind].append(Span(doc, start, end))
        else:
            groups["entities"].append(Span(doc, start, end, label=kind))
        start = end
    doc.set_ents(**groups)
    return doc


def all_entities(length, start=0):
    """Enumerate all ways of having entities in a document."""
    if start == length:
        yield []
        return
    yield from all_entities(length, start + 1)
    for end in range(start + 1, length + 1):
        for label, rest in product(LABELS, all_entities(length, end)):
            yield [(start, end, label), *rest]


def all_sequences(tag_set, sets):
    """Enumerate the legal sequences of tags in which each token has one of a set."""
    sequences = set()
    for path in product(*(np.flatnonzero(row) for row in sets)):
        if all(tag_set.transitions[pair] for pair in pairwise(path)) and (
            not path or (tag_set.start[path[0]] and tag_set.end[path[-1]])
        ):
            sequences.add(path)
    return sequences


def as_sequences(all_spans, length, scheme):
    return {tuple(number_tags(spans, length, scheme, LABELS)) for spans in all_spans}


def trim(doc, start, end, label):
    """Take white space off the edges of an entity; None if nothing is left."""
    kept = [i for i in range(start, end) if not doc[i].is_space]
    return (kept[0], kept[-1] + 1, label) if kept else None


def split(rows, batch):
    """Part the rows of a batch of documents."""
    return np.split(rows, np.cumsum([len(doc) for doc in batch]))[:-1]


def entities_of(doc):
    return {(ent.start, ent.end, ent.label_) for ent in doc.ents}


def tokens_of(spans):
    return {token for start, end, _ in spans for token in range(start, end)}


@pytest.mark.parametrize("scheme", SCHEMES)
@given(batch=st.lists(docs(LABELS), max_size=3))
def test_gold_allows_the_entities_that_agree_with_it(scheme, batch):
    tag_set = make_tag_set(LABELS, scheme)
    examples = [Example(Doc(VOCAB, [t.text for t in doc]), doc) for doc in batch]
    allowed = allowed_tags(tag_set, read_gold(tag_set, examples, None))
    for doc, sets in zip(batch, split(allowed, batch), strict=True):
        outside = {token.i for token in doc if token.ent_iob == 2}
        if any(token.ent_iob for token in doc):  # as in spaCy
            outside |= {t.i for t in doc if t.is_space and not t.ent_iob}
        trimmed = {trim(doc, *span) for span in entities_of(doc)} - {None}
        outside |= tokens_of(entities_of(doc)) - tokens_of(trimmed)
        agreeing = [
            spans
            for spans in all_entities(len(doc))
            if trimmed <= set(spans) and not tokens_of(spans) & outside
        ]
        expected = as_sequences(agreeing, len(doc), scheme)
        assert all_sequences(tag_set, sets) == expected


@pytest.mark.parametrize("scheme", SCHEMES)
@given(batch=st.lists(docs([*LABELS, "GPE"]), max_size=3), keep=st.booleans())
def test_possible_are_the_entities_that_fit_the_document(scheme, batch, keep):
    tag_set = make_tag_set(LABELS, scheme)
    possible = possible_tags(tag_set, batch, keep_entities=keep)
    if possible is None:
        n_tokens = sum(len(doc) for doc in batch)
        possible = np.ones((n_tokens, len(tag_set.start)), dtype=bool)
    for doc, sets in zip(batch, split(possible, batch), strict=True):
        preset = entities_of(doc) if keep else set()
        known = {span for span in preset if span[2] in LABELS}
        closed = tokens_of(preset) - tokens_of(known)
        closed |= {t.i for t in doc if keep and t.ent_iob == 3 and not t.ent_type}
        sentences = {t.i for t in doc if t.is_sent_start} - {0}

        def fits(span, doc=doc, closed=closed, sentences=sentences):
            tokens = set(range(*span[:2]))
            crosses = (tokens - {span[0]}) & sentences
            return not (doc[span[0]].is_space or crosses or tokens & closed)

        fitting = [
            spans
            for spans in all_entities(len(doc))
            if known <= set(spans) and all(map(fits, set(spans) - known))
        ]
        expected = as_sequences(fitting, len(doc), scheme)
        assert all_sequences(tag_set, sets) == expected


def test_nothing_is_ruled_out_without_a_reason():
    tag_set = make_tag_set(LABELS, "BILUO")
    batch = [Doc(VOCAB, ["Ada", "works"]), Doc(VOCAB), Doc(VOCAB, ["Ada"])]
    assert possible_tags(tag_set, batch, keep_entities=True) is None
    batch[2].set_ents([], default="blocked")
    assert len(possible_tags(tag_set, batch, keep_entities=True)) == 3
    assert possible_tags(tag_set, batch, keep_entities=False) is None


def test_what_has_nothing_to_go_on_from_begins_an_entity():
    tag_set = make_tag_set(LABELS, "BIO")
    person, company = (VOCAB.strings.add(label) for label in LABELS)
    iob = np.array([INSIDE, INSIDE, INSIDE, OUTSIDE, INSIDE, INSIDE])
    types = np.array([person, person, company, 0, company, company], dtype=np.uint64)
    known = find_known(tag_set, [5, 1], iob, types)
    expected = [BEGIN, INSIDE, BEGIN, OUTSIDE, BEGIN, BEGIN]
    assert known.iob.tolist() == expected


def test_a_label_may_contain_hyphens_and_be_one_of_spacys_symbols():
    tag_set = make_tag_set(("PERSON", "x-B-y"), "BILUO")
    doc = Doc(VOCAB, ["Ada", "works"], ents=["B-PERSON", "B-x-B-y"])
    example = Example(Doc(VOCAB, ["Ada", "works"]), doc)
    allowed = allowed_tags(tag_set, read_gold(tag_set, [example], None))
    assert find_spans(tag_set, allowed.argmax(axis=1)).tolist() == [
        [0, 1, 0],
        [1, 2, 1],
    ]
