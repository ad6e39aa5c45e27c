"""Speed of `spacy train` with documents batched in several ways, and what it scores.

    OMP_NUM_THREADS=1 python benchmarks/batching.py --data DIR

DIR holds classification/{mr,movie_reviews}/{train,dev}.jsonl[.gz]. The first set is MR,
the second one very uneven: 2,000 sentences of it (21 words) and 200 whole reviews (750
words). The network is that of training_speed.py, in batches of 4,000 words, and so is
the clock. "by length" is no batcher of this package: windows of 2,048 documents, sorted
by length and filled to a number of words, batches shuffled.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import shuffle

import spacy
import torch
from recipe import read_rows
from spacy.training import Example
from spacy.util import minibatch
from speed import our_bilstm
from timing import batches_by_words
from training_speed import (
    BATCHER,
    make_config,
    read_parts,
    run_training,
    sample,
    write_corpus,
)

WINDOW = 2048
N_SENTENCES, N_REVIEWS = 2000, 200


@spacy.registry.batchers("benchmarks.batch_by_length.v1")
def make_length_batcher(size: int) -> Callable[[Iterable[Example]], Iterator[list]]:
    """Make a batcher of documents of like length, up to a number of words."""

    def batch(examples: Iterable[Example]) -> Iterator[list[Example]]:
        for window in minibatch(examples, size=WINDOW):
            window.sort(key=len)
            lengths = [len(example) for example in window]
            # The last batch, not full, ends where an endless document would begin.
            indices = batches_by_words([*lengths, size], size)
            shuffle(indices)
            for batch in indices:
                yield [window[i] for i in batch]

    return batch


def padded(buffer: int) -> dict:
    return {
        "@batchers": "spacy.batch_by_padded.v1",
        "size": BATCHER["size"],
        "buffer": buffer,
        "discard_oversize": False,
    }


BATCHERS = {
    "spacy.batch_by_words.v1": BATCHER,
    "spacy.batch_by_padded.v1, buffer 256": padded(256),
    "spacy.batch_by_padded.v1, buffer 2048": padded(2048),
    "by length": {
        "@batchers": "benchmarks.batch_by_length.v1",
        "size": BATCHER["size"],
    },
}


def read_uneven(data: Path) -> dict[str, list[dict]]:
    """Read sentences and reviews, the labels of which are the same."""
    reviews = data / "classification" / "movie_reviews"
    parts = read_parts(data, N_SENTENCES)
    return {
        part: rows + sample(read_rows(reviews, part), N_REVIEWS)
        for part, rows in parts.items()
    }


SETS = {"MR": lambda data: read_parts(data, 0), "uneven": read_uneven}


def compare(name: str, parts: dict[str, list[dict]], epochs: int, seeds: int) -> None:
    """Train with each batcher, and print the means over seeds."""
    print(f"\n| {name} | seconds | x | best on dev |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        n_words = write_corpus(parts, Path(folder))
        first = 0.0
        for label, batcher in BATCHERS.items():
            runs = []
            for seed in range(seeds):
                config = make_config(
                    "rnn_textcat",
                    our_bilstm(),
                    "spacy-rnn.TextCorpus.v1",
                    Path(folder),
                    epochs=epochs,
                    steps=max(1, n_words // BATCHER["size"] // 2),
                    batcher=batcher,
                )
                config["training"]["seed"] = seed
                runs.append(run_training(config, blis=True))
            seconds = sum(run.seconds.total() for run in runs) / seeds
            score = sum(run.score for run in runs) / seeds
            first = first or seconds
            ratio = first / seconds
            print(
                f"| {label} | {seconds:.1f} | {ratio:.2f} | {100 * score:.1f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.sets:
        compare(name, SETS[name](args.data), args.epochs, args.seeds)


if __name__ == "__main__":
    main()
