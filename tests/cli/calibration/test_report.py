"""What is reported of calibration is so, and predictions stay."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.training import Example
from spacy.util import registry

from spacy_rnn.cli.calibration.predictions import NEUTRAL, BestLabels, Labels
from spacy_rnn.cli.calibration.report import calibrate, measure, measure_by_others

SUMMARIES = Path(__file__).parents[3] / "corpus" / "summaries"
TOK2VEC = {
    "@architectures": "spacy-rnn.HashEmbedRNN.v1",
    "width": 8,
    "depth": 1,
    "embed_size": 100,
}


def make_best_labels(n_docs, temperature, n_labels=4):
    """Predictions that would be calibrated at a temperature."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(n_docs, n_labels)) * 2
    true = np.exp(scores)
    true /= true.sum(axis=1, keepdims=True)
    truths = np.array([rng.choice(n_labels, p=row) for row in true])
    told = np.exp(scores * temperature)
    told /= told.sum(axis=1, keepdims=True)
    return BestLabels(told, truths, np.arange(n_docs))


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_a_temperature_is_found_again(temperature):
    predictions = make_best_labels(20_000, temperature)
    settings = predictions.fit(np.ones(20_000, dtype=bool))
    assert settings["temperature"] == pytest.approx(temperature, rel=0.03)
    before, after = (measure(predictions, each) for each in (NEUTRAL, settings))
    assert after.ece < 0.02 < before.ece
    assert after.nll < before.nll
    assert after.brier < before.brier
    assert after.ece < 2 * after.chance


def test_labels_get_settings_of_their_own_if_there_are_enough():
    rng = np.random.default_rng(0)
    true = rng.random((4000, 3)) * [1.0, 1.0, 0.001]
    truths = (rng.random(true.shape) < true).astype("d")
    logits = np.log(true / (1 - true))
    told = 1 / (1 + np.exp(-(logits * [0.5, 2.0, 1.0] + [1.0, 0.0, 0.0])))
    truths[:100, 0] = np.nan
    labels = Labels(told, truths, ["a", "b", "rare"], np.arange(4000), 10)
    settings = labels.fit(np.ones(len(labels.correct), dtype=bool))
    assert settings["temperature"]["a"] == pytest.approx(0.5, rel=0.1)
    assert settings["bias"]["a"] == pytest.approx(-2.0, abs=0.2)
    assert settings["temperature"]["b"] == pytest.approx(2.0, rel=0.1)
    labels.min_positives = 9999
    common = labels.fit(np.ones(len(labels.correct), dtype=bool))["temperature"]
    assert settings["temperature"]["rare"] == common["a"] == common["b"]


def test_on_new_data_documents_have_no_part_in_their_calibration():
    # Of labels that are chance, own settings look better than they are.
    rng = np.random.default_rng(0)
    P, Y = rng.random((60, 5)), (rng.random((60, 5)) < 0.5).astype("d")
    labels = Labels(P, Y, list("abcde"), np.arange(60), 5)
    settings = labels.fit(np.ones(300, dtype=bool))
    assert measure_by_others(labels).nll > measure(labels, settings).nll


def test_scores_of_sentences_become_probabilities_and_summaries_stay():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    model = {
        "@architectures": "spacy-rnn.SentenceScorer.v1",
        "tok2vec": TOK2VEC,
        "width": 8,
        "hidden_width": 8,
        "views": 2,
    }
    nlp.add_pipe("rnn_summarizer", config={"model": model})
    reader = {"@readers": "spacy-rnn.SummaryCorpus.v1"}
    path = str(SUMMARIES / "dev.jsonl")
    corpus = registry.resolve({"corpus": {**reader, "path": path}})["corpus"]
    examples = list(corpus(nlp))
    nlp.initialize(lambda: examples)

    def summarize():
        docs = nlp.pipe([example.predicted.copy() for example in examples])
        groups = [(doc._.summary, doc.spans["summary"].attrs) for doc in docs]
        return [text for text, _ in groups], [x["sentence_scores"] for _, x in groups]

    summaries, before = summarize()
    copies = [Example(each.predicted.copy(), each.reference) for each in examples]
    (report,) = calibrate(nlp, ["rnn_summarizer"], copies, 10)
    assert report.kind == "sentences"
    assert report.after.ece < report.before.ece
    assert report.settings.keys() == {"temperature", "bias"}
    again, after = summarize()
    assert again == summaries
    assert any(one != other for one, other in zip(before, after, strict=True))
    for one, other in zip(before, after, strict=True):
        assert_array_equal(np.argsort(one), np.argsort(other))
