import pickle
from functools import partial

import pandas as pd
import pyarrow as pa
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_rnn.distributed import Annotator
from spacy_rnn.distributed.annotator import Loaded, annotate_together, load
from spacy_rnn.distributed.columns import Columns, read_entities

GOOD = ["Ada likes soup.", "", "Bob hates soup.", "Ada hates soup."]


@pytest.fixture
def annotate(pipeline):
    model, code = pipeline

    def call(texts, **settings):
        table = pa.table({"id": list(range(len(texts))), "text": texts})
        return Annotator(model, code=code, **settings)(table).to_pylist()

    return call


def test_a_table_has_what_the_pipeline_says_of_each_text(annotate, pipeline):
    nlp = spacy.load(pipeline[0])
    for row, text in zip(annotate(GOOD), GOOD, strict=True):
        doc = nlp(text)
        assert dict(row["cats"]) == pytest.approx(doc.cats, abs=1e-5)
        assert row["label"] in nlp.get_pipe("rnn_textcat").predicted_labels(doc)
        scores = doc.spans["rnn_ner"].attrs["scores"]
        assert [
            (ent["start"], ent["end"], ent["label"], ent["text"])
            for ent in row["entities"]
        ] == [(e.start_char, e.end_char, e.label_, e.text) for e in doc.ents]
        found = [ent["confidence"] for ent in row["entities"]]
        assert found == pytest.approx(list(scores), abs=1e-5)
        assert row["error"] is None
    assert any(row["entities"] for row in annotate(GOOD))


def make_classifier(nlp, name, labels, texts=GOOD, **config):
    """Add a classifier that is named after its labels, and has learned a little."""
    pipe = nlp.add_pipe(name, name="_".join(labels), config=config)
    examples = []
    for i, text in enumerate(texts):
        cats = {label: float(i % len(labels) == j) for j, label in enumerate(labels)}
        examples.append(Example.from_dict(nlp.make_doc(text), {"cats": cats}))
    with nlp.select_pipes(enable=[pipe.name]):
        pipe.initialize(lambda: examples, nlp=nlp)
        optimizer = nlp.create_optimizer()
        for _ in range(10):
            nlp.update(examples, sgd=optimizer)
    return pipe


def read(nlp, texts=GOOD):
    columns = Columns(nlp)
    return columns, [columns.read(doc) for doc in nlp.pipe(texts)]


@pytest.mark.parametrize("name", ["rnn_textcat", "textcat"])
def test_the_label_is_the_one_that_is_predicted(name):
    nlp = spacy.blank("en")
    make_classifier(nlp, name, ["good", "bad", "odd"])
    columns, rows = read(nlp)
    assert columns.types["label"] == pa.string()
    assert "labels" not in columns.types
    for row in rows:
        cats = dict(row["cats"])
        assert row["label"] == max(cats, key=cats.get)


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_the_label_goes_by_the_threshold_of_one_of_two(threshold):
    nlp = spacy.blank("en")
    make_classifier(nlp, "rnn_textcat", ["good", "bad"], thresholds={"bad": threshold})
    _, rows = read(nlp)
    assert {row["label"] for row in rows} == {"good" if threshold else "bad"}


