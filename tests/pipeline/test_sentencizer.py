import pickle

import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from spacy.cli.init_config import fill_config
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.nltk_text import PunktModel, split_sentences
from spacy_rnn.pipeline.sentencizer import NLTKSentencizer, find_starts

TEXT = "\n Dr. Fox left.  He ran.\n\nA title\n\nAbg. Huber came. (It rained.)\n"
NLP = spacy.blank("en")


def make_pipeline(**settings):
    nlp = spacy.blank("en")
    nlp.add_pipe("nltk_sentencizer", config=settings)
    return nlp


def texts_of(doc):
    return [sentence.text for sentence in doc.sents]


def test_sentences_are_split_without_data_of_nltk(nltk_folder):
    nlp = make_pipeline()
    assert nlp.pipe_names == ["nltk_sentencizer"]
    assert texts_of(nlp("Mr. Fox left the U.S. in 2001. He ran.")) == [
        "Mr. Fox left the U.S. in 2001.",
        "He ran.",
    ]


def test_white_space_belongs_to_the_sentence_before():
    doc = make_pipeline()(TEXT)
    assert [sentence.text_with_ws for sentence in doc.sents] == [
        *["\n Dr. Fox left.  ", "He ran.\n\n", "A title\n\n"],
        *["Abg. ", "Huber came. ", "(It rained.)\n"],
    ]


@pytest.mark.parametrize(
    ("line_breaks", "n_sentences"), [("never", 2), ("blank", 3), ("always", 4)]
)
def test_line_breaks_end_sentences_if_they_are_told_to(line_breaks, n_sentences):
    nlp = make_pipeline(line_breaks=line_breaks)
    assert len(texts_of(nlp("A title\n\nOne day\nit rained. We left."))) == n_sentences


def test_a_sentence_that_divides_a_token_begins_with_the_next_word():
    words = ["It", "ended.Then", "\n", "he", "left", "."]
    spaces = [True, False, False, True, False, False]
    doc = Doc(spacy.blank("en").vocab, words=words, spaces=spaces)
    starts = find_starts(doc, [0, doc.text.index("Then")])
    assert_array_equal(np.flatnonzero(starts), [0, 3])


def slow_starts(doc, offsets):
    """Go through the tokens, one by one, for each sentence."""
    starts = {0}
    for offset in offsets[1:]:
        later = [t.i for t in doc if t.idx >= offset and not t.text.isspace()]
        starts |= set(later[:1])
    return [i in starts for i in range(len(doc))]


@given(text=st.text(alphabet="Ab. \n?!\"'\t", max_size=40) | st.text())
def test_starts_are_those_that_a_slow_search_finds(text):
    words = [word for word in text.split("b") if word]
    for doc in (NLP(text), Doc(NLP.vocab, words=words)):
        offsets = [start for start, _ in split_sentences(doc.text)]
        assert find_starts(doc, offsets).tolist() == slow_starts(doc, offsets)


def test_every_token_is_annotated():
    nlp = make_pipeline()
    for text in ("", " ", "One", TEXT):
        doc = nlp(text)
        assert all(token.is_sent_start is not None for token in doc)
        assert doc.has_annotation("SENT_START", require_complete=True)
        assert not len(doc) or doc[0].is_sent_start


def test_documents_give_the_same_alone_and_in_a_batch():
    nlp = make_pipeline()
    texts = ["", TEXT, "One. Two.", ""] * 3
    alone = [texts_of(nlp(text)) for text in texts]
    assert [texts_of(doc) for doc in nlp.pipe(texts, batch_size=5)] == alone
    assert [texts_of(doc) for doc in nlp.pipe(texts, n_process=2)] == alone
    assert list(nlp.pipe([])) == []


