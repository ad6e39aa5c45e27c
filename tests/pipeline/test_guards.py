"""A model that was damaged or edited is refused where it is loaded."""

import json
from itertools import cycle

import numpy as np
import pytest
import spacy
import srsly
from small_writer import make_examples as make_pairs
from small_writer import small_model

FACTORIES = ["rnn_textcat", "rnn_textcat_multilabel", "rnn_tagger", "rnn_ner"]
FACTORIES += ["rnn_morphologizer", "rnn_summarizer", "rnn_translator"]


def write_nan(array):
    changed = array.copy()
    changed.flat[array.size // 2] = np.nan
    return changed


def write_infinity(array):
    changed = array.copy()
    changed.flat[0] = np.inf
    return changed


def flip(array):
    changed = array.copy()
    changed.flat[-1] += 0.5
    return changed


DAMAGES = {
    "NaN": write_nan,
    "infinite": write_infinity,
    "another value": flip,
    "float64": lambda array: array.astype("float64"),
    "int32": lambda array: array.astype("int32"),
    "a row less": lambda array: array[:-1],
    "a row more": lambda array: np.concatenate([array, array[:1]]),
    "missing": lambda array: None,
}


@pytest.fixture(params=FACTORIES)
def trained_pipe(request, make_tagger, make_tok2vec, make_gold):
    """Return a small pipeline of one component after initialization."""
    factory = request.param
    models = {
        "rnn_ner": {"@architectures": "spacy-rnn.CRFTagger.v1"},
        "rnn_summarizer": {
            "@architectures": "spacy-rnn.SentenceScorer.v1",
            "width": 8,
            "hidden_width": 8,
        },
        "rnn_translator": small_model(),
    }
    model = models.get(factory, make_tagger())
    if "textcat" in factory:
        model = {
            "@architectures": "spacy-rnn.TextCat.v1",
            "exclusive_classes": factory == "rnn_textcat",
            "linear_model": {"@architectures": "spacy-rnn.BagOfNgrams.v1", "rows": 99},
        }
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, config={"model": {**model, "tok2vec": make_tok2vec()}})
    nlp.initialize(lambda: make_gold(nlp))
    return nlp


@pytest.fixture
def make_gold(make_examples, make_tagged, make_entities):
    def make(nlp):
        factory = nlp.pipe_names[0]
        if "textcat" in factory:
            return make_examples(nlp, factory)
        if factory == "rnn_ner":
            return make_entities(nlp)
        if factory == "rnn_translator":
            return make_pairs(nlp)
        examples = make_tagged(nlp)
        for example in examples:
            for doc in (example.predicted, example.reference):
                for token in doc:
                    token.is_sent_start = token.i in (0, 2)
            example.reference.spans["summary"] = [next(example.reference.sents)]
        return examples

    return make


def each_part(weights, parts):
    message = srsly.msgpack_loads(weights)
    for layer, values in enumerate(message[parts]):
        for name in values:
            yield layer, name


def write_damaged(path, weights, parts, layer, name, damage):
    message = srsly.msgpack_loads(weights)
    message[parts][layer][name] = damage(message[parts][layer][name])
    path.write_bytes(srsly.msgpack_dumps(message))


def check_refused(pipe, path):
    with pytest.raises(ValueError, match=f"'{pipe.name}' from {path}: "):
        pipe.from_disk(path, exclude=["vocab"])


def test_damaged_weights_of_any_layer_are_refused(trained_pipe, tmp_path):
    ((_, pipe),) = trained_pipe.pipeline
    pipe.to_disk(tmp_path, exclude=["vocab"])
    path = tmp_path / "model"
    weights = path.read_bytes()
    layers = each_part(weights, "params")
    for (layer, name), damage in zip(layers, cycle(DAMAGES.values()), strict=False):
        write_damaged(path, weights, "params", layer, name, damage)
        check_refused(pipe, tmp_path)
    path.write_bytes(weights)
    pipe.from_disk(tmp_path, exclude=["vocab"])