@pytest.mark.parametrize("name", ["rnn_textcat_multilabel", "textcat_multilabel"])
def test_labels_are_those_from_the_threshold_on(name):
    nlp = spacy.blank("en")
    pipe = make_classifier(nlp, name, ["warm", "cold"])
    scores = sorted(value for doc in nlp.pipe(GOOD) for value in doc.cats.values())
    pipe.cfg["threshold"] = scores[len(scores) // 2]
    columns, rows = read(nlp)
    assert columns.types["labels"] == pa.list_(pa.string())
    assert "label" not in columns.types
    assert {len(row["labels"]) for row in rows} != {2}
    for row in rows:
        expected = [
            k for k, v in dict(row["cats"]).items() if v >= pipe.cfg["threshold"]
        ]
        assert row["labels"] == expected


def test_labels_are_those_of_thresholds_of_their_own():
    nlp = spacy.blank("en")
    thresholds = {"warm": 0.0, "cold": 1.0}
    make_classifier(nlp, "rnn_textcat_multilabel", thresholds, thresholds=thresholds)
    _, rows = read(nlp)
    assert [row["labels"] for row in rows] == [["warm"]] * len(GOOD)


def test_the_labels_of_several_classifiers_do_not_mix():
    nlp = spacy.blank("en")
    make_classifier(nlp, "rnn_textcat", ["good", "bad"])
    thresholds = {"warm": 0.0, "cold": 0.0}
    make_classifier(nlp, "rnn_textcat_multilabel", thresholds, thresholds=thresholds)
    _, rows = read(nlp)
    assert {row["label"] for row in rows} <= {"good", "bad"}
    assert [row["labels"] for row in rows] == [["warm", "cold"]] * len(GOOD)


def test_of_two_classifiers_each_has_one_of_the_labels():
    nlp = spacy.blank("en")
    kinds = (["good", "bad"], ["mail", "news"])
    for labels in kinds:
        make_classifier(nlp, "rnn_textcat", labels)
    columns, rows = read(nlp)
    assert "label" not in columns.types
    for row in rows:
        pairs = zip(row["labels"], kinds, strict=True)
        assert all(label in labels for label, labels in pairs)


def test_categories_that_were_changed_leave_the_label_open():
    nlp = spacy.blank("en")
    make_classifier(nlp, "rnn_textcat", ["good", "bad"])
    doc = nlp(GOOD[0])
    doc.cats = {"good": 1.0}
    assert Columns(nlp).read(doc) == {"cats": [("good", 1.0)], "label": None}


def test_a_text_in_an_extension_named_label_stands_in_that_column():
    nlp = spacy.blank("en")
    make_classifier(nlp, "rnn_textcat", ["good", "bad"])
    nlp.add_pipe("rnn_translator", config={"extension": "label"})
    doc = nlp.get_pipe("good_bad")(nlp.make_doc(GOOD[0]))
    doc._.label = "Gute Suppe"
    assert Columns(nlp).read(doc)["label"] == "Gute Suppe"


@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_a_text_that_fails_costs_no_other_its_annotation(annotate, batch_size):
    long = "x" * 1_200_000
    texts = [GOOD[0], None, "fail", *GOOD[1:], long, "fail too", GOOD[0]]
    rows = annotate(texts, batch_size=batch_size)
    assert [row["error"] for row in rows if row["error"]] == [
        "no text",
        "ValueError: as you say in the component 'obey'",
        "1200000 characters, and nlp.max_length is 1000000",
        "ValueError: as you say in the component 'obey'",
    ]
    for row, expected in zip(
        [row for row in rows if not row["error"]],
        annotate([*GOOD, GOOD[0]]),
        strict=True,
    ):
        assert dict(row["cats"]) == pytest.approx(dict(expected["cats"]), abs=1e-5)
        assert [e["text"] for e in row["entities"]] == [
            e["text"] for e in expected["entities"]
        ]
    assert {row["cats"] for row in rows if row["error"]} == {None}


def test_what_is_no_text_is_said_to_be_that(annotate):
    assert [row["error"] for row in annotate([7])] == ["expected a string, got int"]


def test_documents_that_a_component_loses_are_errors_of_their_texts(monkeypatch):
    nlp = spacy.blank("en")
    make_classifier(nlp, "rnn_textcat", ["good", "bad"])
    loaded = Loaded(nlp, Columns(nlp))
    lost = "ValueError: documents went in: 1, came out: 0"
    monkeypatch.setattr(nlp, "pipe", lambda docs, batch_size: docs[1:])
    assert annotate_together(loaded, GOOD) == [{"error": lost}] * 4


def test_an_empty_table_keeps_its_columns(pipeline):
    model, code = pipeline
    annotator = Annotator(model, code=code)
    empty = pa.table(
        {"id": pa.array([], pa.string()), "text": pa.array([], pa.string())}
    )
    assert annotator(empty).schema == annotator.schema
    assert annotator(empty).num_rows == 0


def test_it_is_pickled_without_the_pipeline_that_it_loads_once(pipeline, monkeypatch):
    model, code = pipeline
    load.cache_clear()
    table = pa.table({"text": GOOD})
    annotator = pickle.loads(pickle.dumps(Annotator(model, id=None, code=code)))
    assert load.cache_info().misses == 0
    annotator(table)
    pickle.loads(pickle.dumps(annotator))(table)
    assert load.cache_info().misses == 1


def test_a_column_that_is_not_there_is_named(annotate):
    with pytest.raises(ValueError, match="no column 'body'; there is 'id', 'text'"):
        annotate(GOOD, text="body")


def test_a_pipeline_that_says_of_nothing_that_it_writes_it_is_refused(tmp_path):
    spacy.blank("en").to_disk(tmp_path)
    with pytest.raises(ValueError, match="No component"):
        Annotator(tmp_path, id=None)(pa.table({"text": GOOD}))


def test_tags_have_the_places_of_their_tokens(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_tagger")
    words = Doc(nlp.vocab, words=["Good", "soup"])
    example = Example.from_dict(words, {"tags": ["ADJ", "ADJ"]})
    nlp.initialize(lambda: [example])
    nlp.to_disk(tmp_path)
    (row,) = Annotator(tmp_path, id=None)(pa.table({"text": ["Good soup"]})).to_pylist()
    assert row["tokens"] == [
        {"start": 0, "end": 4, "tag": "ADJ"},
        {"start": 5, "end": 9, "tag": "ADJ"},
    ]


def test_texts_have_the_name_of_the_extension_that_is_set():
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_translator", config={"extension": "german"})
    columns = Columns(nlp)
    doc = nlp.make_doc("Good soup")
    doc._.german = "Gute Suppe"
    assert columns.read(doc) == {"german": "Gute Suppe"}


def test_spans_have_the_group_that_they_are_in(tmp_path):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("span_ruler")
    ruler.add_patterns([{"label": "FOOD", "pattern": "soup"}])
    nlp.to_disk(tmp_path)
    (row,) = Annotator(tmp_path, id=None)(pa.table({"text": ["Good soup"]})).to_pylist()
    (span,) = row["spans"]
    assert span == {
        "group": "ruler",
        "start": 5,
        "end": 9,
        "label": "FOOD",
        "text": "soup",
        "confidence": None,
    }


def test_confidences_of_entities_are_those_of_the_component_that_found_them():
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_ner", config={"spans_key": "found"})
    nlp.add_pipe("spancat")  # whose scores are of other spans
    doc = nlp.make_doc("Ada met Bob")
    doc.ents = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "PER")]
    for key, score in (("found", 0.5), ("sc", 0.25)):
        doc.spans[key] = list(doc.ents)
        doc.spans[key].attrs["scores"] = [score] * 2
    entities = Columns(nlp).read(doc)["entities"]
    assert [each["confidence"] for each in entities] == [0.5, 0.5]