@pytest.mark.parametrize(
    ("overwrite", "expected"),
    [
        (False, [True, False, True, False, True, False]),
        (True, [True, False, False, True, False, False]),
    ],
)
def test_boundaries_that_are_there_stay_unless_they_are_to_be_overwritten(
    overwrite, expected
):
    nlp = make_pipeline(overwrite=overwrite)
    doc = Doc(
        nlp.vocab,
        words=["One", "day", ".", "Two", "three", "."],
        spaces=[True, False, True, True, False, False],
        sent_starts=[None, None, True, False, True, None],
    )
    doc = nlp.get_pipe("nltk_sentencizer")(doc)
    assert [token.is_sent_start for token in doc] == expected


def test_predictions_leave_the_documents_alone():
    nlp = make_pipeline()
    doc = nlp.make_doc("One. Two.")
    sentencizer = nlp.get_pipe("nltk_sentencizer")
    starts = sentencizer.predict([doc, nlp.make_doc("")])
    assert [found.tolist() for found in starts] == [[True, False, True, False], []]
    assert not doc.has_annotation("SENT_START")


def write_nltk_data(folder):
    folder = folder / "tokenizers" / "punkt_tab" / "german"
    folder.mkdir(parents=True)
    (folder / "abbrev_types.txt").write_text("abg")
    for name in ("collocations.tab", "sent_starters.txt", "ortho_context.tab"):
        (folder / name).write_text("")
    return folder


GERMAN = "Abg. Huber kam. Alle gingen."


def check_is_german(nlp):
    assert texts_of(nlp(GERMAN)) == ["Abg. Huber kam.", "Alle gingen."]


def test_a_saved_pipeline_needs_no_data_of_nltk(nltk_folder):
    folder = write_nltk_data(nltk_folder)
    nlp = make_pipeline(language="german", line_breaks="always", overwrite=True)
    nlp.to_disk(nltk_folder / "nlp")
    data = nlp.to_bytes()
    pickled = pickle.dumps(nlp)
    (folder / "abbrev_types.txt").unlink()
    with pytest.warns(UserWarning, match="keeps what it was saved with: language"):
        other = make_pipeline().from_bytes(data)
    for loaded in (
        spacy.load(nltk_folder / "nlp"),
        other,
        pickle.loads(pickled),
    ):
        check_is_german(loaded)
        loaded.initialize()
        check_is_german(loaded)
        settings = {"language": "german", "line_breaks": "always", "overwrite": True}
        assert loaded.get_pipe("nltk_sentencizer").cfg.items() >= settings.items()


@pytest.mark.usefixtures("nltk_folder")
def test_missing_data_is_told_before_training():
    nlp = make_pipeline(language="german")
    for use in (nlp.initialize, lambda: nlp("A text.")):
        with pytest.raises(LookupError, match="nltk.downloader punkt_tab\n"):
            use()


def test_a_file_of_the_command_is_read_by_initialize_and_saved(tmp_path):
    path = tmp_path / "punkt.json"
    path.write_bytes(PunktModel(abbreviations=["abg"]).to_json())
    nlp = make_pipeline()
    settings = {"nltk_sentencizer": {"punkt": str(path)}}
    nlp.config["initialize"]["components"] = settings
    nlp.initialize()
    check_is_german(nlp)
    assert len(texts_of(nlp("Dr. Fox left."))) == 2  # what is built in is gone
    nlp.to_disk(tmp_path / "nlp")
    path.unlink()
    check_is_german(spacy.load(tmp_path / "nlp"))


def test_what_is_learned_from_the_examples_is_added():
    nlp = make_pipeline()
    texts = ["Die Abg. Kurz, Vors. des Rats, ging. Abg. Huber auch."] * 30
    examples = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in texts]
    sentencizer = nlp.get_pipe("nltk_sentencizer")
    sentencizer.initialize(lambda: examples, nlp=nlp)
    assert len(texts_of(nlp(GERMAN))) == 3
    sentencizer.initialize(lambda: examples, nlp=nlp, learn=True)
    check_is_german(nlp)
    assert texts_of(nlp("Dr. Fox left.")) == ["Dr. Fox left."]


