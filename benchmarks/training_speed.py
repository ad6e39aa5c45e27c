"""Speed of `spacy train`: ours, spaCy's BiLSTM, and a PyTorch loop written by hand.

    OMP_NUM_THREADS=1 python benchmarks/training_speed.py --data DIR

DIR holds classification/mr/{train,dev}.jsonl[.gz], rows of {"text", "label"}; without
--data, the bundled sentiment corpus is used. Both configs have the same embedding, the
same width, depth, dropout and epochs, batches of 4,000 words and one evaluation an
epoch, and read the same .spacy files. What counts is the training loop, from the first
step to the last, with reading, evaluation and saving, in seconds of processor time:
those of the clock, where a core is free.

A second table says what the time goes to. A third one compares steps of training alone
with those of a PyTorch loop, whose features are looked up before the clock starts.
"""

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from time import process_time
from typing import NamedTuple

import numpy as np
import spacy
import torch
from plain_classifier import PlainClassifier, feature_rows, make_step
from recipe import ROOT, read_rows
from spacy.language import Language
from spacy.tokens import DocBin
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_model_from_config
from speed import EMBED, WIDTH, our_bilstm, spacy_bilstm
from stopwatch import Stopwatch, watched
from thinc.api import Adam, Config, fix_random_seed, use_ops
from timing import batches_by_words, fastest, timed

DROPOUT = 0.2
BATCH_WORDS = 4000
BATCHER = {
    "@batchers": "spacy.batch_by_words.v1",
    "size": BATCH_WORDS,
    "tolerance": 0.2,
    "discard_oversize": False,
}
PARTS = (
    "reading",
    "features",
    "embed",
    "recurrence",
    "head",
    "backward",
    "optimizer",
    "evaluation",
    "saving",
    "the rest",
)


class Run(NamedTuple):
    """What a training took and gave.

    Attributes:
        seconds: By part.
        score: The best one on dev.
    """

    seconds: Counter[str]
    score: float


def read_parts(data: Path | None, limit: int) -> dict[str, list[dict]]:
    """Read the rows of MR, or of the bundled corpus."""
    bundled = ROOT / "corpus" / "sentiment"
    source = bundled if data is None else data / "classification" / "mr"
    parts = {part: read_rows(source, part) for part in ("train", "dev")}
    return {part: sample(rows, limit) for part, rows in parts.items()}


def sample(rows: list[dict], size: int) -> list[dict]:
    """Draw some of the rows, which may be sorted by label; 0 is for all of them."""
    return Random(0).sample(rows, min(size, len(rows)) or len(rows))


def write_corpus(parts: dict[str, list[dict]], folder: Path) -> int:
    """Write train.spacy and dev.spacy. Returns the number of words in the first."""
    nlp = spacy.blank("en")
    labels = sorted({str(row["label"]) for row in parts["train"]})
    n_words = {}
    for part, rows in parts.items():
        docs = DocBin(store_user_data=False)
        for row in rows:
            doc = nlp.make_doc(row["text"])
            doc.cats = {name: float(name == str(row["label"])) for name in labels}
            docs.add(doc)
        docs.to_disk(folder / f"{part}.spacy")
        n_words[part] = sum(len(tokens) for tokens in docs.tokens)
    return n_words["train"]


def make_config(
    factory: str,
    model: dict,
    reader: str,
    folder: Path,
    *,
    epochs: int,
    steps: int,
    batcher: dict = BATCHER,
) -> Config:
    """Complete a config.

    Args:
        factory: The component.
        model: Its model.
        reader: Of both corpora.
        folder: Where they are.
        epochs: How many to train.
        steps: After how many to evaluate.
        batcher: Makes the batches.
    """
    config = {
        "nlp": {"lang": "en", "pipeline": [factory]},
        "components": {factory: {"factory": factory, "model": model}},
        "corpora": {
            part: {"@readers": reader, "path": str(folder / f"{part}.spacy")}
            for part in ("train", "dev")
        },
        "training": {
            "dropout": DROPOUT,
            "max_epochs": epochs,
            "max_steps": 0,
            "patience": 0,
            "eval_frequency": steps,
            "batcher": batcher,
            "logger": {"@loggers": "benchmarks.best_score.v1"},
        },
    }
    return load_model_from_config(config, auto_fill=True).config


@spacy.registry.loggers("benchmarks.best_score.v1")
def make_score_logger() -> Callable:
    """Make a logger that leaves the best score in `nlp.meta`."""

    def setup(nlp: Language, *_: object) -> tuple[Callable, Callable]:
        def log_step(info: dict | None) -> None:
            if info is not None:
                nlp.meta["best_score"] = max(info["checkpoints"])[0]

        return log_step, lambda: None

    return setup


