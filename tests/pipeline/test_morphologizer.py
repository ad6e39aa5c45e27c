"""What only the morphologizer does."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

WORDS = ["She", "likes", "green", "eggs", "!", "Eat", "blue", "ham"]
POS = ["", "X", "ADJ", "", "", "SYM", "", "NOUN"]
MORPHS = [
    "Case=Acc|Gender=Fem",
    "",
    "Degree=Pos",
    "Number=Sing",
    "",
    "Mood=Ind|Number=Plur",
    "Tense=Past",
    "Number=Sing",
]


@pytest.fixture
def make_pair(make_nlp, make_tagged):
    """Make our morphologizer and spaCy's, with the same labels."""

    def make(**config):
        nlp = make_nlp("rnn_morphologizer", **config)
        nlp.add_pipe("morphologizer", config=config)
        nlp.initialize(lambda: make_tagged(nlp))
        return nlp, nlp.get_pipe("rnn_morphologizer"), nlp.get_pipe("morphologizer")

    return make


def make_docs(vocab):
    """Make documents that have all, some, or no annotation."""
    annotated = Doc(vocab, words=WORDS, pos=POS, morphs=MORPHS)
    for token in annotated[4:5]:
        token.set_morph(None)
    pos_only = Doc(vocab, words=WORDS, pos=POS)
    return [annotated, Doc(vocab), Doc(vocab, words=WORDS), pos_only]


@pytest.mark.parametrize("extend", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
def test_annotations_are_those_of_spacys_component(make_pair, overwrite, extend):
    nlp, ours, theirs = make_pair(overwrite=overwrite, extend=extend)
    rng = np.random.default_rng(0)
    for _ in range(5):
        docs, expected = make_docs(nlp.vocab), make_docs(nlp.vocab)
        guesses = [rng.integers(len(ours.labels), size=len(doc)) for doc in docs]
        ours.set_annotations(docs, guesses)
        theirs.set_annotations(expected, guesses)
        for doc, peer in zip(docs, expected, strict=True):
            for token, other in zip(doc, peer, strict=True):
                assert (token.pos_, str(token.morph)) == (other.pos_, str(other.morph))
                assert token.has_morph() == other.has_morph()
                assert token.morph.to_dict() == other.morph.to_dict()


@pytest.mark.parametrize(
    ("overwrite", "extend", "expected"),
    [
        (False, False, ("X", "Case=Acc|Gender=Fem")),
        (False, True, ("X", "Case=Acc|Gender=Fem|Number=Sing")),
        (True, False, ("PRON", "Case=Nom|Number=Sing")),
        (True, True, ("PRON", "Case=Nom|Gender=Fem|Number=Sing")),
    ],
)
def test_settings_say_what_becomes_of_features_that_are_there(
    make_pair, overwrite, extend, expected
):
    nlp, pipe, _ = make_pair(overwrite=overwrite, extend=extend)
    doc = Doc(nlp.vocab, words=["She"], pos=["X"], morphs=["Case=Acc|Gender=Fem"])
    pronoun = pipe.labels.index("Case=Nom|Number=Sing|POS=PRON")
    pipe.set_annotations(doc, [np.array([pronoun])])
    assert (doc[0].pos_, str(doc[0].morph)) == expected


def test_a_part_of_speech_alone_is_learned(make_nlp, make_tagged, fit):
    nlp = make_nlp("rnn_morphologizer")
    rows = [{"words": ["green", "eggs"], "pos": ["ADJ", "NOUN"]}]
    fit(nlp, make_tagged(nlp, rows), 15)
    assert [(t.pos_, str(t.morph)) for t in nlp("green eggs")] == [
        ("ADJ", ""),
        ("NOUN", ""),
    ]


def test_features_alone_are_learned(make_nlp, make_tagged, fit):
    nlp = make_nlp("rnn_morphologizer")
    rows = [{"words": ["green", "eggs"], "morphs": ["_", "Number=Plur"]}]
    fit(nlp, make_tagged(nlp, rows), 15)
    assert [(t.pos_, str(t.morph)) for t in nlp("green eggs")] == [
        ("", ""),
        ("", "Number=Plur"),
    ]


def test_a_token_with_neither_counts_nothing_where_others_have_parts_of_speech(
    make_nlp, make_tagged, fit
):
    nlp = make_nlp("rnn_morphologizer")
    rows = [
        {
            "words": ["green", "eggs", "runs"],
            "pos": ["ADJ", "NOUN", ""],
            "morphs": ["", "Number=Plur", ""],
        }
    ]
    fit(nlp, make_tagged(nlp, rows), 15)
    assert nlp("green eggs runs")[2].pos_ in ("ADJ", "NOUN")


def test_labels_of_a_pipeline_that_it_was_taken_from_are_compared(
    make_nlp, make_tagged
):
    nlp, other = make_nlp("rnn_morphologizer"), spacy.blank("en")
    examples = make_tagged(nlp)
    nlp.initialize(lambda: examples)
    other.add_pipe("rnn_morphologizer", source=nlp)
    reference = other.make_doc("Hello")
    reference[0].pos_ = "INTJ"
    reference[0].set_morph("Foo=Bar")
    example = Example(other.make_doc("Hello"), reference)
    with pytest.warns(UserWarning, match="Foo=Bar"):
        assert other.evaluate([example])["pos_acc"] == 0.0


def test_features_in_any_order_are_one_label(make_nlp, make_tagged):
    nlp = make_nlp("rnn_morphologizer")
    nlp.initialize(lambda: make_tagged(nlp))
    pipe = nlp.get_pipe("rnn_morphologizer")
    before = pipe.labels
    pipe.add_label("Number=Sing|POS=PRON|Case=Nom")
    assert pipe.labels == before
    assert pipe.model.get_dim("nO") == len(before)


def test_a_sourced_component_adds_to_features_that_it_never_heard_of(
    make_nlp, make_tagged
):
    source = make_nlp("rnn_morphologizer", extend=True)
    source.initialize(lambda: make_tagged(source))
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_morphologizer", source=source)
    doc = nlp.make_doc("She likes eggs")
    doc[0].set_morph("Unheard=Of")
    assert "Unheard=Of" in str(nlp(doc)[0].morph)
