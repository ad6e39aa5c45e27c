"""Train by several configs with several seeds, each run once."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import spacy
from spacy.training.initialize import init_nlp
from spacy.util import load_model_from_config, resolve_dot_names
from thinc.api import Config, get_current_ops

from spacy_rnn.atomic import write_atomically
from spacy_rnn.cli.reporting.card import count_parameters, find_size
from spacy_rnn.training.identity import compare, flatten, identify
from spacy_rnn.training.lock import lock_folder
from spacy_rnn.training.loop import train_into
from spacy_rnn.training.output import Output
from spacy_rnn.training.settings import check_settings

RESULT = "result.json"
CLOCK = "seconds.json"
LOG = "train.log"
LENGTH = ("training.max_steps", "training.max_epochs", "training.patience")


class Plan(NamedTuple):
    """A run to do.

    Attributes:
        name: That of its config in the comparison.
        seed: Its seed.
        config: With the seed, not interpolated.
        folder: Where it is written.
    """

    name: str
    seed: int
    config: Config
    folder: Path


class Result(NamedTuple):
    """What a run gave.

    Attributes:
        name: That of its config.
        seed: Its seed.
        score: On the dev data, weighted as the config says, in [0, 1].
        scores: The scores by name, in [0, 1].
        seconds: What training took with its evaluations, of processor time, or on a GPU
            of time; None where a part of it was killed, and can't be known.
        parameters: Number of all weights.
        size: Of the saved pipeline, in bytes.
    """

    name: str
    seed: int
    score: float
    scores: Mapping[str, float]
    seconds: float | None
    parameters: int
    size: int


def identify_run(plan: Plan) -> dict[str, Any]:
    """Describe all that the result of a run depends on.

    Raises:
        ValueError: If the config has a setting that can't be meant.
    """
    check_settings(plan.config.interpolate())
    config = load_model_from_config(plan.config, auto_fill=True).config.interpolate()
    length = {name: value for name, value in flatten(config) if name in LENGTH}
    return length | identify(config)


def check_plan(plan: Plan, identity: dict[str, Any]) -> None:
    """Raise a ValueError if there is something else in a run's place."""
    path = plan.folder / RESULT
    if not path.exists():
        if plan.folder.exists() and not (plan.folder / CLOCK).exists():
            raise ValueError(
                f"{plan.folder} is there already, and no run of a comparison. Choose "
                f"another output folder"
            )
        return
    saved = read_exactly(path)["identity"]
    if differences := compare(saved, identity, ("there", "now")):
        raise ValueError(
            f"{plan.folder} has the result of another run. Choose another output "
            "folder. What differs:\n" + "\n".join(differences)
        )


def read_exactly(path: Path) -> dict[str, Any]:
    """Read JSON without changing numbers in their last digit, as srsly may do."""
    return json.loads(path.read_text(encoding="utf8"))


def read_result(plan: Plan) -> Result | None:
    """Read the result of a run, None if it isn't finished."""
    path = plan.folder / RESULT
    if not path.exists():
        return None
    saved = read_exactly(path)
    return Result(**{name: saved[name] for name in Result._fields})


def do_run(
    plan: Plan, identity: Mapping[str, Any], *, use_gpu: int = -1
) -> Result | None:
    """Train, or go on where a run was interrupted, and write down what came out.

    Only the best pipeline is kept.

    Returns:
        The result, None if the run was interrupted.

    Raises:
        ValueError: If something is wrong with the config or the data.
    """
    output = Output(plan.folder)
    if plan.folder.exists() and not output.checkpoint.exists():
        with lock_folder(plan.folder):  # or else another process is at it
            pass
        shutil.rmtree(plan.folder)  # a run that was killed before its first evaluation
    plan.folder.mkdir(parents=True, exist_ok=True)
    with (
        clock(plan.folder / CLOCK, use_gpu=use_gpu),
        (plan.folder / LOG).open("a", encoding="utf8") as log,
        output.open(plan.config.interpolate(), resume=output.checkpoint.exists()),
    ):
        nlp = init_nlp(plan.config, use_gpu=use_gpu)
        if not train_into(output, nlp, use_gpu=use_gpu, stdout=log, stderr=log):
            return None
    result = describe_run(plan, output)
    data = {**result._asdict(), "identity": identity}
    write_atomically(plan.folder / RESULT, json.dumps(data, indent=2).encode())
    shutil.rmtree(output.last)
    output.checkpoint.unlink()
    return result


def describe_run(plan: Plan, output: Output) -> Result:
    """Read from the best pipeline, as it was saved, how good and how large it is."""
    nlp = spacy.load(output.best)
    weights = nlp.config.interpolate()["training"]["score_weights"]
    found = nlp.meta["performance"]
    scores = {
        name: found[name]
        for name, weight in weights.items()
        if weight is not None and isinstance(found.get(name), int | float)
    }
    models = [getattr(pipe, "model", None) for _, pipe in nlp.pipeline]
    return Result(
        plan.name,
        plan.seed,
        score=sum(weights[name] * score for name, score in scores.items()),
        scores=scores,
        seconds=read_exactly(plan.folder / CLOCK)["seconds"],
        parameters=sum(count_parameters(model) for model in models if model),
        size=find_size(nlp) or 0,
    )


@contextmanager
def clock(path: Path, *, use_gpu: int) -> Iterator[None]:
    """Add up the time of a run in a file, over all that it takes to finish it."""
    now = time.process_time if use_gpu < 0 else time.perf_counter
    before = read_exactly(path)["seconds"] if path.exists() else 0.0
    # As long as this holds, nobody knows how long it took.
    write_atomically(path, json.dumps({"seconds": None}).encode())
    start = now()
    try:
        yield
    finally:
        seconds = None if before is None else before + now() - start
        write_atomically(path, json.dumps({"seconds": seconds}).encode())


def measure_speed(plans: Sequence[Plan], *, rounds: int = 3) -> dict[str, float]:
    """Measure how many words a second pipelines process, in turns.

    Returns:
        By the name of a config, the best of the rounds. Each begins with a pipeline
        that was just loaded, on the documents of its dev data.
    """
    speeds = {plan.name: 0.0 for plan in plans}
    for _ in range(rounds):
        for plan in plans:
            nlp = spacy.load(Output(plan.folder).best)
            speeds[plan.name] = max(speeds[plan.name], words_per_second(nlp))
    return speeds


def words_per_second(nlp: Any) -> float:
    """Measure how many words a second a pipeline processes, on its dev data."""
    config = nlp.config.interpolate()
    (corpus,) = resolve_dot_names(config, [config["training"]["dev_corpus"]])
    docs = [example.predicted for example in corpus(nlp)]
    on_gpu = get_current_ops().name == "cupy"
    now = time.perf_counter if on_gpu else time.process_time
    start = now()
    n_words = sum(len(doc) for doc in nlp.pipe(docs))
    return n_words / max(now() - start, 1e-9)
