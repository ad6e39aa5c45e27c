"""What is on a document already is respected as by spaCy's `ner`."""

import numpy as np
import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.tokens import Doc, Span

WORDS = ["Ada", "Byron", "left", "New", "York", "City", "\n", " ", "Bern"]
KINDS = ["blocked", "missing", "outside", "PER", "LOC", "GPE"]


@pytest.fixture(params=[("ner", {}), ("rnn_ner", {}), ("rnn_ner", {"scheme": "BIO"})])
def wild(request, make_ner, make_entities):
    """A pipeline that finds entities all over."""
    factory, config = request.param
    nlp = make_ner(**config) if factory == "rnn_ner" else spacy.blank("en")
    if factory == "ner":
        nlp.add_pipe("ner")
    nlp.initialize(lambda: make_entities(nlp))
    rng = np.random.default_rng(1)
    for node in nlp.get_pipe(factory).model.walk():
        for name in node.param_names:
            if "tok2vec" not in node.name and node.has_param(name):
                shape = node.get_param(name).shape
                node.set_param(name, rng.normal(scale=2, size=shape).astype("f"))
    return nlp


def marked_docs(nlp, n=60):
    """Make documents on which parts are known in all possible ways."""
    rng = np.random.default_rng(0)
    for _ in range(n):
        words = rng.choice(WORDS, rng.integers(1, 12)).tolist()
        starts = [bool(i == 0 or rng.random() < 0.2) or None for i in range(len(words))]
        doc = Doc(nlp.vocab, words=words, sent_starts=starts)
        groups = {kind: [] for kind in [*KINDS[:3], "entities"]}
        start = 0
        while start < len(words):
            end = min(start + int(rng.integers(1, 4)), len(words))
            kind = str(rng.choice(KINDS))
            label = "" if kind in groups else kind
            span = Span(doc, start, end, label=label, kb_id=label and "Q1")
            groups[kind if kind in groups else "entities"].append(span)
            start = end
        doc.set_ents(**groups)
        yield doc


def entities_of(doc):
    return {(ent.start, ent.end, ent.label_, ent.kb_id_) for ent in doc.ents}


def blocked_in(doc):
    return [token.i for token in doc if token.ent_iob == 3 and not token.ent_type]


def test_what_is_known_is_kept_and_the_rest_decided(wild):
    n_found = 0
    for doc in marked_docs(wild):
        preset, blocked = entities_of(doc), blocked_in(doc)
        found = entities_of(wild(doc))
        assert preset <= found
        assert blocked_in(doc) == blocked
        assert all(token.ent_iob for token in doc)
        n_found += len(found - preset)
    assert n_found > 10


def test_no_entity_crosses_sentences_or_begins_with_white_space(wild):
    for doc in marked_docs(wild):
        preset = entities_of(doc)
        wild(doc)
        for start, end, *_ in entities_of(doc) - preset:
            assert not doc[start].is_space
            assert not any(token.is_sent_start for token in doc[start + 1 : end])


@pytest.mark.parametrize("kind", ["sentences", "white space"])
def test_sentences_and_white_space_count_without_each_other(wild, kind):
    rng = np.random.default_rng(0)
    docs = []
    for _ in range(60):
        words = rng.choice(WORDS if kind == "white space" else WORDS[:6], 10).tolist()
        starts = [bool(rng.random() < 0.3) or None for _ in words]
        settings = {} if kind == "white space" else {"sent_starts": starts}
        docs.append(Doc(wild.vocab, words, **settings))
    entities = [ent for doc in wild.pipe(docs) for ent in doc.ents]
    assert entities
    for ent in entities:
        assert not ent[0].is_space
        assert not any(token.is_sent_start for token in ent[1:])


def test_an_entity_that_crosses_sentences_is_kept(wild):
    doc = Doc(wild.vocab, WORDS[:4], sent_starts=[True, False, True, False])
    doc.set_ents([Span(doc, 1, 4, label="PER")])
    assert (1, 4, "PER", "") in entities_of(wild(doc))


