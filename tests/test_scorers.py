"""Summaries are scored by their sentences and by their text."""

import json

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_rnn.extensions import register_text, written_texts
from spacy_rnn.metrics.bleu import translation_scores
from spacy_rnn.metrics.rouge import rouge
from spacy_rnn.scorers import (
    make_bleu_scorer,
    make_rouge_scorer,
    summary_score,
    translation_score,
)

SENTENCES = [
    "The council met on Monday .",
    "It rained .",
    "A new bridge will be built .",
    "Nobody objected .",
]
ROUGE = {
    "rouge_1_f": "rouge1",
    "rouge_2_f": "rouge2",
    "rouge_l_f": "rougeL",
    "rouge_lsum_f": "rougeLsum",
}
CHOSEN = ("summary_p", "summary_r", "summary_f")
NLP = spacy.blank("en")


@pytest.fixture
def no_extension():
    """Take `doc._.summary` away, and give back what was there."""
    before = Doc.remove_extension("summary") if Doc.has_extension("summary") else None
    yield
    if Doc.has_extension("summary"):
        Doc.remove_extension("summary")
    if before is not None:
        default, method, getter, setter = before
        Doc.set_extension(
            "summary", default=default, method=method, getter=getter, setter=setter
        )


@pytest.fixture
def extension(no_extension):
    Doc.set_extension("summary", default=None)


def make_doc(chosen=None, summary=None, *, key="summary", sentences=SENTENCES):
    """Make a document; `chosen` are the numbers of the sentences of its summary."""
    words = [word for sentence in sentences for word in sentence.split()]
    starts = [i == 0 for sentence in sentences for i, _ in enumerate(sentence.split())]
    doc = Doc(NLP.vocab, words=words, sent_starts=starts)
    if chosen is not None:
        sents = list(doc.sents)
        doc.spans[key] = [sents[i] for i in chosen]
    if summary is not None:
        doc._.summary = summary
    return doc


def score(*pairs, **settings):
    return summary_score([Example(*pair) for pair in pairs], **settings)


def text_of(*chosen):
    return "\n".join(SENTENCES[i] for i in chosen)


def check_rouge(found, candidate, reference):
    expected = rouge(candidate, reference)
    for name, key in ROUGE.items():
        assert found[name] == pytest.approx(expected[key].f1), name
    assert 0.0 < found["rouge_1_f"] < 1.0  # or it would prove little


@pytest.mark.usefixtures("no_extension")
def test_without_the_extension_the_chosen_sentences_are_compared():
    found = score((make_doc([0, 1]), make_doc([0, 2])))
    check_rouge(found, text_of(0, 1), text_of(0, 2))
    assert [found[name] for name in CHOSEN] == [0.5, 0.5, 0.5]
    assert not Doc.has_extension("summary")


@pytest.mark.usefixtures("extension")
def test_texts_of_the_extension_come_before_those_of_the_sentences():
    predicted = make_doc([0], "Nothing will be built.")
    reference = make_doc([2], "A bridge will be built.")
    found = score((predicted, reference))
    check_rouge(found, "Nothing will be built.", "A bridge will be built.")
    assert found["summary_f"] == 0.0


@pytest.mark.usefixtures("extension")
def test_sentences_stand_in_for_a_text_on_either_side():
    text, written = text_of(2), "A bridge will be built."
    check_rouge(score((make_doc([2]), make_doc([0], written))), text, written)
    check_rouge(score((make_doc([0], written), make_doc([2]))), written, text)


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize("blank", ["", " \n", [], ["", " "]])
def test_a_blank_text_is_none(blank):
    found = score((make_doc([0, 1], blank), make_doc([0, 2], blank)))
    check_rouge(found, text_of(0, 1), text_of(0, 2))


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize("kind", [list, tuple])  # a .spacy file makes tuples of lists
def test_of_several_references_the_best_one_counts(kind):
    references = kind(["Snow.", "A bridge will be built.", ""])
    found = score((make_doc([2]), make_doc(summary=references)))
    check_rouge(found, text_of(2), references[1])


