import json
import random
import tempfile
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem import SnowballStemmer
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example
from spacy.util import registry
from thinc.api import Config, ConfigValidationError

from spacy_rnn.corpora.summaries.corpus import SummaryCorpus
from spacy_rnn.metrics.oracle import oracle_labels
from spacy_rnn.metrics.rouge import tokenize

NLP = spacy.blank("en")
NLP.add_pipe("nltk_sentencizer")
BLANK = spacy.blank("en")
ROWS = [
    {"sents": ["Rain fell.", "Dr. No slept.", "Ed left."], "sent_labels": [0, 1, 1]},
    {"text": "Snow fell. It was cold.\n\nAll left.", "summary": "All of them left."},
    {"document": ["Sun!", "It shone."], "summary": ["Sun.", "Shone."], "refs": []},
    {"text": "One. Two. Three.", "refs": ["One two.", "Three."]},
]


def write(path, rows=ROWS):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def a_file(tmp_path):
    return write(tmp_path / "a.jsonl")


def references(corpus, nlp=NLP):
    return [example.reference for example in corpus(nlp)]


def sentences(doc):
    return [sentence.text.strip() for sentence in doc.sents]


def chosen(doc):
    return [span.text.strip() for span in doc.spans["summary"]]


@pytest.mark.parametrize("keep", [True, False])
def test_references_have_sentences_and_the_chosen_ones(a_file, keep):
    corpus = SummaryCorpus(a_file, keep=keep)
    for _ in range(2):
        docs = references(corpus)
        assert [doc.text for doc in docs] == [
            "Rain fell. Dr. No slept. Ed left.",
            "Snow fell. It was cold.\n\nAll left.",
            "Sun! It shone.",
            "One. Two. Three.",
        ]
        assert [sentences(doc) for doc in docs] == [
            ["Rain fell.", "Dr. No slept.", "Ed left."],
            ["Snow fell.", "It was cold.", "All left."],
            ["Sun!", "It shone."],
            ["One.", "Two.", "Three."],
        ]
        assert [chosen(doc) for doc in docs] == [
            ["Dr. No slept.", "Ed left."],
            ["All left."],
            ["Sun!", "It shone."],
            ["One.", "Two."],
        ]
        assert [doc._.summary for doc in docs] == [
            None,
            "All of them left.",
            "Sun.\nShone.",
            ["One two.", "Three."],
        ]


def test_chosen_spans_are_sentences_of_the_document(a_file):
    for doc in references(SummaryCorpus(a_file)):
        bounds = {(sent.start, sent.end) for sent in doc.sents}
        spans = [(span.start, span.end) for span in doc.spans["summary"]]
        assert bounds.issuperset(spans)
        assert spans == sorted(spans)


def test_sentences_are_chosen_by_the_oracle_from_the_first_reference(a_file):
    doc = references(SummaryCorpus(a_file))[3]
    tokens = [tokenize(sentence.text, stemming=True) for sentence in doc.sents]
    labels = oracle_labels(tokens, tokenize("One two.", stemming=True))
    assert [sent.text in chosen(doc) for sent in doc.sents] == list(map(bool, labels))
    docs = references(SummaryCorpus(a_file, max_sentences=1))
    assert [len(doc.spans["summary"]) for doc in docs] == [2, 1, 1, 1]


def test_a_summary_of_other_words_chooses_no_sentence(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"text": "A b. C.", "summary": "X y."}])
    (doc,) = references(SummaryCorpus(path))
    assert "summary" in doc.spans
    assert chosen(doc) == []


def test_predictions_have_the_sentences_of_the_references_and_nothing_else(a_file):
    for example in SummaryCorpus(a_file)(NLP):
        assert sentences(example.predicted) == sentences(example.reference)
        assert example.predicted.has_annotation("SENT_START", require_complete=True)
        assert "summary" not in example.predicted.spans
        assert example.predicted._.summary is None


def test_an_annotating_sentencizer_leaves_the_sentences_as_they_are(a_file):
    path = write(a_file, [{"sents": ["A b. C d.", "E"], "sent_labels": [0, 1]}])
    (example,) = SummaryCorpus(path)(NLP)
    doc = NLP.get_pipe("nltk_sentencizer")(example.predicted)
    assert sentences(doc) == ["A b. C d.", "E"]


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
labelled = st.lists(st.tuples(words, st.booleans()), min_size=1, max_size=6)