def test_changed_attributes_of_layers_are_refused(trained_pipe, tmp_path):
    ((_, pipe),) = trained_pipe.pipeline
    pipe.to_disk(tmp_path, exclude=["vocab"])
    path = tmp_path / "model"
    weights = path.read_bytes()
    nothing = srsly.msgpack_dumps("nothing")
    for layer, name in each_part(weights, "attrs"):
        if name in ("columns", "exclusive", "table", "dropout_rate", "torch_module"):
            write_damaged(path, weights, "attrs", layer, name, lambda _: nothing)
            check_refused(pipe, tmp_path)


def test_damaged_bytes_are_refused(trained_pipe):
    pipe = trained_pipe.get_pipe(trained_pipe.pipe_names[0])
    message = srsly.msgpack_loads(pipe.to_bytes())
    model = srsly.msgpack_loads(message["model"])
    layer, name = next(each_part(message["model"], "params"))
    model["params"][layer][name] = flip(model["params"][layer][name])
    message["model"] = srsly.msgpack_dumps(model)
    with pytest.raises(ValueError, match=f"'{pipe.name}' from bytes: these parts"):
        pipe.from_bytes(srsly.msgpack_dumps(message))


@pytest.mark.parametrize("content", [None, "{}", '{"threshold": 0.5'])
def test_missing_settings_are_refused(trained_pipe, content, tmp_path):
    trained_pipe.to_disk(tmp_path)
    path = tmp_path / trained_pipe.pipe_names[0] / "cfg"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(ValueError, match=str(path.parent)):
        spacy.load(tmp_path)


@pytest.mark.parametrize("edit", ["reversed", "one less", "renamed"])
def test_labels_that_the_weights_were_not_saved_with_are_refused(
    trained_pipe, edit, tmp_path
):
    if trained_pipe.pipe_names[0] in ("rnn_summarizer", "rnn_translator"):
        pytest.skip("has no labels")
    trained_pipe.to_disk(tmp_path)
    path = tmp_path / trained_pipe.pipe_names[0] / "cfg"
    cfg = srsly.read_json(path)
    key = "labels" if "labels" in cfg else "labels_morph"
    labels = list(cfg[key])
    edits = {"reversed": labels[::-1], "one less": labels[1:]}
    edited = edits.get(edit, ["another", *labels[1:]])
    values = dict(zip(edited, labels, strict=False))
    cfg[key] = edited if key == "labels" else values
    path.write_text(json.dumps(cfg))
    with pytest.raises(ValueError, match="labels"):
        spacy.load(tmp_path)


def test_what_has_not_been_trained_yet_is_saved_and_loaded(factory, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory).add_label("good")
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe(factory).labels == ("good",)


@pytest.mark.parametrize("name", ["rnn_tagger", "rnn_ner"])
def test_outputs_may_be_counted_before_there_are_labels(name, make_tagger, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe(name, config={"model": make_tagger(nO=9)})
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe(name).labels == ()


@pytest.mark.parametrize("part", ["cfg", "model"])
def test_a_part_that_is_left_out_is_not_looked_for(trained_pipe, part, tmp_path):
    pipe = trained_pipe.get_pipe(trained_pipe.pipe_names[0])
    pipe.to_disk(tmp_path, exclude=["vocab", part])
    pipe.from_disk(tmp_path, exclude=iter(["vocab", part]))
    saved = pipe.to_bytes(exclude=["vocab", part])
    assert srsly.msgpack_loads(saved).keys() == {"cfg", "model"} - {part}
    pipe.from_bytes(saved, exclude=iter(["vocab", part]))


def test_weights_that_come_without_labels_take_those_that_there_are(
    make_ner, make_entities, tmp_path
):
    nlp = make_ner()
    nlp.initialize(lambda: make_entities(nlp))
    pipe = nlp.get_pipe("rnn_ner")
    pipe.to_disk(tmp_path, exclude=["vocab"])
    pipe.cfg["labels"] = ["X", "Y"]
    pipe.from_disk(tmp_path, exclude=["vocab", "cfg"])
    assert pipe.labels == ("X", "Y")
