"""What is predicted is read with what is right, as far as that is known."""

from types import SimpleNamespace

import numpy as np
import spacy
from numpy.testing import assert_array_equal
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_rnn.cli.calibration.predictions import TEMPERATURES, Entities
from spacy_rnn.cli.calibration.readers import judge, read_components
from spacy_rnn.pipeline.calibration import log_odds
from spacy_rnn.pipeline.entity_docs import find_entities
from spacy_rnn.pipeline.entity_gold import read_gold
from spacy_rnn.tags.decoding import span_confidences
from spacy_rnn.tags.tag_set import make_tag_set

WORDS = ["Ada", "and", "Bo", "Cee", "left", "Dover"]


def make_nlp(*factories, words=WORDS):
    nlp = spacy.blank("en")
    for factory in factories:
        nlp.add_pipe(factory)
    doc = Doc(nlp.vocab, words=words)
    doc.ents = [Span(doc, 0, 1, label="PER"), Span(doc, 2, 4, label="PER")]
    return nlp, Example(Doc(nlp.vocab, words=words), doc)


def test_an_entity_is_right_in_whole_and_with_its_label():
    _, example = make_nlp()
    tag_set = make_tag_set(("PER", "LOC"), "BILUO")
    gold = read_gold(tag_set, [example, example], None)
    found = [(0, 1, 0), (2, 4, 0), (0, 1, 1), (2, 3, 0), (3, 4, 0), (1, 4, 0)]
    right = [1, 1, 0, 0, 0, 0]
    n = len(WORDS)
    again = [(start + n, end + n, row) for start, end, row in found]
    assert_array_equal(judge(np.array(found + again), gold), right * 2)
    assert_array_equal(judge(np.array([(5, 6, 1)]), gold), [0])


def test_of_tokens_without_annotation_nothing_is_known():
    nlp, example = make_nlp()
    example.reference.set_ents(
        [Span(example.reference, 0, 1, label="PER")],
        missing=[example.reference[1:3]],
        default="outside",
    )
    gold = read_gold(make_tag_set(("PER",), "BILUO"), [example], None)
    found = judge(np.array([(0, 1, 0), (2, 4, 0), (5, 6, 0)]), gold)
    assert_array_equal(found, [1, np.nan, 0])
    assert len(judge(np.zeros((0, 3), dtype=int), gold)) == 0


def test_between_temperatures_confidences_are_nearly_exact():
    tag_set = make_tag_set(("PER", "LOC"), "BILUO")
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=(12, len(tag_set.start))).astype("f") * 3]
    nlp = spacy.blank("en")
    docs = [Doc(nlp.vocab, words=["x"] * 12)]
    model = SimpleNamespace(predict=lambda docs: scores)
    lattice, spans = find_entities(model, tag_set, docs, True)
    assert len(spans)
    at = [span_confidences(lattice, tag_set, spans, T) for T in TEMPERATURES]
    entities = Entities(log_odds(np.array(at)), np.ones(len(spans)), np.zeros(1))
    for temperature in (0.4, 1.0, 1.37, 5.0):
        exact = span_confidences(lattice, tag_set, spans, temperature)
        found = entities.confidences({"temperature": temperature})
        assert np.abs(found - exact).max() < 2e-3


def test_empty_documents_and_all_components_are_read():
    nlp, example = make_nlp("rnn_textcat_multilabel", "rnn_ner")
    example.reference.cats = {"good": 1.0, "bad": 0.0}
    empty = Example(Doc(nlp.vocab), Doc(nlp.vocab))
    empty.reference.cats = {"good": 0.0}  # of "bad" nothing is known
    nlp.initialize(lambda: [example])
    examples = [empty, example]
    found = dict(read_components(nlp, nlp.pipe_names, examples, 1))
    assert list(found) == nlp.pipe_names
    labels = found["rnn_textcat_multilabel"]
    assert_array_equal(labels.doc_of, [0, 1, 1])
    assert labels.correct.sum() == 1
    assert found["rnn_ner"].kind == "entities"
