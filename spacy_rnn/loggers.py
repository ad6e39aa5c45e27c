"""Loggers of the training loop."""

import json
import math
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from mmap import mmap
from pathlib import Path
from typing import IO, Any

from spacy import registry
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import resolve_dot_names
from thinc.api import Model

from spacy_rnn.atomic import named
from spacy_rnn.checks import check_at_least
from spacy_rnn.gradients import (
    global_norm,
    layer_names,
    measure,
    named_gradients,
    once_before_update,
    stop_waiting,
    trained_models,
)
from spacy_rnn.schedules import report_score

LogStep = Callable[[dict[str, Any] | None], None]
Setup = Callable[[Language, IO, IO], tuple[LogStep, Callable[[], None]]]


def create_console_logger(
    progress_bar: str | None = None,
    console_output: bool = True,
    output_file: str | Path | None = None,
) -> Setup:
    """Make spaCy's console logger, which also tells schedules of the dev score.

    Args:
        progress_bar: "train" or "eval", or None for no bar; as in
            `spacy.ConsoleLogger.v3`.
        console_output: Whether to print the table.
        output_file: A new JSONL file for what is in the table.
    """
    make = registry.get("loggers", "spacy.ConsoleLogger.v3")
    setup_console = make(progress_bar, console_output, output_file)

    def setup(
        nlp: Language, stdout: IO = sys.stdout, stderr: IO = sys.stderr
    ) -> tuple[LogStep, Callable[[], None]]:
        log_console, finalize = setup_console(nlp, stdout, stderr)

        def log_step(info: dict[str, Any] | None) -> None:
            log_console(info)
            report(info)

        return log_step, finalize

    return setup


def create_gradient_logger(
    path: str | Path,
    every: int = 100,
    sample: int = 8,
    logger: Callable | None = None,
) -> Setup:
    """Make a logger that writes down gradients and gates, beside another logger.

    Args:
        path: A JSONL file. If it is there already, lines are added.
        every: Steps from one line to the next.
        sample: The first so many documents of the dev corpus are what gates are looked
            at with. 0 for no look at them.
        logger: Another logger, which does its work as well. None for
            `spacy-rnn.ConsoleLogger.v1`.

    Raises:
        ValueError: If `every` is not positive, or `sample` is negative.
    """
    check_at_least("every", every, 1)
    check_at_least("sample", sample, 0)
    setup_other = create_console_logger() if logger is None else logger

    def setup(
        nlp: Language, stdout: IO = sys.stdout, stderr: IO = sys.stderr
    ) -> tuple[LogStep, Callable[[], None]]:
        log_other, finalize_other = setup_other(nlp, stdout, stderr)
        log = GradientLog(nlp, Path(path), every, read_sample(nlp, sample))

        def log_step(info: dict[str, Any] | None) -> None:
            log_other(info)
            log.log_step()
            report(info)

        def finalize() -> None:
            log.close()
            finalize_other()

        return log_step, finalize

    return setup


def report(info: dict[str, Any] | None) -> None:
    """Tell schedules of a dev score, if there is one."""
    if info is not None:
        report_score(info["score"], info["step"])


LINE = b'{"step": '  # how a line of the log begins


class GradientLog:
    """A file with a line for every so many steps of training."""

    def __init__(
        self, nlp: Language, path: Path, every: int, sample: list[Doc]
    ) -> None:
        self.nlp, self.every, self.sample = nlp, every, sample
        self.models = trained_models(nlp)
        self.step = -1  # the one that is being made
        self.measured: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        end_last_line(path)
        self.path = path
        self.stream = path.open("a", buffering=1, encoding="utf8")
        self.wait()

    def wait(self) -> None:
        """Wait for the next step. Loggers are told only of those with an evaluation."""
        for model in islice(self.models.values(), 1):
            once_before_update(model, self.begin_update)

    def begin_update(self) -> None:
        """Measure all gradients, which are complete and not clipped yet.

        A step that is replayed when training goes on has none, but counts.
        """
        self.step += 1
        self.wait()
        if self.step % self.every == 0:
            measured = {
                name: measure_layers(each) for name, each in self.models.items()
            }
            if any(component["layers"] for component in measured.values()):
                self.measured = measured

    def log_step(self) -> None:
        """Write a line, if it is its turn."""
        if self.measured:
            self.write(self.look_at_cells())

    def look_at_cells(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return component, layer and report of each layer that can tell of its cells.

        They are those after the update.
        """
        layers = [
            (component, layer_names(model)[layer.id], layer)
            for component, model in self.models.items()
            for layer in model.walk()
            if "watch_cells" in layer.attrs
        ]
        if not layers or not self.sample:
            return []
        with ExitStack() as stack:
            reports = [
                stack.enter_context(layer.attrs["watch_cells"](layer))
                for _, _, layer in layers
            ]
            for _ in self.nlp.pipe([doc.copy() for doc in self.sample]):
                pass
        return [
            (component, name, report())
            for (component, name, _), report in zip(layers, reports, strict=True)
        ]

    def write(self, cells: list[tuple[str, str, dict[str, Any]]]) -> None:
        """Write what was measured."""
        for component, name, report in cells:
            layers = self.measured[component]["layers"]
            layers.setdefault(name, {})["cells"] = report
        line = {"step": self.step, "components": self.measured}
        with named(self.path):
            self.stream.write(json.dumps(shorten(line)) + "\n")
        self.measured = {}

    def close(self) -> None:
        """Close the file. A step that couldn't be made gets its line, too."""
        for model in self.models.values():
            stop_waiting(model, self.begin_update)
        if self.measured:
            self.write([])
        self.stream.close()


def end_last_line(path: Path) -> None:
    """Cut off what a run wrote of a line when the disk was full, or it was killed."""
    if not path.is_file() or not path.stat().st_size:
        return
    with path.open("r+b") as file, mmap(file.fileno(), 0) as content:
        end = content.rfind(b"\n") + 1
        begun = content[end : end + len(LINE)]
    if begun and LINE.startswith(begun):  # else it is somebody else's
        os.truncate(path, end)


def measure_layers(model: Model) -> dict[str, Any]:
    """Return the norm of a model's gradient, of each layer's and each parameter's."""
    gradients = list(named_gradients(model))
    norms = measure([gradient.array for gradient in gradients])
    layers: dict[str, dict[str, Any]] = {}
    for gradient, norm in zip(gradients, norms, strict=True):
        layer = layers.setdefault(gradient.layer, {"parameters": {}})
        layer["parameters"][gradient.parameter] = float(norm)
    for layer in layers.values():
        layer["norm"] = global_norm([*layer["parameters"].values()])
    return {"norm": global_norm(norms), "layers": layers}


def read_sample(nlp: Language, n_docs: int) -> list[Doc]:
    """Read the first documents of the dev corpus."""
    if not n_docs:
        return []
    config = nlp.config.interpolate()
    (corpus,) = resolve_dot_names(config, [config["training"]["dev_corpus"]])
    return [example.predicted for example in islice(corpus(nlp), n_docs)]


def shorten(value: Any) -> Any:
    """Round numbers to four digits, and let None stand for what JSON has no number."""
    if isinstance(value, dict):
        return {key: shorten(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shorten(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value
