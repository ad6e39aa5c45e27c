"""Accuracy of tags and of named entities: ours, spaCy's, and plain PyTorch.

    OMP_NUM_THREADS=1 python benchmarks/tagging_accuracy.py --data DIR --sets ewt_upos

DIR holds tagging/<set>, see tagging_data.py. Every set is trained by a shipped config
with other paths, one recipe for all of a kind: configs/tagger.cfg for tags of tokens,
configs/ner.cfg for entities and other chunks. The best evaluation on dev is kept, and
scored on test where there is one. With --tune nothing but training data is touched, and
dev is its last tenth. Without --data, the sets are the bundled corpora.

The score is accuracy, or the F1 of whole spans with their labels. Of rnn_ner, a second
table says what the confidences are worth: the expected calibration error in ten bins;
the probability that a right entity has a higher one than a wrong entity (AUROC, 50 by
chance); and the average precision of finding the wrong ones by a low one, which is
their share by chance. All figures are in percent.

--peers also trains spaCy's `tagger` or `ner`, by the config that `spacy init config`
makes, and the tagger of plain_torch.py. --partial hides half of the training data's
entities, and of what is outside of them, and compares two ways to take what is hidden:
as unknown, or as outside.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from recipe import parse_overrides
from sklearn.metrics import average_precision_score, roc_auc_score
from tagging_data import BUNDLED, SETS, Split, hide_half, read_split
from tagging_training import Result, train_ours, train_spacy, train_torch

from spacy_rnn.metrics.calibration import expected_calibration_error

Candidate = tuple[str, Any, Split]  # name, training function, data


def list_candidates(split: Split, args: argparse.Namespace) -> Iterator[Candidate]:
    """List what is trained, and on what."""
    settings = {"verbose": args.verbose}
    overrides, peers = parse_overrides(args.set), parse_overrides(args.peer_set)
    models = {"spacy-rnn": partial(train_ours, overrides=overrides, **settings)}
    if args.peers:
        models["spaCy"] = partial(train_spacy, overrides=peers, **settings)
    if args.partial:
        for name, train in models.items():
            for meaning, tag in (("unknown", "-"), ("outside", "O")):
                hidden = split._replace(train=hide_half(split.train, tag))
                yield f"{name}, what is hidden is {meaning}", train, hidden
        return
    for name, train in models.items():
        yield name, train, split
    if args.peers:
        yield "plain PyTorch", train_torch, split


def score_row(name: str, candidate: str, results: list[Result]) -> str:
    runs = [[result.scores.get(part) for result in results] for part in ("dev", "test")]
    dev, test = (f"{np.mean(run):.2f}" if None not in run else "" for run in runs)
    each = " ".join(f"{score:.2f}" for score in (runs[1] if test else runs[0]))
    seconds = np.mean([result.seconds for result in results])
    speed = np.mean([result.speed for result in results])
    cells = (name, candidate, dev, test, each, f"{seconds:.0f}", f"{speed:,.0f}")
    return f"| {' | '.join(cells)} |"


def confidence_row(name: str, candidate: str, results: list[Result]) -> str:
    runs = []
    for result in results:
        confidences, right = np.array(result.confidences), np.array(result.correct)
        runs.append(
            [
                expected_calibration_error(confidences, right, n_bins=10),
                roc_auc_score(right, confidences),
                average_precision_score(~right, 1.0 - confidences),
                np.mean(~right),
            ]
        )
    cells = (f"{100 * mean:.1f}" for mean in np.mean(runs, axis=0))
    return f"| {name} | {candidate} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", choices=[*SETS, *BUNDLED])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--limit", type=int, help="sentences of each part, to try out")
    parser.add_argument("--peers", action="store_true", help="also train the others")
    parser.add_argument("--partial", action="store_true", help="hide half of the spans")
    parser.add_argument("--tune", action="store_true", help="leave the test data alone")
    parser.add_argument("--verbose", action="store_true", help="show every evaluation")
    parser.add_argument("--set", nargs="*", default=[], help="config values, a.b=1")
    parser.add_argument("--peer-set", nargs="*", default=[], help="the same for spaCy")
    args = parser.parse_args()
    sets = {**SETS, **BUNDLED}
    rows = []
    print("| set | model | dev | test | each | seconds | words/s in training |")
    print("|---|---|---:|---:|---|---:|---:|")
    for name in args.sets or (SETS if args.data else BUNDLED):
        whole = read_split(args.data, name, tune=args.tune)
        split = Split(*(part[: args.limit] for part in whole))
        if args.partial and not sets[name].chunks:
            parser.error(f"--partial is for entities and chunks, which {name} has not")
        for candidate, train, data in list_candidates(split, args):
            results = [train(sets[name], data, seed) for seed in args.seeds]
            print(score_row(name, candidate, results), flush=True)
            if all(len(set(result.correct)) == 2 for result in results):
                rows.append(confidence_row(name, candidate, results))
    if rows:
        print("\n| set | model | calibration error | AUROC | precision | wrong |")
        print("|---|---|---:|---:|---:|---:|")
        print("\n".join(rows))


if __name__ == "__main__":
    main()