@given(rows=labelled)
def test_any_list_of_sentences_keeps_its_bounds_and_labels(rows):
    row = {"sents": [sent for sent, _ in rows], "summary": "x"}
    row["sent_labels"] = [int(label) for _, label in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.jsonl", [row])
        kept = [(sent.strip(), label) for sent, label in rows if sent.strip()]
        if not kept:
            return
        (example,) = SummaryCorpus(path)(BLANK)
        doc = example.reference
        assert doc.text == " ".join(sent for sent, _ in kept)
        assert sentences(doc) == [sent for sent, _ in kept]
        assert chosen(doc) == [sent for sent, label in kept if label]
        assert sentences(example.predicted) == sentences(doc)


@given(text=words.filter(str.strip))
def test_any_text_is_the_text_of_its_document(text):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "a.jsonl", [{"text": text, "summary": "a"}])
        (example,) = SummaryCorpus(path)(NLP)
        assert example.reference.text == example.predicted.text == text
        assert sentences(example.predicted) == sentences(example.reference)


def test_a_token_that_is_in_two_sentences_joins_them(tmp_path):
    nlp = spacy.blank("en")
    nlp.tokenizer = lambda text: Doc(nlp.vocab, words=[text], spaces=[False])
    rows = [{"sents": ["a", "b", "c"], "sent_labels": [0, 1, 0]}]
    (doc,) = references(SummaryCorpus(write(tmp_path / "a.jsonl", rows)), nlp)
    assert [sent.text for sent in doc.sents] == chosen(doc) == ["a b c"]


def test_without_a_component_for_sentences_the_error_says_what_to_do(a_file):
    with pytest.raises(ValueError, match=r"\[training\] annotating_components") as info:
        next(SummaryCorpus(a_file)(BLANK))
    assert 'sentences = "punkt"' in str(info.value)
    rows = [row for row in ROWS if "text" not in row]
    assert len(references(SummaryCorpus(write(a_file, rows)), BLANK)) == 2


@pytest.mark.parametrize(("component", "n"), [("sentencizer", 2), (None, 1)])
def test_sentences_are_those_of_the_pipeline_or_of_punkt(tmp_path, component, n):
    nlp = spacy.blank("en")
    if component:
        nlp.add_pipe(component)
    rows = [{"text": "See fig. 3 now.", "summary": "See fig. 3"}]
    path = write(tmp_path / "a.jsonl", rows)
    source = "pipeline" if component else "punkt"
    (example,) = SummaryCorpus(path, sentences=source)(nlp)
    assert len(sentences(example.reference)) == len(sentences(example.predicted)) == n


@pytest.mark.parametrize("other", [None, "senter"])
def test_a_component_that_is_not_initialized_now_finds_sentences(tmp_path, other):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    if other:
        nlp.add_pipe(other)
    path = write(tmp_path / "a.jsonl", [{"text": "One. Two.", "summary": "Two."}])
    with nlp.select_pipes(disable=nlp.pipe_names):  # as where they are frozen
        (example,) = SummaryCorpus(path)(nlp)
    assert sentences(example.reference) == ["One.", "Two."]


@Language.component("mark_all", assigns=["token.tag"])
def mark_all(doc):
    for token in doc:
        token.tag_ = "X"
    return doc


@Language.component("split_by_tag", assigns=["token.is_sent_start"])
def split_by_tag(doc):
    for token in doc:
        token.is_sent_start = token.i % 2 == 0 and token.tag_ == "X"
    return doc


def test_components_before_that_for_sentences_run_but_leave_nothing_behind(a_file):
    nlp = spacy.blank("en")
    nlp.add_pipe("mark_all")
    nlp.add_pipe("split_by_tag")
    write(a_file, [{"text": "a b c d", "summary": "c"}])
    (example,) = SummaryCorpus(a_file)(nlp)
    assert sentences(example.reference) == ["a b", "c d"]
    assert {token.tag_ for token in example.reference} == {""}


def test_a_language_without_data_is_an_error_that_names_the_command(a_file):
    corpus = SummaryCorpus(a_file, sentences="punkt", language="klingon")
    with pytest.raises(LookupError, match="nltk.downloader punkt_tab"):
        next(corpus(BLANK))


