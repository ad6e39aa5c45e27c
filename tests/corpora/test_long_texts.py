"""Texts that are too long for a pipeline, in all corpora that it tokenizes."""

import re

import pytest
import spacy
import srsly

from spacy_rnn.corpora.pairs.corpus import PairCorpus
from spacy_rnn.corpora.summaries.corpus import SummaryCorpus
from spacy_rnn.corpora.texts.corpus import TextCorpus

LONG = "Much. " * 9
CORPORA = {
    "texts": (TextCorpus, {"text": LONG, "label": "long"}),
    "pairs": (PairCorpus, {"source": LONG, "target": "Viel."}),
    "summaries": (
        SummaryCorpus,
        {"sents": ["Much."] * 9, "sent_labels": [1] + [0] * 8},
    ),
}


@pytest.fixture
def nlp():
    nlp = spacy.blank("en")
    nlp.max_length = 40
    return nlp


@pytest.fixture(params=CORPORA)
def make_corpus(request, tmp_path):
    """Make a corpus whose second text of three is too long."""
    kind, row = CORPORA[request.param]
    short = {
        key: value[:2] if isinstance(value, list) else value[:12]
        for key, value in row.items()
    }
    path = tmp_path / "data.jsonl"
    srsly.write_jsonl(path, [short, row, short])
    return lambda errors: kind(path, errors=errors)


def test_a_text_that_is_too_long_is_refused_with_its_line(make_corpus, nlp):
    with pytest.raises(ValueError, match=r"data.jsonl:2: the text has 5\d characters"):
        list(make_corpus("strict")(nlp))


def test_a_text_that_is_too_long_can_be_left_out(make_corpus, nlp):
    message = r"data\.jsonl:2: .* no more than 40, its nlp\.max_length"
    with pytest.warns(UserWarning, match=message):
        examples = list(make_corpus("skip")(nlp))
    assert len(examples) == 2


def test_the_same_text_is_read_for_a_pipeline_that_takes_it(make_corpus, nlp):
    nlp.max_length = 100
    (_, text, _) = (example.reference.text for example in make_corpus("strict")(nlp))
    assert len(re.findall("Much", text)) == 9