def test_neighbouring_entities_are_kept_apart(wild):
    doc = Doc(wild.vocab, WORDS[:4])
    ents = [Span(doc, 0, 1, label="PER"), Span(doc, 1, 3, label="PER")]
    doc.set_ents([*ents, Span(doc, 3, 4, label="PER")])
    before = entities_of(doc)
    assert entities_of(wild(doc)) == before


def test_all_is_kept_where_all_is_blocked(wild):
    doc = Doc(wild.vocab, WORDS)
    doc.set_ents([], default="blocked")
    assert wild(doc).ents == ()
    assert blocked_in(doc) == list(range(len(doc)))


def test_documents_are_decided_one_by_one(make_ner, make_entities):
    nlp = make_ner()
    nlp.initialize(lambda: make_entities(nlp))
    together = list(nlp.pipe(marked_docs(nlp)))
    for doc, other in zip(together, marked_docs(nlp), strict=True):
        assert entities_of(doc) == entities_of(nlp(other))


def test_what_is_known_has_confidence_one_and_moves_the_rest(trained_ner):
    doc = Doc(trained_ner.vocab, ["Ada", "Byron", "left", "Bern", "."])
    free = trained_ner(doc.copy())
    known = [Span(doc, 0, 1, label="PER"), Span(doc, 2, 3, label="GPE")]
    doc.set_ents(known, default="missing")
    group = trained_ner(doc).spans["rnn_ner"]
    scores = dict(
        zip([str(span) for span in group], group.attrs["scores"], strict=True)
    )
    assert [span.label_ for span in group] == [ent.label_ for ent in doc.ents]
    assert scores["Ada"] == scores["left"] == 1.0
    assert scores["Bern"] < 1.0
    assert [str(ent) for ent in free.ents] == ["Ada Byron", "Bern"]


def test_confidences_stay_when_a_document_comes_again(trained_ner):
    doc = trained_ner("So Bern met Ada")
    before = doc.spans["rnn_ner"].attrs["scores"]
    assert len(before) == 2
    assert max(before) < 1.0
    assert_array_equal(trained_ner(doc).spans["rnn_ner"].attrs["scores"], before)


def test_confidences_of_another_recognizer_stay(trained_ner, make_ner, make_entities):
    text = "So Bern met Ada"
    before = trained_ner(text).spans["rnn_ner"].attrs["scores"]
    other = make_ner()
    other.initialize(lambda: make_entities(other))
    other.rename_pipe("rnn_ner", "second")
    trained_ner.add_pipe("second", source=other)
    doc = trained_ner(text)
    group = doc.spans["rnn_ner"]
    found = dict(zip(map(str, group), group.attrs["scores"], strict=True))
    assert [found["Bern"], found["Ada"]] == before.tolist()


def test_what_is_in_the_group_without_confidences_has_confidence_one(trained_ner):
    doc = trained_ner.make_doc("So Bern met Ada")
    doc.set_ents([Span(doc, 1, 2, label="GIFT")], default="missing")
    doc.spans["rnn_ner"] = doc.ents
    assert trained_ner(doc).spans["rnn_ner"].attrs["scores"][0] == 1.0


def test_identifiers_of_entities_are_kept(trained_ner):
    doc = Doc(trained_ner.vocab, ["So", "Ada", "left"])
    doc.set_ents([Span(doc, 1, 2, label="GPE", kb_id="Q2", span_id="id")])
    (ent,) = trained_ner(doc).ents
    assert (ent.kb_id_, ent.id_) == ("Q2", "id")


def test_entities_of_a_ruler_before_it_are_kept(trained_ner):
    ruler = trained_ner.add_pipe("entity_ruler", before="rnn_ner")
    ruler.add_patterns([{"label": "GIFT", "pattern": "Bern"}])
    doc = trained_ner("So Bern met Ada")
    assert [(str(e), e.label_) for e in doc.ents] == [("Bern", "GIFT"), ("Ada", "PER")]
    assert doc.spans["rnn_ner"].attrs["scores"][0] == 1.0
