"""Extractive summaries: ours, simple rules, graphs, and logistic regression.

    OMP_NUM_THREADS=1 python benchmarks/summaries.py --data DIR --sets bbc --seeds 0 1 2

DIR holds summarization/<set>/{train,dev,test}.jsonl[.gz]. Every set is trained by
configs/summarizer.cfg with other paths and another length of summaries, and from the
published sets, which are large, without soft labels. The best evaluation on dev is
kept, and scored on test. With --tune no test file is read, and dev is scored. Without
--data, the set is "bundled", corpus/summaries, in five folds.

ROUGE is stemmed F1, of several references the best one, means over articles. The column
"sentences" is the micro F1 of the chosen sentences. Of BBC and the bundled corpus as
many sentences are chosen as the reference has; of SciTLDR and AESLC one. All figures
are in percent, those of several seeds or folds are means.

Lead takes the first sentences, the oracle those that training takes for right. TextRank
and LexRank are sumy's, with its stemmer and stop words.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from recipe import ROOT, parse_overrides, train_best
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import load_config
from summaries_data import (
    BUNDLED,
    SETS,
    Article,
    Split,
    SummarySet,
    evaluate,
    read_folds,
    read_split,
    write_articles,
)
from summaries_peers import (
    GRAPHS,
    Scorer,
    lead,
    make_graph,
    make_logistic_regression,
    make_random,
    oracle,
)

NAMES = ("rouge1", "rouge2", "rougeL", "sentences")


def list_peers(split: Split) -> Iterator[tuple[str, Scorer]]:
    """List what ours is compared with."""
    yield "lead", lead
    yield "random", make_random(0)
    yield "oracle", oracle
    for name, kind in GRAPHS.items():
        yield name, make_graph(kind)
    yield "logistic regression", make_logistic_regression(split.train)


def train_ours(
    summary_set: SummarySet, split: Split, seed: int, overrides: dict, verbose: bool
) -> tuple[Scorer, float]:
    """Train by the shipped config; return a scorer, and words per second."""
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for part in ("train", "dev"):
            files[part] = Path(folder) / f"{part}.jsonl"
            write_articles(files[part], getattr(split, part))
        config = load_config(
            ROOT / "configs" / "summarizer.cfg",
            {
                "paths.train": str(files["train"]),
                "paths.dev": str(files["dev"]),
                "system.seed": seed,
                **{
                    f"components.rnn_summarizer.{name}": value
                    for name, value in summary_set.component.items()
                },
                **{
                    f"training.{name}": value
                    for name, value in summary_set.training.items()
                },
                **overrides,
            },
        )
        best, speed = train_best(config, verbose=verbose)

    def rate(articles: list[Article]) -> list[np.ndarray]:
        pipe = best.get_pipe("rnn_summarizer")
        return pipe.predict([make_doc(best, article) for article in articles])

    return rate, speed


def make_doc(nlp: Language, article: Article) -> Doc:
    """Make a document with the sentences that the article has."""
    docs = [nlp.make_doc(sentence) for sentence in article.sentences]
    tokens = [token for doc in docs for token in doc]
    return Doc(
        nlp.vocab,
        words=[token.text for token in tokens],
        spaces=[
            bool(token.whitespace_) or token.i == len(token.doc) - 1 for token in tokens
        ],
        sent_starts=[token.i == 0 for token in tokens],
    )


def table_row(name: str, model: str, runs: list[dict[str, float]]) -> str:
    means = (f"{np.mean([run[key] for run in runs]):.1f}" for key in NAMES)
    each = " ".join(f"{run['sentences']:.1f}" for run in runs)
    return f"| {name} | {model} | {' | '.join(means)} | {each} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--sets", nargs="+", choices=[*SETS, "bundled"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--limit", type=int, help="articles of each part, to try out")
    parser.add_argument("--peers", action="store_true", help="also score the others")
    parser.add_argument("--tune", action="store_true", help="leave the test data alone")
    parser.add_argument("--verbose", action="store_true", help="show every evaluation")
    parser.add_argument("--set", nargs="*", default=[], help="config values, a.b=1")
    args = parser.parse_args()
    overrides = parse_overrides(args.set)
    print("| set | model | ROUGE-1 | ROUGE-2 | ROUGE-L | sentences | each |")
    print("|---|---|---:|---:|---:|---:|---|")
    for name in args.sets or (SETS if args.data else ["bundled"]):
        if name == "bundled":
            summary_set, splits = BUNDLED, read_folds()
        elif args.data is None:
            parser.error(f"{name} is not bundled: say where it is by --data")
        else:
            summary_set = SETS[name]
            splits = [read_split(args.data, name, tune=args.tune)]
        splits = [Split(*(part[: args.limit] for part in split)) for split in splits]
        results: dict[str, list[dict[str, float]]] = {}
        speeds = []
        for split in splits:
            scorers = list(list_peers(split)) if args.peers else []
            for seed in args.seeds:
                rate, speed = train_ours(
                    summary_set, split, seed, overrides, args.verbose
                )
                scorers.append(("spacy-rnn", rate))
                speeds.append(speed)
            for model, rate in scorers:
                found = evaluate(split.test, rate(split.test), summary_set.n_sentences)
                results.setdefault(model, []).append(found)
        for model, runs in results.items():
            print(table_row(name, model, runs), flush=True)
        print(f"{name}: {np.mean(speeds):,.0f} words/s in training", flush=True)


if __name__ == "__main__":
    main()
