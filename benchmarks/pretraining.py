"""What pretraining on raw text adds where little is labelled.

    OMP_NUM_THREADS=1 python benchmarks/pretraining.py --data DIR

DIR holds the data sets, see below. The network of a task's shipped config is pretrained
on raw text, once for each objective, with the other settings of configs/pretrain.cfg.
Then few labelled texts train it, over several seeds, with and without; the best
evaluation on one half of the development data is kept, and scored on the other half.

entities: configs/ner.cfg on tagging/conll2003_en; raw text are the training sentences
of this set, of conll2000 and of ud_english_ewt. The score is the F1 of whole spans.
sentiment: configs/sentiment.cfg on classification/mr; raw text are the training texts
of mr, subj and movie_reviews, in lines. The score is the accuracy.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import spacy
import srsly
import torch
from make_vectors import make_vectors
from recipe import ROOT, parse_overrides, read_rows, train_best
from spacy.training.pretrain import pretrain
from spacy.util import load_config
from spacy.vectors import Vectors
from tagging_data import read_split
from tagging_training import annotate
from thinc.api import Config

OBJECTIVES: dict[str, dict[str, Any]] = {
    "characters": {
        "@architectures": "spacy.PretrainCharacters.v1",
        "maxout_pieces": 3,
        "hidden_size": 300,
        "n_characters": 4,
    },
    "vectors": {
        "@architectures": "spacy.PretrainVectors.v1",
        "maxout_pieces": 3,
        "hidden_size": 300,
        "loss": "cosine",
    },
    "language model": {"@architectures": "spacy-rnn.PretrainLanguageModel.v1"},
}


class Data(NamedTuple):
    """Rows of labelled texts, as a task's corpus reads them, and raw text."""

    train: list[dict]
    dev: list[dict]
    raw: list[str]


class Task(NamedTuple):
    """What is learned from few texts.

    Attributes:
        config: The shipped config that learns it.
        columns: What its corpus needs to be told of the data.
        score: What the component calls its score.
        read: Reads the data from a folder.
    """

    config: str
    columns: dict[str, str]
    score: str
    read: Callable[[Path], Data]


def read_entities(data: Path) -> Data:
    train, dev, _ = read_split(data, "conll2003_en")
    raw = [
        " ".join(sentence.tokens)
        for name in ("conll2003_en", "conll2000", "ewt_upos")
        for sentence in read_split(data, name).train
    ]
    rows = (
        [{"tokens": s.tokens, "ner": s.tags} for s in part] for part in (train, dev)
    )
    return Data(*rows, raw)


def read_sentiment(data: Path) -> Data:
    folder = data / "classification"
    lines = (
        line
        for name in ("mr", "subj", "movie_reviews")
        for row in read_rows(folder / name, "train")
        for line in row["text"].split("\n")
    )
    rows = (
        [
            {"text": row["text"], "label": str(row["label"])}
            for row in read_rows(folder / "mr", part)
        ]
        for part in ("train", "dev")
    )
    return Data(*rows, [line for line in lines if line.strip()])


TASKS = {
    "entities": Task("ner", {"entity_column": "ner"}, "ents_f", read_entities),
    "sentiment": Task("sentiment", {}, "cats_micro_f", read_sentiment),
}


def write_data(folder: Path, data: Data, n_labelled: int, n_words: int) -> None:
    """Write some labelled texts, halves of the development data, and raw text."""
    raw = data.raw
    for part in (data.train, data.dev, raw):
        Random(0).shuffle(part)
    srsly.write_jsonl(folder / "train.jsonl", data.train[:n_labelled])
    srsly.write_jsonl(folder / "dev.jsonl", data.dev[::2])
    srsly.write_jsonl(folder / "test.jsonl", data.dev[1::2])
    ends = np.cumsum([len(line.split()) for line in raw])
    lines = raw[: int(np.searchsorted(ends, n_words))]
    srsly.write_jsonl(folder / "raw.jsonl", ({"text": line} for line in lines))
    write_vectors(lines, folder / "vectors")


