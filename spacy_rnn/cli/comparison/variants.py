"""The same config with another cell, another encoder, or one of spaCy's models."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from typing import Any, get_args

from spacy.cli.init_config import init_config
from spacy.pipeline.textcat import single_label_bow_config
from thinc.api import Config

from spacy_rnn.cli.starter.configs import find_blocks
from spacy_rnn.types import Cell, Pooling

SEPARATOR = "+"
BOW = Config().from_str(single_label_bow_config)["model"]
SPACYS = {  # components of spaCy for the same tasks
    "rnn_textcat": "textcat",
    "rnn_textcat_multilabel": "textcat_multilabel",
    "rnn_tagger": "tagger",
    "rnn_morphologizer": "morphologizer",
    "rnn_ner": "ner",
}


def make_variant(config: Config, name: str) -> Config:
    """Make a config that differs in what a name says.

    Args:
        config: Not interpolated.
        name: One of PARTS, or several with SEPARATOR between them.

    Raises:
        ValueError: If there is no such part, or nothing in the config that it is for.
    """
    variant = config.copy()
    for part in name.split(SEPARATOR):
        if part not in PARTS:
            raise ValueError(f"--with: there is no {part!r}, only {', '.join(PARTS)}")
        if not PARTS[part](variant):
            raise ValueError(
                f"--with: there is nothing in the first config that {part!r} is for"
            )
    return variant


def set_key(config: Config, key: str, value: Any) -> bool:
    """Set a key wherever a component has it; return whether one has."""
    blocks = list(find_blocks(config["components"], key))
    for block in blocks:
        block[key] = value
    return bool(blocks)


def take_cnn(config: Config) -> bool:
    """Take spaCy's CNN for what makes token vectors, but for listeners."""
    components = config["components"]
    blocks = [
        (block, "tok2vec")
        for block in find_blocks(components, "tok2vec")
        if "Listener" not in block["tok2vec"].get("@architectures", "Listener")
    ]
    blocks += [
        (component, "model")
        for component in components.values()
        if component.get("factory") == "tok2vec"
    ]
    # What spaCy recommends where words have no vectors.
    advised = init_config(pipeline=["tagger"], silent=True).interpolate()
    for block, key in blocks:
        block[key] = deepcopy(advised["components"]["tok2vec"]["model"])
    return bool(blocks)


def take_spacys(config: Config, *, model: Mapping[str, Any] | None = None) -> bool:
    """Take the components that spaCy has for the same tasks, and its way of training.

    Args:
        config: The config.
        model: A model for text classifiers, the only components then that are replaced;
            None for spaCy's default models.
    """
    found = {
        name: SPACYS[component["factory"]]
        for name, component in config["components"].items()
        if component.get("factory") in SPACYS
        and (model is None or "textcat" in component["factory"])
    }
    for name, factory in found.items():
        component: dict[str, Any] = {"factory": factory}
        if model is not None:
            component["model"] = {**model, "exclusive_classes": factory == "textcat"}
        config["components"][name] = component
    if found:
        config["training"]["dropout"] = 0.1
        config["training"]["optimizer"] = {"@optimizers": "Adam.v1", "learn_rate": 1e-3}
    return bool(found)


# Each changes a config in place, and returns whether there was something to change.
PARTS: dict[str, Callable[[Config], bool]] = {
    **{cell: partial(set_key, key="cell", value=cell) for cell in get_args(Cell)},
    **{
        pooling: partial(set_key, key="pooling", value=[pooling])
        for pooling in get_args(Pooling)
    },
    "alone": partial(set_key, key="linear_model", value=None),
    "cnn": take_cnn,
    "spacy": take_spacys,
    "bow": partial(take_spacys, model=BOW),
}
