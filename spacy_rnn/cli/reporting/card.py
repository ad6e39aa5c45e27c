"""What a pipeline is: its parts, versions and sizes."""

import platform
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import spacy
import thinc
import torch
from spacy.language import Language
from thinc.api import Model, get_current_ops

from spacy_rnn import __version__
from spacy_rnn.cli.debugging.topics import count
from spacy_rnn.cli.starter.configs import find_blocks


def describe(
    nlp: Language, *, words_per_second: float, licences: Sequence[str]
) -> dict[str, Any]:
    """Describe a pipeline.

    Args:
        nlp: The pipeline.
        words_per_second: As measured.
        licences: Of the data, as given.
    """
    meta = nlp.meta
    parts = {name: describe_component(nlp, name) for name in nlp.pipe_names}
    return {
        "name": f"{meta['lang']}_{meta['name']}",
        "version": meta["version"],
        "description": meta.get("description", ""),
        "author": meta.get("author", ""),
        "licence": meta.get("license", ""),
        "licences_of_data": list(licences),
        "components": parts,
        "parameters": sum(part.get("parameters", 0) for part in parts.values()),
        "size_on_disk": find_size(nlp),
        "words_per_second": round(words_per_second),
        "device": device(),
        "trained_with": meta.get("spacy_version", ""),
        "versions": {
            "spacy-rnn": __version__,
            "spaCy": spacy.__version__,
            "Thinc": thinc.__version__,
            "PyTorch": torch.__version__,
            "Python": platform.python_version(),
        },
        "date": date.today().isoformat(),
    }


def describe_component(nlp: Language, name: str) -> dict[str, Any]:
    """Say what a component is made by, and how large its model is."""
    pipe: Any = nlp.get_pipe(name)
    config = nlp.config["components"].get(name, {})
    about: dict[str, Any] = {"factory": nlp.get_pipe_meta(name).factory}
    model = getattr(pipe, "model", None)
    if isinstance(model, Model):
        about["architectures"] = list_architectures(config)
        about["parameters"] = count_parameters(model)
    labels = getattr(pipe, "labels", None)
    if labels:
        about["labels"] = len(labels)
    return about


def list_architectures(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the architectures in a component's config, with their plain settings."""
    found = []
    for block in find_blocks(config, "@architectures"):
        plain = {
            key: value
            for key, value in block.items()
            if not key.startswith("@") and not isinstance(value, dict | None)
        }
        found.append({"name": block["@architectures"], "settings": plain})
    return found


def count_parameters(model: Model) -> int:
    """Count the weights of a model, those of its layers among them, each once."""
    return sum(
        int(node.get_param(name).size)
        for node in model.walk()
        for name in node.param_names
        if node.has_param(name)
    )


def find_size(nlp: Language) -> int | None:
    """Return how many bytes a pipeline has on disk; None if it isn't there."""
    path = nlp.path
    if path is None or not path.is_dir():
        return None
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def device() -> str:
    """Name what was measured on."""
    if get_current_ops().name == "cupy":
        return torch.cuda.get_device_name()
    return f"CPU, {count(torch.get_num_threads(), 'thread')}"