def test_articles_and_summaries_are_cleaned(tmp_path):
    rows = [
        {"text": "<p>“Rain” fell.</p>", "summary": "<b>Rain</b>."},
        {"sents": ["<i>A.</i>", "<br/>", "B."], "sent_labels": [1, 1, 0]},
    ]
    steps = ["strip_markup", "normalize_quotes", "normalize_spaces"]
    path = write(tmp_path / "a.jsonl", rows)
    docs = references(SummaryCorpus(path, clean=steps))
    assert [(doc.text, doc._.summary) for doc in docs] == [
        ('"Rain" fell.', "Rain."),
        ("A. B.", None),
    ]
    assert chosen(docs[1]) == ["A."]


@pytest.mark.parametrize("language", [None, "german", "french"])
def test_words_are_stemmed_as_in_their_language(tmp_path, language):
    path = write(tmp_path / "a.jsonl", [{"text": "Running Katzen.", "summary": "ja"}])
    corpus = SummaryCorpus(path, clean=["stem"], language=language)
    stem = SnowballStemmer(language or "english").stem
    assert [doc.text for doc in references(corpus)] == [
        f"{stem('Running')} {stem('Katzen')}."
    ]


def test_summaries_are_kept_only_where_they_are_asked_for(a_file):
    docs = references(SummaryCorpus(a_file, keep_summary=False))
    assert [doc._.summary for doc in docs] == [None] * 4
    assert [doc.user_data for doc in docs] == [{}] * 4
    assert [len(doc.spans["summary"]) for doc in docs] == [2, 1, 2, 2]


@pytest.mark.parametrize("user_data", [False, True])
def test_docbins_keep_sentences_and_chosen_ones(a_file, tmp_path, user_data):
    docs = references(SummaryCorpus(a_file))
    path = tmp_path / "a.spacy"
    DocBin(docs=docs, store_user_data=user_data).to_disk(path)
    read = references(SummaryCorpus(path), BLANK)
    assert [doc.text for doc in read] == [doc.text for doc in docs]
    assert list(map(sentences, read)) == list(map(sentences, docs))
    assert list(map(chosen, read)) == list(map(chosen, docs))
    kept = [None, "All of them left.", "Sun.\nShone.", ("One two.", "Three.")]
    assert [doc._.summary for doc in read] == (kept if user_data else [None] * 4)
    for example in SummaryCorpus(path)(BLANK):
        assert sentences(example.predicted) == sentences(example.reference)


def test_sentences_of_docbins_with_nothing_but_a_summary_are_chosen(tmp_path):
    docs = []
    for starts in (None, [True, False, False, False]):
        doc = Doc(BLANK.vocab, words=["Rain", ".", "Ice", "."], sent_starts=starts)
        doc._.summary = "Rain."
        docs.append(doc)
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "a.spacy")
    corpus = SummaryCorpus(tmp_path / "a.spacy")
    assert list(map(chosen, references(corpus))) == [["Rain ."], ["Rain . Ice ."]]


def test_other_tokens_of_a_docbin_are_aligned(tmp_path):
    words = ["do", "n't", "go", "left", "-", "right"]
    spaces = [False, True, True, False, False, False]
    doc = Doc(BLANK.vocab, words=words, spaces=spaces, sent_starts=[1, 0, 0, 1, 0, 0])
    doc.spans["summary"] = [doc[3:]]
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    nlp = spacy.blank("xx")
    nlp.tokenizer.infix_finditer = None
    (example,) = SummaryCorpus(tmp_path / "a.spacy")(nlp)
    assert [token.text for token in example.predicted] == ["don't", "go", "left-right"]
    assert sentences(example.predicted) == ["don't go", "left-right"]


def test_spacy_reads_what_was_converted(a_file, tmp_path):
    docs = references(SummaryCorpus(a_file, keep_summary=False))
    DocBin(docs=docs).to_disk(tmp_path / "a.spacy")
    examples = list(Corpus(tmp_path / "a.spacy")(NLP))
    assert [chosen(eg.reference) for eg in examples] == list(map(chosen, docs))
    assert not examples[0].predicted.has_annotation("SENT_START")


@pytest.mark.parametrize("rows", [ROWS[:1], ROWS[1:2]])
def test_a_corpus_of_one_document_is_one(tmp_path, rows):
    assert len(references(SummaryCorpus(write(tmp_path / "a.jsonl", rows)))) == 1


