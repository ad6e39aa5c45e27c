"""Accuracy of text classification: ours, spaCy's architectures, and naive Bayes.

    OMP_NUM_THREADS=1 python benchmarks/accuracy.py --data DIR --sets mr trec --peers

DIR holds classification/<set>/{train,dev,test}.jsonl[.gz]. Every set is trained by the
shipped configs with other paths, one recipe for all: configs/sentiment.cfg, or
configs/emotions.cfg where texts have several labels. The best evaluation on dev is
kept and scored on test; SST-2 has no test set, so dev is reported, as published for
other peers here. With --tune nothing but training and dev data is touched, and SST-2's
dev is the last tenth of its training data.

The set "movie_reviews_folds" is movie_reviews in the folds of its authors: 0 to 6 are
trained on, 7 is dev, 8 and 9 are test. Attention over words and sentences is trained on
it as well, by configs/long_documents.cfg.

Without --data, the set is "bundled", corpus/sentiment, whose dev is reported.

The score is accuracy, or for several labels the macro F1 at the one threshold that is
best on dev; with --per-label, at the best one for each label.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import srsly
from recipe import ROOT, parse_overrides, read_rows, train_best
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from spacy.language import Language
from spacy.util import load_config

from spacy_rnn.pipeline.threshold_search import MEASURES, find_thresholds

FOLDS = "movie_reviews_folds"
SETS = (
    "bundled",
    "mr",
    "subj",
    "trec",
    "sst2",
    "movie_reviews",
    FOLDS,
    "ag_news_7600",
    "go_emotions",
)
PATIENCE = 1000  # steps; large sets may go that long without a better score
OURS = "spacy-rnn"
HIERARCHICAL = "spacy-rnn, hierarchical"
MAIN_SETS = ("bundled", "mr", "subj", "trec", "sst2")
SPACY_MODELS = {
    "spaCy bag of words, 1-grams": {
        "@architectures": "spacy.TextCatBOW.v3",
        "ngram_size": 1,
        "no_output_layer": False,
    },
    "spaCy bag of words, 2-grams": {
        "@architectures": "spacy.TextCatBOW.v3",
        "ngram_size": 2,
        "no_output_layer": False,
    },
    "spaCy ensemble": None,
    "spaCy CNN": {
        "@architectures": "spacy.TextCatReduce.v1",
        "use_reduce_first": False,
        "use_reduce_last": False,
        "use_reduce_max": False,
        "use_reduce_mean": True,
        "tok2vec": {
            "@architectures": "spacy.HashEmbedCNN.v2",
            "pretrained_vectors": None,
            "width": 96,
            "depth": 4,
            "embed_size": 2000,
            "window_size": 1,
            "maxout_pieces": 3,
            "subword_features": True,
        },
    },
}


class Row(NamedTuple):
    """A text with its labels."""

    text: str
    labels: list[str]


class Split(NamedTuple):
    """The parts of a data set; the epoch is chosen on dev, the score is test's."""

    train: list[Row]
    dev: list[Row]
    test: list[Row]


def read_split(data: Path | None, name: str, tune: bool) -> Split:
    if name == "bundled":
        folder = ROOT / "corpus" / "sentiment"
    elif data is None:
        raise SystemExit(f"The set {name} is not bundled: say where it is by --data")
    else:
        folder = data / "classification" / name.removesuffix("_folds")
    rows = read_rows(folder, "train")
    if name == FOLDS:
        dev = [row for row in rows if row["fold"] == 7]
        rows = [row for row in rows if row["fold"] < 7]
    elif name == "trec":
        dev = [row for row in rows if row["fold"] == 9]
        rows = [row for row in rows if row["fold"] != 9]
    elif name == "sst2" and tune:
        cut = len(rows) * 9 // 10
        rows, dev = rows[:cut], rows[cut:]
    else:
        dev = read_rows(folder, "dev")
    no_test = tune or name in ("sst2", "bundled")
    test = dev if no_test else read_rows(folder, "test")
    if name == FOLDS and not tune:
        test = read_rows(folder, "dev") + test  # folds 8 and 9
    return Split(*([to_row(row) for row in part] for part in (rows, dev, test)))


def to_row(row: dict) -> Row:
    return Row(row["text"], row["labels"] if "labels" in row else [str(row["label"])])


def write_rows(path: Path, rows: list[Row], several: bool) -> None:
    def records() -> Iterator[dict]:
        for row in rows:
            label = {"labels": row.labels} if several else {"label": row.labels[0]}
            yield {"text": row.text, **label}

    srsly.write_jsonl(path, records())


def score(
    scores: np.ndarray, truths: np.ndarray, threshold: float | np.ndarray | None
) -> float:
    """Return accuracy, or macro F1 at thresholds, in percent."""
    if threshold is None:
        return 100 * float((scores.argmax(1) == truths.argmax(1)).mean())
    found = scores >= threshold
    hits = (found & (truths > 0)).sum(0)
    return 100 * float(np.mean(2 * hits / np.maximum(1, found.sum(0) + truths.sum(0))))


def truth_matrix(rows: list[Row], labels: list[str]) -> np.ndarray:
    return np.array([[label in row.labels for label in labels] for row in rows], int)


def best_thresholds(
    scores: np.ndarray, truths: np.ndarray, per_label: bool
) -> float | np.ndarray:
    if per_label:
        f1 = MEASURES["f1"]
        found = find_thresholds(scores, truths.astype(float), f1, common=0.5)
        return np.where(np.isnan(found.own), found.common, found.own)
    grid = np.arange(0.02, 0.7, 0.01)
    return max(grid, key=lambda threshold: score(scores, truths, threshold))