@pytest.mark.usefixtures("extension")
def test_means_are_taken_over_documents_with_a_reference():
    pairs = [
        (make_doc([0]), make_doc(summary="The council met.")),
        (make_doc([1]), make_doc()),
        (make_doc([1]), make_doc([])),
        (make_doc([1]), make_doc(summary="Sunshine.")),
    ]
    found = score(*pairs)
    first, last = score(pairs[0]), score(pairs[3])
    for name in ROUGE:
        assert found[name] == pytest.approx((first[name] + last[name]) / 2)


@pytest.mark.usefixtures("no_extension")
def test_sentences_are_counted_over_the_documents_whose_reference_has_the_group():
    found = score(
        (make_doc([0, 1, 2]), make_doc([0, 1])),  # 2 of 3 right
        (make_doc([3]), make_doc()),  # unknown
        (make_doc([3]), make_doc([])),  # wrong
        (make_doc(), make_doc([2])),  # missing
    )
    assert found["summary_p"] == pytest.approx(2 / 4)
    assert found["summary_r"] == pytest.approx(2 / 3)
    assert found["summary_f"] == pytest.approx(4 / 7)


@pytest.mark.usefixtures("extension")
def test_a_missing_prediction_scores_nothing():
    found = score((make_doc(), make_doc([0], "The council met.")))
    assert set(found.values()) == {0.0}


@pytest.mark.usefixtures("extension")
@pytest.mark.parametrize("n", [0, 1, 3])
def test_without_any_reference_nothing_is_known(n):
    found = score(*[(make_doc([0]), make_doc()) for _ in range(n)])
    assert found == dict.fromkeys([*ROUGE, *CHOSEN])


@pytest.mark.usefixtures("no_extension")
def test_texts_say_nothing_of_sentences_and_empty_documents_are_legal():
    Doc.set_extension("summary", default="A bridge.")
    found = score((make_doc([0]), make_doc()))
    assert [found[name] for name in CHOSEN] == [None] * 3
    empty = make_doc([], sentences=[])
    assert score((empty, empty))["rouge_1_f"] == 1.0


@pytest.mark.usefixtures("no_extension")
def test_sentences_are_lines_in_the_order_of_the_group():
    found = score((make_doc([2, 0]), make_doc([0, 2])))
    check = rouge(text_of(2, 0), text_of(0, 2))
    assert found["rouge_lsum_f"] == found["summary_f"] == 1.0
    assert found["rouge_l_f"] == check["rougeL"].f1 < 1.0


@pytest.mark.usefixtures("extension")
def test_a_line_break_in_a_sentence_does_not_make_it_two():
    reference = Doc(NLP.vocab, words=["one", "\n", "two"])
    reference.spans["summary"] = [reference[:]]
    predicted = Doc(NLP.vocab, words=["one", "two"])
    predicted._.summary = "two one"
    assert score((predicted, reference))["rouge_lsum_f"] == 0.5


@pytest.mark.usefixtures("no_extension")
def test_the_group_has_the_name_that_it_is_given_and_the_scores_keep_theirs():
    pair = make_doc([0], key="gist"), make_doc([0], key="gist")
    assert set(score(pair).values()) == {None}
    found = score(pair, spans_key="gist", threshold=0.5)
    assert found == dict.fromkeys([*ROUGE, *CHOSEN], 1.0)


@pytest.mark.usefixtures("no_extension")
def test_labels_of_spans_do_not_matter_and_tokens_are_aligned():
    predicted = Doc(NLP.vocab, words=["It", "rained.", "Hard", "."])
    predicted.spans["summary"] = [Span(predicted, 0, 2, label="TAKEN")]
    reference = Doc(
        NLP.vocab,
        words=["It", "rained", ".", "Hard", "."],
        spaces=[True, False, True, True, False],
    )
    reference.spans["summary"] = [reference[0:3]]
    assert score((predicted, reference))["summary_f"] == 1.0


@pytest.mark.usefixtures("extension")
def test_a_summary_that_is_no_text_is_an_error_that_shows_it():
    with pytest.raises(TypeError, match="has to be a text, .* has 3"):
        score((make_doc([0]), make_doc(summary=3)))


