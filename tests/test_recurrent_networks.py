"""The models of the page about recurrent networks are what it says, and train."""

import re
from pathlib import Path

import pytest
import spacy
from spacy.training import Example
from thinc.api import Adam, Config

PAGE = Path(__file__).parent.parent / "docs" / "recurrent_networks.md"
LSTMS, GRU = re.findall(r"^```ini\n(.*?)^```$", PAGE.read_text("utf8"), re.M | re.S)
CLASSES = [f"class{i}" for i in range(10)]


def train(config, n_steps):
    """Train a classifier to name the first of five words."""
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("rnn_textcat", config=Config().from_str(config))
    examples = [
        Example.from_dict(
            nlp.make_doc(f"{label} and so it goes"),
            {"cats": {each: float(each == label) for each in CLASSES}},
        )
        for label in CLASSES
    ]
    nlp.initialize(lambda: examples)
    optimizer = Adam(0.01)
    for _ in range(n_steps):
        pipe.update(examples, sgd=optimizer)
    return nlp, examples


def shapes(nlp):
    """Return the shapes of all matrices behind the embedding."""
    found = []
    for layer in nlp.get_pipe("rnn_textcat").model.walk():
        if layer.name == "hash_embed":
            continue
        if "torch_module" in layer.attrs:
            module = layer.attrs["torch_module"].bind(layer)
            found += [tuple(each.shape) for each in module.parameters()]
        else:
            found += [layer.get_param(name).shape for name in layer.param_names]
    return [shape for shape in found if len(shape) == 2]


def test_two_lstms_of_128_and_ten_classes():
    nlp, _ = train(LSTMS, n_steps=0)
    assert shapes(nlp) == [(512, 128)] * 4 + [(10, 128)]


def test_a_gru_and_a_linear_layer():
    nlp, _ = train(GRU, n_steps=0)
    assert shapes(nlp) == [(192, 64)] * 2 + [(10, 64)]


@pytest.mark.parametrize("config", [LSTMS, GRU], ids=["lstms", "gru"])
def test_it_learns_ten_classes(config):
    nlp, examples = train(config, n_steps=30)
    for example in examples:
        cats = nlp(example.reference.text).cats
        assert example.reference.cats[max(cats, key=cats.get)] == 1.0
