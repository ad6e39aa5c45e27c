"""Where the time of a training step of the translator goes, on one core.

    OMP_NUM_THREADS=1 python benchmarks/seq2seq_step.py --data DIR --sizes 4000 8000

DIR as for benchmarks/seq2seq.py; a step is one of `nlp.update` at the values of
configs/translator.cfg, with so many pieces. Prints the processor time of each part, the
least of several rounds for each batch; how long the products of matrices would take at
the speed that a product of two large ones reaches; and how much faster a step could be
at most, if the softmax saw a sample of 1,000 classes besides those of its batch, and
the other classes cost nothing.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from statistics import fmean
from unittest.mock import patch

import torch
from kernels import peak_speeds
from seq2seq import (
    PIPE,
    Pair,
    Step,
    describe_machine,
    make_batches,
    make_our_step,
    n_pieces,
    pieces_of,
    read_config,
    read_pairs,
)
from spacy.language import Language
from spacy.training.initialize import init_nlp
from stopwatch import Stopwatch
from thinc.api import Config

from spacy_rnn.modules.chunked_softmax import ChunkedLoss
from spacy_rnn.modules.decoder_loop import Loop
from spacy_rnn.modules.rnn import RNNEncoder

SAMPLE = 1000
SOFTMAX, REST = "softmax and its gradient", "the rest"


def time_step(nlp: Language, step: Step, batch: Sequence[Pair]) -> Counter[str]:
    """Return the seconds of each part of a step."""
    watch = Stopwatch()
    parts = (
        (ChunkedLoss, "forward", SOFTMAX),
        (Loop, "forward", "decoder loop, forward"),
        (Loop, "backward", "decoder loop, back"),
        (RNNEncoder, "forward", "encoder, forward"),
        (nlp.get_pipe(PIPE), "finish_update", "optimizer"),
    )
    with ExitStack() as stack:
        for owner, name, part in parts:
            timed = watch.time(part, getattr(owner, name))
            stack.enter_context(patch.object(owner, name, timed))
        with watch.part(REST):
            step(batch)
    return watch.seconds


def least_of_rounds(
    nlp: Language, step: Step, batches: Sequence[Sequence[Pair]], rounds: int
) -> dict[str, float]:
    """Return the seconds of each part of a step, on the average of batches."""
    found = [[time_step(nlp, step, batch) for _ in range(rounds)] for batch in batches]
    return {
        part: fmean(min(seconds[part] for seconds in each) for each in found)
        for part in found[0][0]
    }


def n_operations(config: Config, pairs: Sequence[Pair], n_classes: int) -> int:
    """Count the floating-point operations of a step's products, forward and back."""
    block = config["components"][PIPE]["model"]
    width, hidden = block["width"], block["hidden_width"]
    of_target = width * n_classes + 4 * hidden * (2 * width + hidden) + hidden * width
    of_source = 4 * width * (width + width // 2) + width * (hidden + width)
    n_source = sum(len(pair.source) for pair in pairs)
    return 6 * (n_pieces(pairs) * of_target + n_source * of_source)


def n_sampled(pairs: Sequence[Pair]) -> int:
    """Count the classes that a sampled softmax would have."""
    return SAMPLE + len({piece for pair in pairs for piece in pair.target})


def report(data: Path | None, size: int, n_batches: int, rounds: int) -> None:
    config = read_config(data)
    config["components"][PIPE]["model"]["subwords"]["size"] = size
    nlp = init_nlp(config)
    pairs = read_pairs(nlp, config, "train")
    batches = list(islice(make_batches(pairs, config), n_batches))
    step, _ = make_our_step(nlp, config)
    seconds = least_of_rounds(nlp, step, batches, rounds)
    total, n_classes = sum(seconds.values()), len(pieces_of(nlp))
    print(f"\n| {n_classes} pieces | ms a step | share |\n|---|---:|---:|")
    for part, each in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"| {part} | {1000 * each:.0f} | {each / total:.0%} |")
    print(f"| together | {1000 * total:.0f} | 100% |")
    products = fmean(n_operations(config, batch, n_classes) for batch in batches)
    least = products / max(peak_speeds(rounds).values())
    print(f"| its products at the core's speed | {1000 * least:.0f} | ", end="")
    print(f"{least / total:.0%} |")
    left = min(1.0, fmean(map(n_sampled, batches)) / n_classes)
    gain = total / (total - (1.0 - left) * seconds[SOFTMAX])
    print(f"\nA sampled softmax would make a step at most {gain:.2f} times as fast.")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--sizes", nargs="+", type=int, default=[4000, 8000])
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(describe_machine())
    for size in args.sizes:
        report(args.data, size, args.batches, args.rounds)


if __name__ == "__main__":
    main()