@pytest.mark.usefixtures("no_extension")
def test_a_pipeline_is_evaluated_with_it():
    @Language.component("first_sentence")
    def choose(doc):
        doc.spans["summary"] = [doc[0:6]]
        return doc

    scorer = spacy.registry.scorers.get("spacy-rnn.rouge_scorer.v1")()
    nlp = spacy.blank("en")
    nlp.add_pipe("first_sentence")
    choose.score = lambda examples, **settings: scorer(examples)
    reference = make_doc([0, 1])
    found = nlp.evaluate([Example(nlp.make_doc(reference.text), reference)])
    assert found["summary_p"] == 1.0
    assert found["summary_r"] == 0.5
    assert 0.0 < found["rouge_2_f"] < 1.0
    assert all(type(found[name]) is float for name in [*ROUGE, *CHOSEN])
    json.dumps(found)


def make_written(text, extension="translation"):
    Doc.set_extension(extension, default=None, force=True)
    doc = Doc(NLP.vocab, words=["a"])
    doc._.set(extension, text)
    return doc


def score_texts(*pairs, score=translation_score, **settings):
    """Score pairs of what was written and its reference."""
    extension = settings.get("extension", "translation")
    docs = [[make_written(text, extension) for text in pair] for pair in pairs]
    return score([Example(*pair) for pair in docs], **settings)


TEXTS = ["Der alte Hund schläft im Garten.", "Der Hund schläft jetzt im Garten."]


def test_translations_are_scored_over_the_documents_with_a_reference():
    found = score_texts((TEXTS[0], TEXTS[1]), ("Ja.", None), ("Nein.", " "))
    assert found == translation_scores([TEXTS[0]], [[TEXTS[1]]])
    assert 0.0 < found["bleu"] < found["chrf"] < 1.0


@pytest.mark.parametrize("kind", [list, tuple])
def test_all_references_of_a_translation_count(kind):
    found = score_texts((TEXTS[0], kind(TEXTS)), ("Ja.", "Doch."))
    assert found == translation_scores([TEXTS[0], "Ja."], [TEXTS, ["Doch."]])
    assert found["exact_match"] == 0.5


@pytest.mark.parametrize("missing", [None, "", []])
def test_a_missing_translation_is_an_empty_one(missing):
    assert set(score_texts((missing, TEXTS[0])).values()) == {0.0}


def test_without_a_reference_translations_have_no_score():
    names = {"bleu", "chrf", "exact_match"}
    assert score_texts((TEXTS[0], None)) == dict.fromkeys(names)
    assert score_texts() == dict.fromkeys(names)


def test_translations_may_be_in_another_extension():
    found = score_texts((TEXTS[0], TEXTS[0]), extension="german_for_a_test")
    assert found["exact_match"] == 1.0


def test_scorers_of_texts_are_registered():
    scorers = spacy.registry.scorers
    assert scorers.get("spacy-rnn.bleu_scorer.v1") is make_bleu_scorer
    assert make_bleu_scorer() is translation_score
    assert scorers.get("spacy-rnn.rouge_scorer.v1") is make_rouge_scorer
    assert make_rouge_scorer() is summary_score


@pytest.mark.usefixtures("extension")
def test_chosen_sentences_count_nothing_where_only_texts_are_scored():
    written = make_rouge_scorer(sentences=False)
    reference = make_doc([0, 2], "A bridge will be built.")
    chosen = make_doc([2], "Nothing will be built.")
    found = written([Example(chosen, reference)])
    assert found.keys() == ROUGE.keys()
    check_rouge(found, "Nothing will be built.", "A bridge will be built.")
    found = written([Example(make_doc([2]), reference)])
    assert set(found.values()) == {0.0}
    assert set(written([Example(chosen, make_doc([0]))]).values()) == {None}


def test_texts_in_another_extension_are_scored_by_the_best_reference():
    found = score_texts(
        ("Nothing will be built.", ["Snow.", "A bridge will be built."]),
        score=make_rouge_scorer(sentences=False),
        extension="subject_for_a_test",
    )
    check_rouge(found, "Nothing will be built.", "A bridge will be built.")


@pytest.mark.parametrize("value", [float("nan"), 3, ["a", 4.5]])
def test_what_is_no_text_is_refused_with_its_document(value):
    register_text("summary")
    doc = Doc(spacy.blank("en").vocab, words=["An", "article"])
    doc._.summary = value
    with pytest.raises(TypeError, match=r"doc\._\.summary .* 'An article ' has"):
        written_texts(doc, "summary")