def test_an_entity_that_a_group_lacks_has_no_confidence():
    doc = spacy.blank("en")("Ada met Bob")
    doc.ents = [Span(doc, 0, 1, "PER"), Span(doc, 2, 3, "PER")]
    doc.spans["rnn_ner"] = [Span(doc, 2, 3, "PER"), Span(doc, 0, 1, "ORG")]
    doc.spans["rnn_ner"].attrs["scores"] = [0.25, 0.5]
    assert [e["confidence"] for e in read_entities(doc, ["rnn_ner", "no"])] == [
        None,
        0.25,
    ]


def test_the_recipes_for_other_engines_annotate_their_kinds_of_tables(pipeline):
    model, code = pipeline
    annotator = Annotator(model, code=code)
    table = pa.table({"id": ["a", "b", "c", "d"], "text": GOOD})
    expected = annotator(table)
    to_pandas = partial(pa.Table.to_pandas, types_mapper=pd.ArrowDtype)
    found = to_pandas(annotator(pa.Table.from_pandas(table.to_pandas())))  # Dask's
    meta = to_pandas(annotator.schema.empty_table())
    assert list(found.columns) == list(meta.columns)
    written = pa.Table.from_pandas(found, preserve_index=False)
    assert written.cast(annotator.schema).equals(expected)
    batches = [  # Spark's
        each
        for batch in table.to_batches(max_chunksize=2)
        for each in annotator(pa.Table.from_batches([batch])).to_batches()
    ]
    assert {batch.schema for batch in batches} == {annotator.schema}
    assert pa.Table.from_batches(batches)["id"] == expected["id"]