def run_training(config: Config, *, blis: bool) -> Run:
    """Train as `spacy train` does, and measure it."""
    stopwatch = Stopwatch()
    with use_ops("numpy", use_blis=blis), tempfile.TemporaryDirectory() as folder:
        nlp = init_nlp(config)
        with (
            Path(os.devnull).open("w") as null,
            watched(stopwatch, nlp),
            stopwatch.part("the rest"),
        ):
            train(nlp, Path(folder), stdout=null, stderr=null)
    return Run(stopwatch.seconds, nlp.meta["best_score"])


def train_all(folder: Path, n_words: int, epochs: int) -> dict[str, Run]:
    """Train with each config, and print how long it took."""
    steps = max(1, n_words // BATCH_WORDS)
    theirs = ("textcat", spacy_bilstm(), "spacy.Corpus.v1")
    ours = ("rnn_textcat", our_bilstm(), "spacy-rnn.TextCorpus.v1")
    runs = {}
    for name, settings, blis in (
        ("spaCy BiLSTM", theirs, True),
        ("spaCy BiLSTM, without BLIS", theirs, False),
        ("spacy-rnn", ours, True),
    ):
        config = make_config(*settings, folder, epochs=epochs, steps=steps)
        runs[name] = run_training(config, blis=blis)
    ours_took = runs["spacy-rnn"].seconds.total()
    print("\n| `spacy train` | seconds | words/s | x | best on dev |")
    print("|---|---:|---:|---:|---:|")
    for name, run in runs.items():
        seconds = run.seconds.total()
        print(
            f"| {name} | {seconds:.1f} | {epochs * n_words / seconds:,.0f} | "
            f"{seconds / ours_took:.2f} | {100 * run.score:.1f} |"
        )
    return runs


def print_parts(runs: dict[str, Run]) -> None:
    print("\n| seconds | " + " | ".join(runs) + " | share of ours |")
    print("|---|" + "---:|" * (len(runs) + 1))
    total = runs["spacy-rnn"].seconds.total()
    for part in PARTS:
        seconds = [run.seconds[part] for run in runs.values()]
        cells = " | ".join(f"{each:.2f}" for each in seconds)
        print(f"| {part} | {cells} | {seconds[-1] / total:.0%} |")


def compare_steps(folder: Path, n_batches: int, rounds: int) -> None:
    """Compare steps of training alone, the same batches for all."""
    nlp = spacy.blank("en")
    docs = list(DocBin().from_disk(folder / "train.spacy").get_docs(nlp.vocab))
    batches = batches_by_words([len(doc) for doc in docs], BATCH_WORDS)[:n_batches]
    n_words = sum(len(docs[i]) for batch in batches for i in batch)

    def updater(factory: str, model: dict) -> Callable[[], None]:
        fix_random_seed(0)
        nlp = spacy.blank("en")
        nlp.add_pipe(factory, config={"model": model})
        examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
        nlp.initialize(lambda: examples)
        optimizer = Adam(0.001, use_averages=False)

        def work() -> None:
            for batch in batches:
                chosen = [examples[i] for i in batch]
                nlp.update(chosen, sgd=optimizer, drop=DROPOUT)

        return work

    fix_random_seed(0)
    labels = [next(name for name, value in doc.cats.items() if value) for doc in docs]
    names, truths = np.unique(labels, return_inverse=True)
    rows = feature_rows(docs, EMBED["attrs"], EMBED["rows"])
    module = PlainClassifier(
        width=WIDTH, rows=EMBED["rows"], n_labels=len(names), dropout=DROPOUT
    )
    step = make_step(module)

    def run_plain() -> None:
        for batch in batches:
            step([rows[i] for i in batch], truths[batch])

    works = {
        "spaCy BiLSTM": updater("textcat", spacy_bilstm()),
        "plain PyTorch, packed": run_plain,
        "spacy-rnn": updater("rnn_textcat", our_bilstm()),
    }
    seconds = fastest(
        {name: [partial(timed, work, process_time)] for name, work in works.items()},
        rounds,
    )
    print(f"\n| steps of {BATCH_WORDS} words | words/s | x plain PyTorch |")
    print("|---|---:|---:|")
    for name, least in seconds.items():
        ratio = seconds["plain PyTorch, packed"] / least
        print(f"| {name} | {n_words / least:,.0f} | {ratio:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--limit", type=int, default=0, help="texts; 0 takes all")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3, help="of the third table")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_words = write_corpus(read_parts(args.data, args.limit), folder)
        print(f"{args.epochs} epochs of {n_words} words; torch {torch.__version__}")
        print_parts(train_all(folder, n_words, args.epochs))
        compare_steps(folder, 10, args.rounds)


if __name__ == "__main__":
    main()