def train_model(
    model: str,
    split: Split,
    seed: int,
    overrides: dict | None = None,
    *,
    several: bool = False,
    verbose: bool = False,
) -> Language:
    """Train by a shipped config, and keep what is the best on dev."""
    name = "emotions" if several else "sentiment"
    if model == HIERARCHICAL:
        name = "long_documents"
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for part in ("train", "dev"):
            files[part] = Path(folder) / f"{part}.jsonl"
            write_rows(files[part], getattr(split, part), several)
        config = load_config(
            ROOT / "configs" / f"{name}.cfg",
            {
                "system.seed": seed,
                "training.patience": PATIENCE,
                **(overrides or {}),
            },
        )
        for part, file in files.items():
            reader = {"@readers": "spacy-rnn.TextCorpus.v1", "path": str(file)}
            config["corpora"][part] = reader
        if model in SPACY_MODELS:
            use_spacy_model(config, several, SPACY_MODELS[model])
        return train_best(config, verbose=verbose).nlp


def train_and_score(
    split: Split,
    several: bool,
    seed: int,
    overrides: dict,
    model: str,
    verbose: bool,
    per_label: bool,
) -> tuple[float, float, float]:
    """Train by a shipped config; return dev score, test score and seconds."""
    start = time.perf_counter()
    best = train_model(model, split, seed, overrides, several=several, verbose=verbose)
    labels = list(best.get_pipe(best.pipe_names[-1]).labels)
    found = {}
    for part in ("dev", "test"):
        rows = getattr(split, part)
        docs = best.pipe([row.text for row in rows])
        scores = np.array([[doc.cats[label] for label in labels] for doc in docs])
        found[part] = scores, truth_matrix(rows, labels)
    threshold = best_thresholds(*found["dev"], per_label) if several else None
    dev, test = (score(*found[part], threshold) for part in ("dev", "test"))
    return dev, test, time.perf_counter() - start


def use_spacy_model(config: dict, several: bool, model: dict | None) -> None:
    """Put one of spaCy's architectures into a config, with spaCy's optimizer."""
    name = config["nlp"]["pipeline"][0]
    factory = "textcat_multilabel" if several else "textcat"
    component: dict = {"factory": factory}
    if model is not None:
        component["model"] = {**model, "exclusive_classes": not several}
    config["components"][name] = component
    config["training"]["dropout"] = 0.1
    config["training"]["optimizer"] = {"@optimizers": "Adam.v1", "learn_rate": 0.001}


def naive_bayes(split: Split) -> float:
    """Score naive Bayes on 1+2-grams, binarized, with add-one smoothing."""
    vectorizer = CountVectorizer(
        ngram_range=(1, 2), token_pattern=r"\S+", lowercase=True, binary=True
    )
    counts = vectorizer.fit_transform([row.text for row in split.train])
    model = MultinomialNB().fit(counts, [row.labels[0] for row in split.train])
    found = model.predict(vectorizer.transform([row.text for row in split.test]))
    return 100 * float(np.mean(found == [row.labels[0] for row in split.test]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", choices=SETS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--peers", action="store_true", help="also train spaCy's")
    parser.add_argument(
        "--models", nargs="+", choices=[OURS, HIERARCHICAL, *SPACY_MODELS]
    )
    parser.add_argument("--per-label", action="store_true", help="tune all thresholds")
    parser.add_argument("--verbose", action="store_true", help="show every evaluation")
    parser.add_argument("--tune", action="store_true", help="leave the test data alone")
    parser.add_argument("--set", nargs="*", default=[], help="config values, a.b=1")
    args = parser.parse_args()
    overrides = parse_overrides(args.set)
    print("| set | model | dev | test, mean of seeds | each | seconds |")
    print("|---|---|---:|---:|---|---:|")
    means: dict[str, list[float]] = {}
    for name in args.sets or (MAIN_SETS if args.data else ["bundled"]):
        split = read_split(args.data, name, args.tune)
        several = any(len(row.labels) != 1 for row in split.train)
        ours = [OURS, HIERARCHICAL] if name == FOLDS else [OURS]
        models = [*ours, *SPACY_MODELS] if args.peers else ours
        for model in args.models or models:
            runs = [
                train_and_score(
                    split,
                    several,
                    seed,
                    overrides,
                    model,
                    args.verbose,
                    args.per_label,
                )
                for seed in args.seeds
            ]
            dev, test, seconds = np.mean(runs, axis=0)
            each = " ".join(f"{run[1]:.1f}" for run in runs)
            means.setdefault(model, []).append(test)
            print(
                f"| {name} | {model} | {dev:.1f} | **{test:.1f}** | {each} "
                f"| {seconds:.0f} |",
                flush=True,
            )
        if not several:
            bayes = naive_bayes(split)
            means.setdefault("naive Bayes, 1+2-grams", []).append(bayes)
            print(f"| {name} | naive Bayes, 1+2-grams | | {bayes:.1f} | | |")
            most = max(Counter(row.labels[0] for row in split.test).values())
            share = 100 * most / len(split.test)
            print(f"| {name} | majority | | {share:.1f} | | |", flush=True)
    for label, scores in means.items():
        print(f"| mean | {label} | | **{np.mean(scores):.2f}** | | |")


if __name__ == "__main__":
    main()