def write_vectors(lines: Iterable[str], path: Path) -> None:
    """Write a pipeline that has nothing but vectors of words."""
    words, table = make_vectors(lines)
    nlp = spacy.blank("en")
    nlp.vocab.vectors = Vectors(
        strings=nlp.vocab.strings, data=table, keys=words, name="ppmi"
    )
    nlp.to_disk(path)


def make_config(task: Task, folder: Path, overrides: dict[str, Any]) -> Config:
    """Give a shipped config other paths, and what configs/pretrain.cfg has besides."""
    config = load_config(ROOT / "configs" / f"{task.config}.cfg")
    more = load_config(ROOT / "configs" / "pretrain.cfg")
    for part in ("train", "dev"):
        config["corpora"][part] |= task.columns
        config["paths"][part] = str(folder / f"{part}.jsonl")
    config["paths"]["raw_text"] = str(folder / "raw.jsonl")
    config["corpora"]["pretrain"] = more["corpora"]["pretrain"]
    config["pretraining"] = more["pretraining"]
    config["pretraining"]["component"] = config["nlp"]["pipeline"][-1]
    return Config().from_str(config.to_str(), overrides=overrides)


def pretrain_weights(
    task: Task, folder: Path, objective: str, overrides: dict[str, Any]
) -> Path:
    """Pretrain with an objective. Returns where the weights are."""
    if objective == "vectors":
        overrides = overrides | {"paths.vectors": str(folder / "vectors")}
    config = make_config(task, folder, overrides)
    config["pretraining"]["objective"] = OBJECTIVES[objective]
    output = folder / f"weights of {objective}"
    output.mkdir()
    pretrain(config.interpolate(), output, silent=True)
    return output / "model-last.bin"


def train_and_score(
    task: Task, folder: Path, overrides: dict[str, Any], seed: int
) -> float:
    """Train on the labelled texts. Returns the score in percent."""
    settings = overrides | {"system.seed": seed}
    nlp, _ = train_best(make_config(task, folder, settings))
    pipe: Any = nlp.get_pipe(nlp.pipe_names[-1])
    return 100 * pipe.score(annotate(nlp, folder / "test.jsonl"))[task.score]


def compare(task: Task, folder: Path, args: argparse.Namespace) -> None:
    """Train from scratch, and from the weights of each objective."""
    settings = parse_overrides(args.set)
    print("| | seconds of pretraining | score | each |")
    print("|---|---:|---:|---|")
    for objective in (None, *args.objectives):
        start, overrides, seconds = time.process_time(), settings, ""
        if objective is not None:
            epochs = settings | {"pretraining.max_epochs": args.epochs}
            weights = pretrain_weights(task, folder, objective, epochs)
            overrides = settings | {"paths.init_tok2vec": str(weights)}
            seconds = f"{time.process_time() - start:.0f}"
        run = partial(train_and_score, task, folder, overrides)
        scores = [run(seed) for seed in args.seeds]
        each = " ".join(f"{score:.1f}" for score in scores)
        cells = (objective or "from scratch", seconds, f"{np.mean(scores):.1f}", each)
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--words", type=int, default=600_000, help="of raw text")
    parser.add_argument("--epochs", type=int, default=3, help="of pretraining")
    parser.add_argument(
        "--objectives", nargs="+", choices=OBJECTIVES, default=list(OBJECTIVES)
    )
    parser.add_argument("--labelled", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", nargs="*", default=[], help="config values, a.b=1")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.tasks:
        with tempfile.TemporaryDirectory() as folder:
            data = TASKS[name].read(args.data)
            write_data(Path(folder), data, args.labelled, args.words)
            print(f"\n{name}, {args.labelled} labelled texts\n", flush=True)
            compare(TASKS[name], Path(folder), args)


if __name__ == "__main__":
    main()
