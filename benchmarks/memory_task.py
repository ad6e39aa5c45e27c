"""A task that needs memory: name the class of the first word, N words later.

    OMP_NUM_THREADS=1 python benchmarks/memory_task.py --plot gradients.svg

Everything is made here: a document begins with one of four class words, and N words
follow that mean nothing, out of twenty. An `rnn_textcat`, 32 wide, that reads from left
to right has only its last state to go by. Four tables:

* accuracy, where all documents of training have the distance that is tested, from the
  first step on;
* accuracy, where the distance grows: up to 5, then by half whenever 99 % of the longest
  documents are right, up to 200;
* how strongly the last state depends on the word so many words before it (norm of the
  Jacobian, relative to that of the last word), before and after that training; this is
  what `--plot` draws;
* SGD on a simple RNN with rectified units whose recurrent weights are half as large
  again as they should be, with gradients clipped and not.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path
from random import Random

import spacy
import torch
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import SGD, Adam, Model, Optimizer, fix_random_seed

from spacy_rnn.gradients import NonFiniteGradientError

CELLS = {"simple RNN": "rnn_tanh", "LSTM": "lstm", "GRU": "gru"}
CLASSES = ["red", "green", "blue", "black"]
FILLERS = [f"word{i}" for i in range(20)]
DISTANCES = [5, 10, 20, 50, 100, 150, 200]
ENOUGH = 0.99
WIDTH = BATCH = 32
GROWING, FIXED, EXPLODING = 1000, 200, 300  # steps at most
EXPLODING_DISTANCE = 20
GREY, COLORS = "#808080", ["#d1242f", "#2f81f7", "#2da44e"]  # on light and dark pages
EMBED = {
    "@architectures": "spacy-rnn.MultiHashEmbed.v1",
    "width": WIDTH,
    "attrs": ["NORM"],
    "rows": [500],
    "include_static_vectors": False,
}


def make_nlp(cell: str, seed: int, max_gradient_norm: float) -> Language:
    """Make an untrained classifier that sees the last state only."""
    fix_random_seed(seed)
    nlp = spacy.blank("en")
    encode = {
        "@architectures": "spacy-rnn.RNNEncoder.v1",
        "width": WIDTH,
        "cell": cell,
        "bidirectional": False,
    }
    tok2vec = {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": EMBED,
        "encode": encode,
    }
    model = {
        "@architectures": "spacy-rnn.TextCat.v1",
        "exclusive_classes": True,
        "pooling": ["last"],
        "tok2vec": tok2vec,
        "linear_model": None,
    }
    config = {"model": model, "max_gradient_norm": max_gradient_norm}
    nlp.add_pipe("rnn_textcat", config=config)
    nlp.initialize(lambda: make_examples(nlp, Random(seed), [5] * 40))
    return nlp


def make_examples(
    nlp: Language, random: Random, distances: Iterable[int]
) -> list[Example]:
    """Make documents with so many words after the first."""
    examples = []
    for distance in distances:
        label = random.choice(CLASSES)
        words = [label, *random.choices(FILLERS, k=distance)]
        reference = Doc(nlp.vocab, words=words)
        reference.cats = {name: float(name == label) for name in CLASSES}
        examples.append(Example(Doc(nlp.vocab, words=words), reference))
    return examples


def accuracy(nlp: Language, distance: int, seed: int, n_docs: int = 200) -> float:
    """Return the share of new documents that are classified right."""
    examples = make_examples(nlp, Random(seed), [distance] * n_docs)
    docs = nlp.pipe([example.predicted for example in examples])
    right = [
        example.reference.cats[max(doc.cats, key=doc.cats.__getitem__)]
        for doc, example in zip(docs, examples, strict=True)
    ]
    return sum(right) / n_docs


def train(
    nlp: Language,
    optimizer: Optimizer,
    *,
    shortest: int,
    start: int,
    end: int,
    seed: int,
    max_steps: int,
) -> int:
    """Train until documents of the last distance are right.

    Args:
        nlp: The classifier.
        optimizer: The optimizer.
        shortest: The shortest distance, or the start if that is less.
        start: The longest distance at first.
        end: The longest distance at last.
        seed: Seed of the documents.
        max_steps: Steps at most.

    Returns:
        The steps that were made.
    """
    random, pipe, longest = Random(seed), nlp.get_pipe("rnn_textcat"), start
    for step in range(1, max_steps + 1):
        distances = [
            random.randint(min(shortest, start), longest) for _ in range(BATCH)
        ]
        pipe.update(make_examples(nlp, random, distances), sgd=optimizer)
        if step % 10 == 0 and accuracy(nlp, longest, seed + step, 100) >= ENOUGH:
            if longest == end:
                return step
            longest = min(end, longest + longest // 2)
    return max_steps


def train_fixed(cell: str, seed: int) -> list[str]:
    """Return the accuracy after training on each distance by itself."""
    cells = []
    for distance in DISTANCES:
        nlp = make_nlp(cell, seed, max_gradient_norm=1.0)
        train(
            nlp,
            Adam(0.01, grad_clip=0.0),
            shortest=distance,
            start=distance,
            end=distance,
            seed=seed,
            max_steps=FIXED,
        )
        cells.append(f"{100 * accuracy(nlp, distance, seed - 1):.1f}")
    return cells


def train_growing(cell: str, seed: int) -> tuple[list[str], list[float], list[float]]:
    """Return accuracies, and the gradient before and after, by distance."""
    nlp = make_nlp(cell, seed, max_gradient_norm=1.0)
    before = gradients(nlp, seed)
    steps = train(
        nlp,
        Adam(0.01, grad_clip=0.0),
        shortest=1,
        start=DISTANCES[0],
        end=DISTANCES[-1],
        seed=seed,
        max_steps=GROWING,
    )
    found = [100 * accuracy(nlp, each, seed - 1) for each in DISTANCES]
    return (
        [f"{each:.1f}" for each in found] + [str(steps)],
        before,
        gradients(nlp, seed),
    )


def gradients(nlp: Language, seed: int) -> list[float]:
    """Return how strongly the last state depends on each word, relative to the last."""
    layer = find_encoder(nlp)
    with layer.attrs["watch_cells"](layer) as report:
        accuracy(nlp, DISTANCES[-1], seed, 20)
    gradient = report()["layers.0.forward_cell"]["gradient"]
    return [value / gradient[0] for value in gradient[: DISTANCES[-1] + 1]]


def find_encoder(nlp: Language) -> Model:
    model = nlp.get_pipe("rnn_textcat").model
    return next(layer for layer in model.walk() if "watch_cells" in layer.attrs)


def explode(max_norm: float, seed: int) -> str:
    """Train with recurrent weights that are too large, and say what came of it."""
    nlp = make_nlp("rnn_relu", seed, max_gradient_norm=max_norm)
    encoder = find_encoder(nlp)
    module = encoder.attrs["torch_module"].bind(encoder)
    with torch.no_grad():
        module.layers[0].forward_cell.weight_hh_l0.mul_(1.5)
    try:
        steps = train(
            nlp,
            SGD(0.1, grad_clip=0.0),
            shortest=1,
            start=EXPLODING_DISTANCE,
            end=EXPLODING_DISTANCE,
            seed=seed,
            max_steps=EXPLODING,
        )
    except NonFiniteGradientError as error:
        return f"stopped, as {len(error.parameters)} gradients aren't finite"
    found = 100 * accuracy(nlp, EXPLODING_DISTANCE, seed - 1)
    return f"{found:.1f} after {steps} steps"


def plot(curves: dict[str, list[list[float]]], path: Path) -> None:
    """Draw the gradients of each cell, untrained and trained, by distance."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    style = {"text.color": GREY, "axes.labelcolor": GREY, "axes.edgecolor": GREY}
    style |= {"xtick.color": GREY, "ytick.color": GREY, "svg.hashsalt": "memory"}
    with rc_context(style):
        figure = Figure(figsize=(8, 4), layout="constrained")
        axes = figure.add_subplot()
        for (name, (before, after)), color in zip(curves.items(), COLORS, strict=True):
            axes.semilogy(before, "--", color=color, label=f"{name}, untrained")
            axes.semilogy(after, color=color, label=f"{name}, trained")
        axes.set(ylim=(1e-20, 1e2), xlim=(0, DISTANCES[-1]))
        axes.set_xlabel("words between")
        axes.set_ylabel("gradient, relative to the last word's")
        axes.grid(alpha=0.3)
        figure.legend(ncols=3, loc="outside upper center", framealpha=0.0)
        figure.savefig(path, transparent=True, metadata={"Date": None})


