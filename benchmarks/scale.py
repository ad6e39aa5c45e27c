"""What training with several processes gains, and how near it comes to one process.

    python benchmarks/scale.py
    python benchmarks/scale.py --equal

Trains the shipped configs on the bundled data, by one process and by `torchrun`. Prints
medians of a step in ms of processor time: waiting for other ranks doesn't count, so a
busy machine doesn't either; of the ranks the slowest counts. With --equal prints by how
much weights and scores differ from those of one process after 50 steps, without
dropout: those of several processes, and of one that adds up the same gradients in
another order. "Smooth" is Adam as configured, and a network without decisions: pooling
by the mean in the place of the maximum, and maxout by log-sum-exp.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from spacy import util
from spacy.language import Language
from spacy.training.initialize import init_nlp
from thinc.api import Config, Optimizer
from torch import Tensor

from spacy_rnn.modules import hash_embed
from spacy_rnn.training import shares
from spacy_rnn.training.exchange import Exchange
from spacy_rnn.training.ranks import Ranks, join_ranks
from spacy_rnn.training.run import Run
from spacy_rnn.training.shares import Shares
from spacy_rnn.training.together import Together

ROOT = Path(__file__).parent.parent
PARTS = ("update", "learning ahead", "exchange", "optimizer")
SGD = {"@optimizers": "SGD.v1", "learn_rate": 0.001}
EQUAL_STEPS = 50
OPTIMIZERS = ("SGD", "as configured", "smooth")


def read_config(task: str, words: int, steps: int) -> Config:
    """Return a shipped config with batches of so many words, evaluated once."""
    config = util.load_config(ROOT / "configs" / f"{task}.cfg").interpolate()
    for name in ("train", "dev"):
        config["corpora"][name]["path"] = str(ROOT / config["paths"][name])
    config["corpora"]["dev"]["limit"] = 1
    config["training"] |= {
        "max_steps": steps,
        "eval_frequency": 10 * steps,
        "patience": 0,
        "batcher": {
            "@batchers": "spacy.batch_by_words.v1",
            "size": words,
            "tolerance": 0.1,
            "discard_oversize": False,
        },
    }
    return config


def remove_dropout(block: dict[str, Any]) -> None:
    for name, value in block.items():
        if isinstance(value, dict):
            remove_dropout(value)
        elif name.endswith("dropout"):
            block[name] = 0.0


def learn(config: Config, ranks: Ranks) -> Iterator[Language]:
    """Yield the pipeline after each step."""
    run = Run(init_nlp(config), ranks=ranks)
    with run.together.exchanging(run.learned):
        for _ in run.steps():
            yield run.nlp


@contextmanager
def timed_parts(seconds: Counter[str]) -> Iterator[Callable[[], None]]:
    """Count the processor time of parts of a step, each without those within it.

    Yields:
        A function that brings the counts up to date.
    """
    running: list[str] = []
    since = 0.0

    def switch() -> None:
        nonlocal since
        now = time.process_time()
        seconds[running[-1] if running else "update"] += now - since
        since = now

    def watch(owner: Any, name: str, part: str) -> Any:
        function = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            switch()
            running.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                switch()
                running.pop()

        return patch.object(owner, name, watched)

    with ExitStack() as stack:
        stack.enter_context(watch(Exchange, "add_up", "exchange"))
        stack.enter_context(watch(Shares, "_learn_ahead", "learning ahead"))
        stack.enter_context(watch(Optimizer, "__call__", "optimizer"))
        since = time.process_time()
        yield switch


def measure(task: str, words: int, steps: int, ranks: Ranks) -> list[dict[str, float]]:
    """Return the median ms of a step's parts, of each rank."""
    seconds: Counter[str] = Counter()
    rows = []
    with timed_parts(seconds) as bring_up_to_date:
        for _ in learn(read_config(task, words, steps), ranks):
            bring_up_to_date()
            rows.append(dict(seconds))
            seconds.clear()
    rows = rows[len(rows) // 3 :]  # before, code is compiled and caches are filled
    medians = {part: 1e3 * median(row.get(part, 0.0) for row in rows) for part in PARTS}
    return ranks.gather(medians)


def differ(task: str, ranks: Ranks, what: str) -> Any:
    """Return all weights, and scores of texts, after some steps without dropout."""
    config = read_config(task, 1000, EQUAL_STEPS)
    remove_dropout(config["components"])
    config["corpora"]["dev"]["limit"] = 20
    config["training"] |= {
        "dropout": 0.0,
        "accumulate_gradient": 2 if "parts" in what else 1,
    }
    if "SGD" in what:
        config["training"]["optimizer"] = SGD
    with ExitStack() as stack:
        if "smooth" in what:
            (component,) = config["components"].values()
            if "max" in component["model"].get("pooling", ()):
                component["model"]["pooling"] = ["mean", "attention"]
            stack.enter_context(patch.object(hash_embed, "Maxout", SmoothMaxout))
        if "reversed" in what:
            stack.enter_context(patch.object(Together, "learner", learn_alone))
            stack.enter_context(patch.object(shares, "choose_share", choose_reversed))
        *_, nlp = learn(config, ranks)
        return outcome(config, nlp)


class SmoothMaxout:
    """What stands for a maxout, and decides nothing."""

    @staticmethod
    def apply(X: Tensor, pieces: int) -> Tensor:
        return torch.logsumexp(torch.stack(X.chunk(pieces, dim=1)), dim=0)


def learn_alone(together: Together, nlp: Language) -> Shares:
    """Let one process learn the share that it chooses."""
    return Shares(nlp, together.models, together.ranks, nullcontext)


def choose_reversed(lengths: Sequence[int], ranks: Ranks) -> list[int]:
    """Choose all documents, in reverse order."""
    return [*range(len(lengths))][::-1]


def outcome(config: Config, nlp: Language) -> tuple[list[float], list[float]]:
    """Return all weights of a pipeline, and the scores of some texts."""
    (pipe,) = (pipe for _, pipe in nlp.pipeline if hasattr(pipe, "model"))
    weights = [
        layer.get_param(name).ravel()
        for layer in pipe.model.walk()
        for name in layer.param_names
        if layer.has_param(name)
    ]
    (corpus,) = util.resolve_dot_names(config, ["corpora.dev"])
    scores = pipe.model.predict([example.predicted for example in corpus(nlp)])
    scores = getattr(scores, "emissions", scores)
    flat = [np.ravel(each) for each in scores]
    return np.concatenate(weights).tolist(), np.concatenate(flat).tolist()


def work(task: str, words: int, steps: int, what: str, path: Path) -> None:
    """Do, as one of the ranks, what is asked, and let the first one write it down."""
    with join_ranks(on_gpu=False) as ranks:
        if what == "time":
            found: Any = measure(task, words, steps, ranks)
        else:
            found = differ(task, ranks, what)
        if ranks.is_first:
            path.write_text(json.dumps(found))


def start(size: int, task: str, what: str, words: int = 0, steps: int = 0) -> Any:
    """Let so many processes do something, and return what they found."""
    command = [sys.executable]
    if size > 1:
        command += ["-m", "torch.distributed.run", "--nproc-per-node", str(size)]
    with tempfile.NamedTemporaryFile("r") as file:
        work = [task, words, steps, what, file.name]
        subprocess.run(
            [*command, __file__, "--work", *map(str, work)],
            check=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        return json.loads(Path(file.name).read_text())


def print_times(args: argparse.Namespace) -> None:
    """Print the parts of a step, and how much faster it is with several processes."""
    print(f"| task | words | processes | {' | '.join(PARTS)} | step | gain |")
    print(f"|---|---:|---:|{'---:|' * len(PARTS)}---:|---:|")
    for task in args.tasks:
        for words in args.words:
            alone = 0.0
            for size in [1, *args.ranks]:
                tries = [
                    max(start(size, task, "time", words, args.steps), key=total)
                    for _ in range(args.rounds)
                ]
                best = min(tries, key=total)
                alone = alone or total(best)
                cells = [f"{best[part]:.1f}" for part in PARTS]
                cells += [f"{total(best):.0f}", f"{alone / total(best):.2f}x"]
                print(
                    f"| {task} | {words} | {size} | {' | '.join(cells)} |", flush=True
                )


def total(parts: dict[str, float]) -> float:
    return sum(parts.values())


def print_differences(args: argparse.Namespace) -> None:
    """Print by how much weights and scores differ from those of one process."""
    print("\n| task | optimizer | compared with one process | weights | scores |")
    print("|---|---|---|---:|---:|")
    for task in args.tasks:
        for optimizer in args.optimizers:
            expected = start(1, task, optimizer)
            others = {f"{size} processes": (size, optimizer) for size in args.ranks}
            others["batches reversed"] = (1, f"{optimizer}, reversed")
            others["accumulate_gradient = 2"] = (1, f"{optimizer}, parts")
            for name, (size, what) in others.items():
                cells = [
                    f"{abs(np.subtract(*pair)).max():.1e}"
                    for pair in zip(start(size, task, what), expected, strict=True)
                ]
                print(
                    f"| {task} | {optimizer} | {name} | {' | '.join(cells)} |",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=["ner", "sentiment"])
    parser.add_argument("--words", nargs="+", type=int, default=[1000, 4000])
    parser.add_argument("--ranks", nargs="+", type=int, default=[2])
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--equal", action="store_true")
    parser.add_argument("--optimizers", nargs="+", default=OPTIMIZERS)
    parser.add_argument("--work", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.work:
        task, words, steps, what, path = args.work
        work(task, int(words), int(steps), what, Path(path))
        return
    if args.equal:
        print_differences(args)
    else:
        print_times(args)


if __name__ == "__main__":
    main()
