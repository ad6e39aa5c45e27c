"""Train by a config as `spacy train` does, without its output."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import spacy
import srsly
from spacy.language import Language
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Config

from spacy_rnn.training.settings import check_settings

ROOT = Path(__file__).parent.parent


class Run(NamedTuple):
    """What a training gives.

    Attributes:
        nlp: The pipeline that was the best on dev.
        words_per_second: How fast it was trained, with the evaluations on dev.
    """

    nlp: Language
    words_per_second: float


def read_rows(folder: Path, part: str) -> list[dict]:
    """Read {part}.jsonl, or else {part}.jsonl.gz."""
    path = folder / f"{part}.jsonl"
    if path.exists():
        return list(srsly.read_jsonl(path))
    return list(srsly.read_gzip_jsonl(path.with_suffix(".jsonl.gz")))


def parse_overrides(pairs: list[str]) -> dict[str, Any]:
    """Read config values such as `a.b=1`."""
    overrides: dict[str, Any] = {}
    for pair in pairs:
        name, value = pair.split("=", 1)
        try:
            overrides[name] = json.loads(value)
        except ValueError:
            overrides[name] = value
    return overrides


def train_best(config: Config, *, verbose: bool = False) -> Run:
    """Train by a complete config, and keep what is the best on dev.

    Args:
        config: Its logger is replaced.
        verbose: Whether to print the score of each evaluation to the standard error.
    """
    check_settings(config.interpolate())
    config["training"]["logger"] = {
        "@loggers": "benchmarks.speed.v1",
        "verbose": verbose,
    }
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as null:
        nlp, _ = train(init_nlp(config), Path(folder), stdout=null, stderr=null)
        best = spacy.load(Path(folder) / "model-best")
    return Run(best, nlp.meta["words_per_second"])


@spacy.registry.loggers("benchmarks.speed.v1")
def make_speed_logger(verbose: bool) -> Callable:
    """Make a logger that leaves the speed of training in `nlp.meta`."""

    def setup(nlp: Language, *_: Any) -> tuple[Callable, Callable]:
        start = time.perf_counter()

        def log_step(info: dict | None) -> None:
            if info is None:
                return
            seconds = time.perf_counter() - start
            nlp.meta["words_per_second"] = info["words"] / seconds
            if verbose:
                print(
                    f"epoch {info['epoch']}, step {info['step']}, {seconds:.0f} s: "
                    f"{info['score']:.4f}",
                    file=sys.stderr,
                )

        return log_step, lambda: None

    return setup