def print_table(title: str, header: list[str], rows: dict[str, list[str]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(['', *header])} |")
    print(f"| --- |{' ---: |' * len(header)}")
    for name, cells in rows.items():
        print(f"| {' | '.join([name, *cells])} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="an SVG of the gradients")
    options = parser.parse_args()
    seed: int = options.seed
    torch.set_num_threads(1)
    header = [str(distance) for distance in DISTANCES]
    grown = {name: train_growing(cell, seed) for name, cell in CELLS.items()}
    if options.plot:
        plot({name: [*each[1:]] for name, each in grown.items()}, options.plot)
    print_table(
        f"Accuracy, the same distance from the first step on, {FIXED} steps",
        header,
        {name: train_fixed(cell, seed) for name, cell in CELLS.items()},
    )
    print_table(
        "Accuracy, growing distances",
        [*header, "steps"],
        {name: each[0] for name, each in grown.items()},
    )
    print_table(
        "How strongly the last state depends on a word, by distance",
        header,
        {
            f"{name}, {moment}": [f"{each[i][n]:.0e}" for n in DISTANCES]
            for name, each in grown.items()
            for i, moment in ((1, "untrained"), (2, "trained"))
        },
    )
    print_table(
        f"Recurrent weights that are too large, distance 1 to {EXPLODING_DISTANCE}",
        ["accuracy"],
        {
            "not clipped": [explode(0.0, seed)],
            "clipped to 1": [explode(1.0, seed)],
        },
    )


if __name__ == "__main__":
    main()
