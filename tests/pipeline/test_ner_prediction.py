"""Any text gets entities, legal ones, and the same however it is passed in."""

from itertools import pairwise, product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from spacy import displacy
from spacy.tokens import Doc, DocBin, Span
from tag_names import make_tags, tags_to_spans

from spacy_rnn.pipeline import ner

SCHEMES = ("BIO", "BILUO")
ODD_TEXTS = {
    "empty": "",
    "space": " ",
    "whitespace": " \n\t\r\n  ",
    "one character": "a",
    "long token": "a" * 300_000,
    "emoji": "\U0001f600\U0001f468‍\U0001f469 ❤️",
    "control characters": "\x00\x01\x1b[0m\x7f\ufffe\u200b\u202e",
    "many newlines": "\n" * 2000,
    "other script": "ภาษาไทย 中文 हिन्दी",
}


@pytest.fixture
def wild(make_ner, make_entities):
    """Make a pipeline with large random weights: `wild(**config)`."""

    def make(**config):
        nlp = make_ner(**config)
        key = None if config.get("annotate_ents", True) else config["spans_key"]
        nlp.initialize(lambda: make_entities(nlp, key=key))
        rng = np.random.default_rng(1)
        layer = nlp.get_pipe("rnn_ner").model.get_ref("output_layer")
        for name in layer.param_names:
            shape = layer.get_param(name).shape
            layer.set_param(name, rng.normal(scale=3, size=shape).astype("f"))
        return nlp

    return make


def random_docs(nlp, n=40):
    rng = np.random.default_rng(0)
    words = ["Ada", "Byron", "left", "New", "York", "City", "\n", "Bern", "x", "Y7"]
    return [
        Doc(nlp.vocab, words=rng.choice(words, rng.integers(0, 12)).tolist())
        for _ in range(n)
    ]