def test_a_component_can_be_given_what_is_known():
    nlp = make_pipeline()
    nlp.get_pipe("nltk_sentencizer").punkt = PunktModel(abbreviations=["abg"])
    check_is_german(nlp)


def test_boundaries_are_scored_as_by_spacy():
    nlp = make_pipeline()
    doc = nlp.make_doc("One. Two. Three.")
    reference = Doc(
        nlp.vocab,
        words=[token.text for token in doc],
        spaces=[bool(token.whitespace_) for token in doc],
        sent_starts=[True, False, True, False, False, False],
    )
    scores = nlp.evaluate([Example(doc, reference)])
    assert scores["sents_p"] == pytest.approx(1 / 3)
    assert scores["sents_r"] == pytest.approx(1 / 2)


def test_boundaries_annotate_the_documents_that_others_learn_from():
    nlp = make_pipeline()
    seen = []

    @spacy.Language.component("test_sentencizer_spy")
    def spy(doc):
        seen.append(len(list(doc.sents)))
        return doc

    nlp.add_pipe("test_sentencizer_spy")
    nlp.add_pipe("textcat").add_label("a")
    nlp.get_pipe("textcat").add_label("b")
    example = Example.from_dict(nlp.make_doc("One. Two."), {"cats": {"a": 1, "b": 0}})
    nlp.initialize(lambda: [example])
    seen.clear()
    nlp.update([example], annotates=["nltk_sentencizer", "test_sentencizer_spy"])
    assert seen == [2]


def test_a_config_is_filled_with_the_defaults(tmp_path):
    path = tmp_path / "base.cfg"
    path.write_text(
        '[nlp]\nlang = "en"\npipeline = ["sents"]\n'
        '[components]\n[components.sents]\nfactory = "nltk_sentencizer"\n'
    )
    _, filled = fill_config(tmp_path / "full.cfg", path)
    assert filled["components"]["sents"] == {
        "factory": "nltk_sentencizer",
        "language": None,
        "line_breaks": "blank",
        "overwrite": False,
        "scorer": {"@scorers": "spacy.senter_scorer.v1"},
    }


def test_a_typo_is_answered_with_what_is_valid():
    with pytest.raises(ConfigValidationError, match=r"'never', 'blank', 'always'"):
        make_pipeline(line_breaks="blanc")
    with pytest.raises(ValueError, match=r"line_breaks has to be one of .*'blanc'"):
        NLTKSentencizer(NLP.vocab, line_breaks="blanc")


@pytest.mark.parametrize("name", ["cfg", "punkt"])
@pytest.mark.parametrize("data", [b"", b"\xff", b"[1"])
def test_damage_is_told_with_the_name_of_component_and_folder(name, data, tmp_path):
    nlp = make_pipeline()
    nlp.to_disk(tmp_path)
    (tmp_path / "nltk_sentencizer" / name).write_bytes(data)
    with pytest.raises(ValueError, match="'nltk_sentencizer' from .*_sentencizer: "):
        spacy.load(tmp_path)


def test_a_failing_document_is_left_to_the_error_handler(monkeypatch):
    nlp = make_pipeline()
    failed = []
    nlp.set_error_handler(lambda name, pipe, docs, error: failed.extend(docs))

    def fail(text, *args, **settings):
        if "bad" in text:
            raise TimeoutError
        return split_sentences(text, *args, **settings)

    module = "spacy_rnn.pipeline.sentencizer.split_sentences"
    monkeypatch.setattr(module, fail)
    docs = list(nlp.pipe(["One. Two.", "bad", "Three."]))
    assert [len(texts_of(doc)) for doc in docs] == [2, 1]
    assert [doc.text for doc in failed] == ["bad"]


def test_the_boundaries_have_no_say_in_which_model_is_the_best():
    nlp = make_pipeline()
    nlp.add_pipe("textcat")
    weights = nlp.config["training"]["score_weights"]
    assert weights["cats_score"] == 1.0
    assert weights["sents_f"] == 0.0