def test_a_folder_is_one_corpus_of_any_formats(a_file, tmp_path):
    (tmp_path / "b.csv").write_text("text,summary\nA b. C.,C.\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.story").write_text("D e.\n\n@highlight\n\nD\n")
    DocBin(docs=references(SummaryCorpus(a_file))).to_disk(tmp_path / "d.spacy")
    docs = references(SummaryCorpus(tmp_path))
    assert [doc.text for doc in docs[4:5]] == ["A b. C."]
    assert docs[-1].text == "D e."
    assert len(docs) == 10


@pytest.mark.parametrize("keep", [True, False])
def test_limit_counts_documents(a_file, keep):
    for limit in (1, 3, 10):
        docs = references(SummaryCorpus(a_file, limit=limit, keep=keep))
        assert len(docs) == min(limit, 4)


def test_documents_of_max_length_are_left_out_whole(a_file):
    lengths = [len(doc) for doc in references(SummaryCorpus(a_file))]
    for limit in (min(lengths), max(lengths), max(lengths) + 1):
        docs = references(SummaryCorpus(a_file, max_length=limit))
        assert [len(doc) for doc in docs] == [n for n in lengths if n < limit]


def test_every_call_gives_predictions_of_its_own(a_file):
    corpus = SummaryCorpus(a_file)
    for example in corpus(NLP):
        example.predicted._.summary = "x"
        example.predicted.spans["summary"] = [example.predicted[:1]]
    for example in corpus(NLP):
        assert example.predicted._.summary is None
        assert "summary" not in example.predicted.spans


def test_a_kept_corpus_serves_another_pipeline_with_its_own_vocabulary(a_file):
    corpus = SummaryCorpus(a_file, sentences="punkt")
    list(corpus(NLP))
    other = spacy.blank("de")
    for example in corpus(other):
        assert example.reference.vocab is example.predicted.vocab is other.vocab


def test_an_augmenter_keeps_sentences_and_summaries(a_file):
    random.seed(0)
    lower = registry.augmenters.get("spacy.lower_case.v1")(level=1.0)

    def twice(nlp, example):
        yield example
        yield from lower(nlp, example)

    plain = references(SummaryCorpus(a_file))
    examples = list(SummaryCorpus(a_file, augmenter=twice)(NLP))
    assert [eg.predicted.text for eg in examples[::2]] == [doc.text for doc in plain]
    for example, doc in zip(examples[1::2], plain, strict=True):
        assert example.predicted.text == example.reference.text == doc.text.lower()
        assert chosen(example.reference) == [text.lower() for text in chosen(doc)]
        assert example.reference._.summary == doc._.summary
        expected = [text.lower() for text in sentences(doc)]
        assert sentences(example.predicted) == expected


def test_an_augmenter_may_leave_out_words_and_keeps_the_summaries(a_file):
    def leave_out(nlp, example):
        words = [token.text for token in example.reference][1:]
        yield Example(Doc(nlp.vocab, words), Doc(nlp.vocab, words))

    plain = references(SummaryCorpus(a_file))
    found = references(SummaryCorpus(a_file, augmenter=leave_out))
    assert [len(doc) for doc in found] == [len(doc) - 1 for doc in plain]
    assert [doc._.summary for doc in found] == [doc._.summary for doc in plain]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_sentences": -1}, "max_sentences has to be 0"),
        ({"sentences": "nltk"}, "sentences has to be one of .+ it is 'nltk'"),
        ({"clean": ["wash"]}, "wash"),
    ],
)
def test_arguments_without_a_meaning_are_refused(a_file, options, message):
    with pytest.raises(ValueError, match=message):
        SummaryCorpus(a_file, **options)


CONFIG = """
[corpus]
@readers = "spacy-rnn.SummaryCorpus.v1"
"""


def test_a_config_names_the_reader(a_file):
    config = Config().from_str(CONFIG)
    config["corpus"] |= {"path": str(a_file), "limit": 2, "max_sentences": 1}
    config["corpus"] |= {"sentences": "punkt", "clean": ["normalize_spaces"]}
    corpus = registry.resolve(config)["corpus"]
    assert [len(doc.spans["summary"]) for doc in references(corpus, BLANK)] == [2, 1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("errors", "strick"),
        ("sentences", "nltk"),
        ("clean", ["wash"]),
        ("keep_summary", "maybe"),
        ("max_sentences", "all"),
    ],
)
def test_a_config_with_a_wrong_value_is_refused(a_file, key, value):
    config = Config().from_str(CONFIG)
    config["corpus"] |= {"path": str(a_file), key: value}
    with pytest.raises(ConfigValidationError, match=key):
        registry.resolve(config)
