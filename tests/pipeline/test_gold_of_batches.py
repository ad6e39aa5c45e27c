"""What examples say is read for a whole batch, and is what each says by itself."""

import numpy as np
import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_rnn.alignment import same_tokens
from spacy_rnn.pipeline.entity_gold import read_ents
from spacy_rnn.pipeline.truths import UNKNOWN, aligned_values, token_truths

VOCAB = spacy.blank("en").vocab
# Words of the prediction and of the reference.
PAIRS = [
    (["New", "York", "calls"], ["New", "York", "calls"]),
    (["New", "York", "calls"], ["NewYork", "calls"]),
    ([], []),
    (["Ada", "'s"], ["Ada's"]),
    (["ab", "c"], ["a", "bc"]),
    (["Ada"], ["Ada"]),
]


def make_example(predicted, reference):
    doc, gold = (
        Doc(VOCAB, words=words, spaces=[False] * len(words))
        for words in (predicted, reference)
    )
    for token in gold:
        token.tag_, token.pos_ = f"T{len(token) % 3}", ("NOUN", "VERB")[len(token) % 2]
    gold.set_ents([Span(gold, 0, 1, label="X")] if len(gold) else [])
    return Example(doc, gold)


@pytest.fixture
def examples():
    return [make_example(*pair) for pair in PAIRS]


def test_tokens_are_the_same_where_an_example_has_the_same_words_twice(examples):
    expected = [predicted == reference for predicted, reference in PAIRS]
    assert same_tokens(examples).tolist() == expected
    assert same_tokens([]).tolist() == []


@pytest.mark.parametrize("attrs", [("TAG",), ("POS", "MORPH")])
def test_truths_of_a_batch_are_those_of_its_examples(examples, attrs):
    values, is_read = aligned_values(examples, attrs)
    kinds = sorted(set(map(tuple, values[is_read].tolist())))
    assert len(kinds) > 1
    known = {kind: (i, -1) for i, kind in enumerate(kinds)}
    examples = [*examples, *examples[:1]]
    rows = [token_truths("pipe", [each], attrs, known, fail) for each in examples]
    found = token_truths("pipe", examples, attrs, known, fail)
    assert_array_equal(found, np.concatenate(rows))
    is_unknown = (found == UNKNOWN).all(axis=1)  # where tokens don't match
    assert 0 < is_unknown.sum() < len(found)


def fail(example, values):
    raise AssertionError(values)


@pytest.mark.filterwarnings("ignore:'pipe' got a batch")
def test_what_is_not_known_is_told_once_in_the_order_of_tokens(examples):
    met = []
    token_truths("pipe", examples, ("TAG",), {}, lambda *args: met.append(args))
    first = [token.tag_ for token in examples[0].reference]
    assert [VOCAB.strings[tag] for _, (tag,) in met[: len(first)]] == first
    assert len(met) == len({values for _, values in met})
    assert met[0][0] is examples[0]


def test_entities_of_a_batch_are_those_of_its_examples(examples):
    rows = [read_ents([each]) for each in examples]
    assert_array_equal(read_ents(examples), np.concatenate(rows))
