"""What all corpora of files do, whatever is in these."""

from functools import partial

import pytest
import spacy
import srsly

from spacy_rnn.corpora.pairs.corpus import PairCorpus
from spacy_rnn.corpora.summaries.corpus import SummaryCorpus
from spacy_rnn.corpora.texts.corpus import TextCorpus
from spacy_rnn.corpora.tokens.corpus import TokenCorpus

NLP = spacy.blank("en")
CORPORA = {
    "texts": (TextCorpus, {"text": "Warm soup.", "label": "good"}),
    "pairs": (PairCorpus, {"source": "Warm soup.", "target": "Warme Suppe."}),
    "summaries": (SummaryCorpus, {"sents": ["Warm.", "Soup."], "sent_labels": [1, 0]}),
    "tokens": (
        partial(TokenCorpus, tag_column="pos"),
        {"tokens": ["Warm", "soup"], "pos": ["JJ", "NN"]},
    ),
}


@pytest.fixture(params=CORPORA.values(), ids=CORPORA)
def kind_and_row(request):
    return request.param


@pytest.fixture
def make_corpus(kind_and_row):
    return kind_and_row[0]


@pytest.fixture
def a_file(kind_and_row, tmp_path):
    srsly.write_jsonl(tmp_path / "data.jsonl", [kind_and_row[1]] * 3)
    return tmp_path / "data.jsonl"


def test_a_kept_corpus_does_not_read_its_file_again(make_corpus, a_file):
    corpus = make_corpus(a_file)
    before = list(corpus(NLP))
    a_file.unlink()
    for first, second in zip(before, corpus(NLP), strict=True):
        assert first.reference is second.reference
        assert first.predicted is not second.predicted


def test_a_corpus_that_is_not_kept_reads_its_file_again(make_corpus, a_file):
    corpus = make_corpus(a_file, keep=False)
    assert len(list(corpus(NLP))) == 3
    a_file.write_text(a_file.read_text() * 2)
    assert len(list(corpus(NLP))) == 6


def test_a_kept_corpus_serves_another_pipeline_with_its_own_vocabulary(
    make_corpus, a_file
):
    corpus, other = make_corpus(a_file), spacy.blank("de")
    assert len(list(corpus(NLP))) == 3
    for example in corpus(other):
        assert example.reference.vocab is example.predicted.vocab is other.vocab


def test_an_augmenter_makes_examples_of_each_example(make_corpus, a_file):
    def twice(nlp, example):
        yield example
        yield example

    corpus = make_corpus(a_file, augmenter=twice)
    first, second, *others = (example.reference for example in corpus(NLP))
    assert first is second
    assert len(others) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": None}, "E913"),
        ({"limit": -1}, "limit has to be 0 or more, but it is -1"),
        ({"max_length": -1}, "max_length has to be 0"),
        ({"max_size": -1}, "max_size has to be 0"),
        ({"errors": "ignore"}, "errors has to be one of"),
    ],
)
def test_arguments_without_a_meaning_are_refused(make_corpus, a_file, options, message):
    with pytest.raises(ValueError, match=message):
        make_corpus(**{"path": a_file, **options})