def entities_of(doc):
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def confidences_of(doc):
    return doc.spans["rnn_ner"].attrs["scores"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_untrained_model_gives_legal_entities(wild, scheme):
    nlp = wild(scheme=scheme)
    docs = random_docs(nlp, 100)
    predicted = nlp.get_pipe("rnn_ner").predict(docs)
    assert sum(len(entities.spans) for entities in predicted) > 100
    assert max(j - i for e in predicted for i, j, _ in e.spans) > 2
    for doc, entities in zip(docs, predicted, strict=True):
        assert all(0 <= i < j <= len(doc) for i, j, _ in entities.spans)
        assert all(a[1] <= b[0] for a, b in pairwise(entities.spans))
        assert {label for *_, label in entities.spans} <= {"LOC", "PER"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_entities_and_confidences_do_not_depend_on_the_batch(wild, scheme):
    nlp = wild(scheme=scheme)
    docs = random_docs(nlp)
    docs[3] = Doc(nlp.vocab)
    pipe = nlp.get_pipe("rnn_ner")
    together = pipe.predict(docs)
    backwards = pipe.predict(docs[::-1])[::-1]
    for doc, entities, other in zip(docs, together, backwards, strict=True):
        (alone,) = pipe.predict([doc])
        assert alone.spans == entities.spans == other.spans
        assert_allclose(alone.confidences, entities.confidences, atol=1e-5)
        assert_allclose(other.confidences, entities.confidences, atol=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_confidence_is_the_probability_of_the_entity(wild, scheme):
    nlp = wild(scheme=scheme)
    pipe = nlp.get_pipe("rnn_ner")
    tag_set = pipe.tag_set
    doc = Doc(nlp.vocab, words=["Ada", "left", "New", "York"])
    scores = pipe.model.predict([doc])
    weights = {}  # of each way to have entities, by its tags
    for path in product(range(len(tag_set.start)), repeat=len(doc)):
        steps = list(pairwise(path))
        if (
            tag_set.start[path[0]]
            and tag_set.end[path[-1]]
            and all(tag_set.transitions[step] for step in steps)
        ):
            total = sum(scores.emissions[0][range(len(doc)), path])
            total += sum(scores.transitions[step] for step in steps)
            weights[path] = np.exp(total + scores.start[path[0]] + scores.end[path[-1]])
    tags = make_tags(pipe.labels, scheme)
    spans = {
        path: tags_to_spans([tags[tag] for tag in path], scheme) for path in weights
    }
    best = max(weights, key=weights.get)
    (entities,) = pipe.predict([doc])
    assert entities.spans == spans[best]
    assert entities.spans
    for span, confidence in zip(entities.spans, entities.confidences, strict=True):
        having = sum(weights[path] for path in weights if span in spans[path])
        assert confidence == pytest.approx(having / sum(weights.values()), abs=1e-5)


def test_confidences_stand_beside_the_spans(wild):
    nlp = wild()
    for doc in nlp.pipe(random_docs(nlp)):
        group = doc.spans["rnn_ner"]
        assert group.name == "rnn_ner"
        assert [*map(str, group)] == [*map(str, doc.ents)]
        assert [s.label for s in group] == [ent.label for ent in doc.ents]
        assert confidences_of(doc).dtype == np.float32
        assert confidences_of(doc).shape == (len(group),)
        assert ((confidences_of(doc) >= 0) & (confidences_of(doc) <= 1)).all()


def test_documents_with_confidences_can_be_stored(trained_ner):
    doc = trained_ner("Ada left Bern")
    stored = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (loaded,) = DocBin().from_bytes(stored).get_docs(trained_ner.vocab)
    assert entities_of(loaded) == entities_of(doc)
    assert_allclose(confidences_of(loaded), confidences_of(doc))


def test_the_group_may_have_another_name(wild):
    nlp = wild(spans_key="names")
    doc = next(nlp.pipe(random_docs(nlp)[1:]))
    assert list(doc.spans) == ["names"]
    assert len(doc.spans["names"]) == len(doc.ents)


def test_without_a_group_confidences_are_not_computed(wild, monkeypatch):
    monkeypatch.setattr(ner, "span_confidences", None)
    nlp = wild(spans_key=None)
    docs = list(nlp.pipe(random_docs(nlp)))
    assert sum(len(doc.ents) for doc in docs) > 0
    assert not any(doc.spans for doc in docs)


def test_spans_are_written_without_touching_entities(wild):
    nlp = wild(annotate_ents=False, spans_key="chunks")
    docs = random_docs(nlp)
    for doc in docs[::2]:
        doc.set_ents([Span(doc, 0, 1, label="LOC")] if len(doc) else [])
    before = [(entities_of(doc), doc.to_array("ENT_IOB").tolist()) for doc in docs]
    bare = [Doc(nlp.vocab, words=[token.text for token in doc]) for doc in docs]
    docs, bare = list(nlp.pipe(docs)), list(nlp.pipe(bare))
    after = [(entities_of(doc), doc.to_array("ENT_IOB").tolist()) for doc in docs]
    assert after == before
    assert sum(len(doc.spans["chunks"]) for doc in docs) > 0
    for doc, other in zip(docs, bare, strict=True):
        assert str(doc.spans["chunks"]) == str(other.spans["chunks"])


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
def test_odd_texts_get_entities(trained_ner, text):
    doc = trained_ner(text)
    assert np.isfinite(confidences_of(doc)).all()
    assert all(token.ent_iob for token in doc)


def test_pipe_equals_call(trained_ner):
    texts = [*ODD_TEXTS.values(), "Ada left New York City", "", "Bern met Ada"]
    for batch_size in (1, 2, 100):
        for doc, text in zip(
            trained_ner.pipe(texts, batch_size=batch_size), texts, strict=True
        ):
            other = trained_ner(text)
            assert doc.text == text
            assert entities_of(doc) == entities_of(other)
            assert_allclose(confidences_of(doc), confidences_of(other), atol=1e-5)


def test_contexts_stay_with_their_texts(trained_ner):
    pairs = [("Ada left Bern", 1), ("", 2), ("So Bern met Ada", 3)]
    found = list(trained_ner.pipe(pairs, as_tuples=True))
    assert [(doc.text, i) for doc, i in found] == pairs


def test_no_documents_get_no_entities(trained_ner):
    assert list(trained_ner.pipe([])) == []
    assert trained_ner.get_pipe("rnn_ner").predict([]) == []


def test_displacy_draws_the_entities(trained_ner):
    html = displacy.render(trained_ner("So Bern met Ada"), style="ent", jupyter=False)
    assert html.count("<mark") == 2
    assert "LOC" in html
    assert "PER" in html


def test_analyze_pipes_knows_what_is_assigned(trained_ner):
    analysis = trained_ner.analyze_pipes()
    assigns = ["doc.ents", "token.ent_iob", "token.ent_type", "doc.spans"]
    assert analysis["summary"]["rnn_ner"]["assigns"] == assigns
    assert "ents_f" in analysis["summary"]["rnn_ner"]["scores"]
    assert analysis["problems"] == {"rnn_ner": []}
