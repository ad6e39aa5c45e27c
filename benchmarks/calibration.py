"""Do probabilities mean what they say, before and after `rnn calibrate`?

    OMP_NUM_THREADS=1 python benchmarks/calibration.py --data DIR

DIR holds classification/{mr,go_emotions}/{train,dev,test}.jsonl[.gz], film reviews and
28 emotions of which a text may have several, and entities in
tagging/conll2003_en/{train,dev}.jsonl[.gz]. Each is trained on by its shipped config,
and the epoch is chosen on dev. What is calibrated on dev is measured on test;
CoNLL-2003 has no test part here, so its dev part is calibrated on one half and measured
on the other, in turns.

The table shows the expected calibration error in 15 bins, in percent, before and after;
that which perfect probabilities would have by chance on so many predictions; the
negative log-likelihood; and the share of predictions that is right. Of emotions, each
of the 28 of a text is a prediction; of entities, each that is found. Without --data, it
is the bundled corpora, whose dev parts are halved.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from recipe import ROOT, parse_overrides, train_best
from spacy.language import Language
from spacy.training import Example
from spacy.util import load_config, registry

from spacy_rnn.cli.calibration.predictions import NEUTRAL
from spacy_rnn.cli.calibration.readers import read_components
from spacy_rnn.cli.calibration.report import Measures, calibrate, measure, share_right

MIN_POSITIVES = 10


class Task(NamedTuple):
    """What is trained and calibrated.

    Attributes:
        config: Name of a shipped config.
        folder: Of the data set, below that of all data.
        bundled: Its folder in the bundled corpora.
        overrides: What is different in the config.
    """

    config: str
    folder: str
    bundled: str
    overrides: dict[str, Any]


ALONE = {
    "components.rnn_textcat.label_smoothing": 0.0,
    "components.rnn_textcat.model.linear_model": None,
}
TASKS = {
    "mr": Task("sentiment", "classification/mr", "sentiment", {}),
    "mr, network alone": Task("sentiment", "classification/mr", "sentiment", ALONE),
    "go_emotions": Task(
        "emotions",
        "classification/go_emotions",
        "emotions",
        {"training.max_steps": 2400, "training.eval_frequency": 300},
    ),
    "conll2003_en": Task(
        "ner",
        "tagging/conll2003_en",
        "entities",
        {"training.max_steps": 1500, "training.eval_frequency": 300},
    ),
}


class Result(NamedTuple):
    """Measures of some data, and the share of its predictions that is right."""

    before: Measures
    after: Measures
    accuracy: tuple[float | None, float | None]
    n_predictions: int


def find_part(folder: Path, part: str) -> str:
    (path,) = (path for path in folder.glob(f"{part}.jsonl*"))
    return str(path)


def train_task(task: Task, folder: Path, seed: int, overrides: dict) -> Language:
    """Train by a shipped config with other paths."""
    config = load_config(
        ROOT / "configs" / f"{task.config}.cfg",
        {
            "system.seed": seed,
            "paths.train": find_part(folder, "train"),
            "paths.dev": find_part(folder, "dev"),
            **task.overrides,
            **overrides,
        },
    )
    return train_best(config.interpolate()).nlp


def read_examples(nlp: Language, path: str) -> list[Example]:
    reader = {**nlp.config.interpolate()["corpora"]["dev"], "path": path}
    return list(registry.resolve({"corpus": reader})["corpus"](nlp))


def split_task(
    nlp: Language, folder: Path
) -> Iterator[tuple[list[Example], list[Example]]]:
    """Yield what to calibrate on, and what to measure."""
    dev = read_examples(nlp, find_part(folder, "dev"))
    if any(folder.glob("test.jsonl*")):
        yield dev, read_examples(nlp, find_part(folder, "test"))
        return
    order = np.random.default_rng(0).permutation(len(dev))
    halves = [
        [Example(dev[i].x.copy(), dev[i].y) for i in half]
        for half in (order[::2], order[1::2])
    ]
    yield from (halves, halves[::-1])


def run_task(nlp: Language, fit_on: list[Example], test: list[Example]) -> Result:
    """Calibrate a pipeline on some examples, and measure it on others."""
    name = nlp.pipe_names[-1]
    pipe: Any = nlp.get_pipe(name)
    neutral = {key: value for key, value in NEUTRAL.items() if key in pipe.cfg}
    kept = {key: pipe.cfg[key] for key in ("thresholds",) if key in pipe.cfg}
    ((_, predictions),) = read_components(nlp, [name], copy(test), MIN_POSITIVES)
    before = measure(predictions, neutral), share_right(pipe, predictions, neutral)
    (report,) = calibrate(nlp, [name], copy(fit_on), MIN_POSITIVES)
    after = (
        measure(predictions, report.settings),
        share_right(pipe, predictions, report.settings),
    )
    pipe.configure(**neutral, **kept)
    return Result(before[0], after[0], (before[1], after[1]), len(predictions.correct))


def copy(examples: list[Example]) -> list[Example]:
    return [Example(each.x.copy(), each.y) for each in examples]


def print_row(name: str, results: list[Result], n_seeds: int) -> None:
    """Print means over seeds and halves."""
    first, second = (
        {
            key: np.mean([getattr(getattr(each, when), key) for each in results])
            for key in ("ece", "chance", "nll")
        }
        for when in ("before", "after")
    )
    right = np.mean([each.accuracy for each in results], axis=0)
    cells = [
        f"{sum(each.n_predictions for each in results) // n_seeds:,}",
        f"{100 * first['ece']:.2f}",
        f"{100 * second['ece']:.2f}",
        f"{100 * second['chance']:.2f}",
        f"{first['nll']:.4f}",
        f"{second['nll']:.4f}",
        *(f"{100 * each:.2f}" for each in right),
    ]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", nargs="+", default=[], metavar="a.b=1")
    args = parser.parse_args()
    print(
        "| set | predictions | ECE | calibrated | by chance | NLL | calibrated | right "
        "| calibrated |\n| --- |" + " ---: |" * 8
    )
    for name in args.sets:
        task = TASKS[name]
        folder = ROOT / "corpus" / task.bundled
        if args.data is not None:
            folder = args.data / task.folder
        results = []
        for seed in args.seeds:
            nlp = train_task(task, folder, seed, parse_overrides(args.set))
            results += [run_task(nlp, *parts) for parts in split_task(nlp, folder)]
        print_row(name, results, len(args.seeds))


if __name__ == "__main__":
    main()
