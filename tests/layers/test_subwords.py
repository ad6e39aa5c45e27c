"""Pieces of words."""

import copy
import pickle

import pytest
from thinc.api import fix_random_seed

from spacy_rnn.architectures.subwords import build_subwords
from spacy_rnn.layers.subwords import N_BYTES, PART, SPECIAL, draw_spelling, learn
from spacy_rnn.modules.pieces import UNKNOWN

TEXTS = [
    "Two young men are outside, near many bushes.",
    "Zwei junge Männer sind im Freien, nahe vieler Büsche.",
    "Several men in hard hats are operating a giant pulley system.",
]


def make_subwords(kind="bpe", size=320, piece_dropout=0.0):
    model = build_subwords(size, kind, piece_dropout)
    learn(model, TEXTS)
    return model


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize(
    "text",
    [
        "Two young men",
        "  spaces   stay \n where\tthey are ",
        "What nobody has seen: Ωmega, 漢字, 🦓!",
        "▁what▁ stands for a ▁ space",
        "",
        " ",
    ],
)
def test_nothing_of_a_text_is_lost(kind, text):
    model = make_subwords(kind)
    (pieces,) = model.predict([" " + text])
    assert model.attrs["vocabulary"].decode(pieces) == text


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize(
    "text", ["Several giant men ", "Старый дом у реки ", "漢字仮名"]
)
def test_long_texts_are_learned_from(kind, text):
    model = build_subwords(340, kind)
    learn(model, [text * 500])
    (pieces,) = model.predict([" " + text])
    assert min(pieces) >= len(SPECIAL) + N_BYTES  # nothing is spelled in bytes


def test_parts_of_a_text_are_short_and_make_up_the_text():
    words = ["a", "bcd" * 700, "\n", "漢字" * 900, "  ", "e\n\n", "f" * 1000]
    text = " ".join(words * 3) + "\n"
    parts = PART.findall(text)
    assert "".join(parts) == text
    assert max(len(part.encode()) for part in parts) <= 4192
    inside = [part for part in parts[1:] if part[0] != " "]
    assert len(inside) == 3 * (2 + 1 + 1)  # of words that are longer themselves
    assert PART.findall("") == []


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


@pytest.mark.parametrize(
    ("name", "value"), [("size", 260), ("kind", "words"), ("piece_dropout", 1.0)]
)
def test_settings_that_cannot_be_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        build_subwords(**{name: value})


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.99])
def test_pieces_that_are_left_out_are_made_of_others(kind, rate):
    model = make_subwords(kind, 400, rate)
    vocabulary, whole = model.attrs["vocabulary"], model.predict(TEXTS)
    cut = [draw_spelling(model, is_train=True)(TEXTS) for _ in range(20)]
    assert all(len(set(map(str, each))) > 1 for each in zip(*cut, strict=True))
    for found in cut:
        assert list(map(vocabulary.decode, found)) == list(
            map(vocabulary.decode, whole)
        )
        for pieces, others in zip(found, whole, strict=True):
            assert len(pieces) >= len(others)
    assert model.predict(TEXTS) == whole


def test_a_piece_is_left_out_as_often_as_is_asked_for():
    fix_random_seed(0)
    model = make_subwords(size=400, piece_dropout=0.2)
    (expected,) = model.predict([" men"])
    found = [model([" men"], is_train=True)[0] for _ in range(1000)]
    assert 0.16 < sum(each != [expected] for each in found) / len(found) < 0.24


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_of_all_ways_to_halve_a_piece_the_one_with_the_best_worse_half_is_taken(kind):
    vocabulary = make_subwords(kind, 400).attrs["vocabulary"]
    read = vocabulary.processor
    n_ways = []
    for piece in range(len(SPECIAL) + N_BYTES, len(vocabulary)):
        (name,) = vocabulary.names([piece])
        cuts = [(name[:i], name[i:]) for i in range(1, len(name))]
        ids = [tuple(map(read.piece_to_id, cut)) for cut in cuts]
        ways = [min(map(read.get_score, pair)) for pair in ids if UNKNOWN not in pair]
        n_ways.append(len(ways))
        halves = vocabulary.halves.get(piece, ())
        assert bool(halves) == bool(ways)
        if halves:
            assert min(map(read.get_score, halves)) == max(ways)
            assert "".join(vocabulary.names(list(halves))) == name
    assert max(n_ways) > (kind == "bpe")  # several, of kind bpe


def test_a_word_is_cut_in_one_way_wherever_it_stands():
    model = make_subwords(size=400, piece_dropout=0.5)
    for _ in range(10):
        spelling = draw_spelling(model, is_train=True)
        (men, many), (both,) = spelling([" men", " many"]), spelling([" men many men"])
        assert both == [*men, *many, *men]


def test_pieces_that_go_on_with_a_word_are_those_of_what_was_learned_last():
    model = make_subwords()
    vocabulary = model.attrs["vocabulary"]
    for text in ("xyzzy xyzzy", TEXTS[0]):
        learn(model, [text])
        names = vocabulary.names(vocabulary.word_parts)
        assert ("x" in names) == ("x" in text)
        assert not any(name.startswith("▁") for name in names)


def test_what_pieces_are_made_of_is_that_of_what_was_learned_last():
    model = make_subwords()
    vocabulary = model.attrs["vocabulary"]
    for text in ("xyzzy xyzzy", TEXTS[0]):
        learn(model, [text])
        (cut,) = vocabulary.encode([" " + text], absent=range(len(vocabulary)))
        assert vocabulary.decode(cut) == text
        assert len(cut) == len(text) + 1
