"""Pieces of words."""

import copy
import pickle

import pytest

from spacy_rnn.architectures.subwords import build_subwords
from spacy_rnn.layers.subwords import learn

TEXTS = [
    "Two young men are outside, near many bushes.",
    "Zwei junge Männer sind im Freien, nahe vieler Büsche.",
    "Several men in hard hats are operating a giant pulley system.",
]


def make_subwords(kind="bpe", size=320):
    model = build_subwords(size, kind)
    learn(model, TEXTS)
    return model


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize(
    "text",
    [
        "Two young men",
        "  spaces   stay \n where\tthey are ",
        "What nobody has seen: Ωmega, 漢字, 🦓!",
        "",
        " ",
    ],
)
def test_nothing_of_a_text_is_lost(kind, text):
    model = make_subwords(kind)
    (pieces,) = model.predict([" " + text])
    assert model.attrs["vocabulary"].decode(pieces) == text


def test_frequent_words_are_pieces():
    model = make_subwords(size=400)
    vocabulary = model.attrs["vocabulary"]
    (pieces,) = model.predict([" men are"])
    assert vocabulary.names(pieces) == ["▁men", "▁are"]


def test_what_is_learned_is_the_same_each_time_and_survives_copies_and_bytes():
    model = make_subwords()
    expected = model.predict(TEXTS)
    loaded = build_subwords(320).from_bytes(model.to_bytes())
    pickled = pickle.loads(pickle.dumps(model.attrs["vocabulary"]))
    assert make_subwords().predict(TEXTS) == expected
    assert model.copy().predict(TEXTS) == expected
    assert copy.deepcopy(model).predict(TEXTS) == expected
    assert loaded.predict(TEXTS) == expected
    assert pickled.encode(TEXTS) == expected


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_vocabulary_is_no_larger_than_the_texts_allow(kind):
    vocabulary = make_subwords(kind, 100_000).attrs["vocabulary"]
    assert 300 < len(vocabulary) < 600


def test_too_few_pieces_for_all_characters_are_refused():
    with pytest.raises(ValueError, match="No vocabulary of 270 pieces can be learned"):
        make_subwords(size=270)


def test_there_have_to_be_texts():
    with pytest.raises(ValueError, match="There have to be some"):
        learn(build_subwords(), [])


def test_pieces_have_to_be_learned_first():
    model = build_subwords()
    assert len(model.attrs["vocabulary"]) == 0
    with pytest.raises(ValueError, match=r"learned by `nlp.initialize`"):
        model.predict(["a"])


@pytest.mark.parametrize(("size", "kind"), [(260, "bpe"), (8000, "words")])
def test_settings_that_cannot_be_are_refused(size, kind):
    with pytest.raises(ValueError, match="size|kind"):
        build_subwords(size, kind)


def test_pieces_that_go_on_with_a_word_are_those_of_what_was_learned_last():
    model = make_subwords()
    vocabulary = model.attrs["vocabulary"]
    for text in ("xyzzy xyzzy", TEXTS[0]):
        learn(model, [text])
        names = vocabulary.names(vocabulary.word_parts)
        assert ("x" in names) == ("x" in text)
        assert not any(name.startswith("▁") for name in names)
