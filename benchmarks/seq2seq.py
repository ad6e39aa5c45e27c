"""Translation: our encoder-decoder, and the same network as tutorials write it.

    OMP_NUM_THREADS=1 python benchmarks/seq2seq.py --data DIR

DIR holds translation/multi30k_en_de/{train,dev}.jsonl[.gz], rows of {"en", "de"};
without --data, the bundled corpus is used. Both are the network of
configs/translator.cfg, with the same pieces, the same weights to start with, the same
batches of sentences in the same order, and the same optimizer. The tutorial's has a
packed LSTM, a step of Python for each piece of the target, and torch's cross-entropy
with padding; its pieces are looked up before the clock starts, ours by `nlp.update`.

All figures are of processor time, on one core. The candidates take turns; of a speed
the fastest round counts. After --seconds of training each, dev is translated greedily,
by averaged weights, and scored by sacrebleu (13a, cased). Then the tutorial's network
takes over our weights, or those of a trained --model, so that both write the same
texts, but for a few whose words are cut otherwise: by `nlp.pipe` in batches of the
config's size, by the tutorial's loop one by one and in batches that are padded, and go
on until their last text has ended. Memory is what a process needs for a beam search of
many texts of uneven length, besides the loaded pipeline.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import spacy
import torch
from memory import highest, resident
from plain_seq2seq import PlainSeq2Seq, PlainTrainer, take_weights
from recipe import ROOT
from spacy.language import Language
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config, minibatch, registry, resolve_dot_names
from thinc.api import Config
from timing import Work, fastest, timed

from spacy_rnn.extensions import written_texts
from spacy_rnn.layers.subwords import SPACE, Vocabulary
from spacy_rnn.metrics.bleu import translation_scores

PIPE = "rnn_translator"
TUTORIAL, OURS = "the tutorial's loop", "**spacy-rnn**"
PADDED = {1: "one by one", 64: "64 padded", 256: "256 padded"}  # batches
SEARCHES = {"one by one": (1, 1), "greedy": (1, None), "beam 5": (5, None)}
MAX_LENGTH = 100  # of what is written, in pieces
LENGTHS = (5, 400)  # of texts that memory is measured by, in words


@dataclass
class Pair:
    """A sentence and its translation, for `nlp.update` and as pieces."""

    example: Example
    source: list[int]
    target: list[int]

    def __len__(self) -> int:
        return len(self.example.reference)


Step = Callable[[Sequence[Pair]], None]


def read_config(data: Path | None) -> Config:
    folder = ROOT / "corpus" / "translation"
    if data is not None:
        folder = data / "translation" / "multi30k_en_de"
    paths = {}
    for part in ("train", "dev"):
        path = folder / f"{part}.jsonl"
        paths[f"paths.{part}"] = str(path if path.exists() else f"{path}.gz")
    return load_config(ROOT / "configs" / "translator.cfg", paths).interpolate()


def read_pairs(nlp: Language, config: Config, part: str) -> list[Pair]:
    """Read a part of the corpus, and cut it into the pieces that were learned."""
    (corpus,) = resolve_dot_names(config, [f"corpora.{part}"])
    examples = list(corpus(nlp))
    sources = [SPACE + example.reference.text for example in examples]
    targets = [SPACE + references(example)[0] for example in examples]
    cut = map(pieces_of(nlp).encode, (sources, targets))
    return [Pair(*each) for each in zip(examples, *cut, strict=True)]


def references(example: Example) -> list[str]:
    return written_texts(example.reference, "translation")


def pieces_of(nlp: Language) -> Vocabulary:
    """Return the pieces that a pipeline has learned."""
    return nlp.get_pipe(PIPE).model.get_ref("subwords").attrs["vocabulary"]


def resolve(block: Mapping[str, Any], name: str) -> Any:
    """Make what a part of a block of the config describes."""
    return registry.resolve({name: block[name]})[name]


def make_batches(pairs: Sequence[Pair], config: Config) -> Iterator[list[Pair]]:
    """Shuffle and batch the pairs, again and again, in an order that stays the same."""
    random, batcher = Random(0), resolve(config["training"], "batcher")
    while True:
        yield from batcher(random.sample(pairs, len(pairs)))


def n_pieces(pairs: Sequence[Pair]) -> int:
    """Count what is to be written, with the ends."""
    return sum(len(pair.target) + 1 for pair in pairs)


def make_our_step(nlp: Language, config: Config) -> tuple[Step, dict]:
    """Return a step of training by the config, and where weights are averaged."""
    optimizer = resolve(config["training"], "optimizer")

    def step(pairs: Sequence[Pair]) -> None:
        examples = [pair.example for pair in pairs]
        nlp.update(examples, sgd=optimizer, drop=config["training"]["dropout"])
        optimizer.step_schedules()

    return step, optimizer.averages


def make_plain(nlp: Language) -> PlainSeq2Seq:
    """Make the tutorial's network, with the weights that ours has."""
    block = nlp.config["components"][PIPE]["model"]
    module = PlainSeq2Seq(
        len(pieces_of(nlp)),
        width=block["width"],
        hidden_width=block["hidden_width"],
        dropout=nlp.config["training"]["dropout"],
    )
    take_weights(module, nlp.get_pipe(PIPE).model)
    return module


def make_plain_step(nlp: Language, config: Config) -> tuple[Step, PlainSeq2Seq]:
    """Return a step of its training by the config, and its averaged network."""
    learn_rates = resolve(config["training"]["optimizer"], "learn_rate")
    smoothing = config["components"][PIPE]["model"]["label_smoothing"]
    trainer = PlainTrainer(make_plain(nlp), learn_rates, smoothing)

    def step(pairs: Sequence[Pair]) -> None:
        trainer.step([pair.source for pair in pairs], [pair.target for pair in pairs])

    return step, trainer.averages.module


def train_in_turns(
    steps: Mapping[str, Step], pairs: list[Pair], config: Config, seconds: float
) -> dict[str, int]:
    """Train each for so many seconds, and return of how many pieces it learned."""
    batches = {name: make_batches(pairs, config) for name in steps}
    used, learned = dict.fromkeys(steps, 0.0), dict.fromkeys(steps, 0)
    while min(used.values()) < seconds:
        for name, step in steps.items():
            if used[name] < seconds:
                batch = next(batches[name])
                used[name] += clock(step, batch)()
                learned[name] += n_pieces(batch)
    return learned


def clock(run: Callable[..., object], *args: Any) -> Work:
    """Make something that is timed by the processor's clock."""
    return partial(timed, partial(run, *args), time.process_time)


def training_speeds(
    steps: Mapping[str, Step], batches: list[list[Pair]], rounds: int
) -> dict[str, float]:
    """Return of how many pieces each learns in a second."""

    def run(step: Step) -> None:
        for batch in batches:
            step(batch)

    seconds = fastest({name: [clock(run, steps[name])] for name in steps}, rounds)
    return {name: sum(map(n_pieces, batches)) / seconds[name] for name in steps}


def write_plain(
    module: PlainSeq2Seq, vocabulary: Vocabulary, texts: Sequence[str], size: int
) -> list[str]:
    """Translate texts in batches of so many, each padded to its longest."""
    found: list[str] = []
    module.eval()
    with torch.inference_mode():
        for batch in minibatch(texts, size):
            sources = vocabulary.encode([SPACE + text for text in batch])
            found += map(vocabulary.decode, module.write(sources, MAX_LENGTH))
    return found


def write_ours(
    nlp: Language, texts: Sequence[str], beam_width: int, size: int | None = None
) -> list[str]:
    """Translate texts by `nlp.pipe`, in batches of so many, or as the config says."""
    nlp.get_pipe(PIPE).configure(beam_width=beam_width, max_length=MAX_LENGTH)
    return [doc._.translation for doc in nlp.pipe(texts, batch_size=size)]


def writing_speeds(
    nlp: Language, texts: Sequence[str], rounds: int
) -> dict[str, float]:
    """Return how many sentences are written in a second, with the same weights."""
    module = make_plain(nlp)
    works = {
        f"{TUTORIAL}, {title}": [
            clock(write_plain, module, pieces_of(nlp), texts, size)
        ]
        for size, title in PADDED.items()
    }
    works |= {
        f"{OURS}, {title}": [clock(write_ours, nlp, texts, *search)]
        for title, search in SEARCHES.items()
    }
    seconds = fastest(works, rounds)
    return {name: len(texts) / least for name, least in seconds.items()}


def bleu(written: Sequence[str], pairs: Sequence[Pair]) -> float:
    right = [references(pair.example) for pair in pairs]
    return 100 * translation_scores(written, right)["bleu"]


def uneven_texts(pairs: Sequence[Pair], n_texts: int) -> list[str]:
    """Make texts of words of the sources."""
    random = Random(0)
    words = [token.text for pair in pairs for token in pair.example.reference]
    return [
        " ".join(random.choices(words, k=random.randint(*LENGTHS)))
        for _ in range(n_texts)
    ]


def memory_of(nlp: Language, texts: Sequence[str]) -> float:
    """Return how many MB it takes to search texts, in a process of its own."""
    with (
        TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
    ):
        nlp.to_disk(folder)
        return pool.submit(grow, folder, texts).result()


def grow(path: str, texts: Sequence[str]) -> float:
    torch.set_num_threads(1)
    nlp = spacy.load(path)
    before = resident()
    write_ours(nlp, texts, *SEARCHES["beam 5"])
    return highest() - before


def describe_machine() -> str:
    """Say what the figures are of."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next(line for line in lines if line.startswith("model name"))
    return (
        f"{name.partition(': ')[2]}, {torch.backends.cpu.get_cpu_capability()}, "
        f"torch {torch.__version__}, {torch.get_num_threads()} thread"
    )


def print_table(title: str, unit: str, rows: Mapping[str, float]) -> None:
    """Print speeds, also as multiples of the tutorial's best one."""
    best = max(rows[name] for name in rows if name.startswith(TUTORIAL))
    print(f"\n| {title} | {unit} | of the tutorial's best |\n|---|---:|---:|")
    for name, speed in rows.items():
        print(f"| {name} | {speed:,.0f} | {speed / best:.1f} |")


def compare_training(
    nlp: Language, config: Config, dev: Sequence[Pair], args: argparse.Namespace
) -> dict:
    """Train both, print speeds and scores, and return the averaged weights of ours."""
    pairs = read_pairs(nlp, config, "train")
    plain_step, module = make_plain_step(nlp, config)
    our_step, averages = make_our_step(nlp, config)
    steps = {TUTORIAL: plain_step, OURS: our_step}
    learned = train_in_turns(steps, pairs, config, args.seconds)
    texts = [pair.example.reference.text for pair in dev]
    written = {TUTORIAL: write_plain(module, pieces_of(nlp), texts, max(PADDED))}
    with nlp.use_params(averages):
        written[OURS] = write_ours(nlp, texts, 1)
    print(f"\n| {args.seconds:.0f} s of training | pieces | BLEU |\n|---|---:|---:|")
    for name in steps:
        print(f"| {name} | {learned[name]:,} | {bleu(written[name], dev):.1f} |")
    batches = list(islice(make_batches(pairs, config), args.batches))
    print_table("training", "pieces/s", training_speeds(steps, batches, args.rounds))
    return averages


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--model", type=Path, help="pipeline to write with, trained")
    parser.add_argument("--seconds", type=float, default=240, help="of training, each")
    parser.add_argument("--batches", type=int, default=10, help="in a round")
    parser.add_argument("--texts", type=int, default=512, help="in a round")
    parser.add_argument("--uneven", type=int, default=1000, help="texts, for memory")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    config = read_config(args.data)
    nlp = init_nlp(config) if args.model is None else spacy.load(args.model)
    dev = read_pairs(nlp, config, "dev")
    print(f"{describe_machine()}; {len(pieces_of(nlp))} pieces")
    averages = {}
    if args.model is None:
        averages = compare_training(nlp, config, dev, args)
    texts = [pair.example.reference.text for pair in dev[: args.texts]]
    with nlp.use_params(averages):
        print_table("writing", "sentences/s", writing_speeds(nlp, texts, args.rounds))
        if args.uneven:
            megabytes = memory_of(nlp, uneven_texts(dev, args.uneven))
            print(f"\n{args.uneven} texts of 5 to 400 words: {megabytes:,.0f} MB")


if __name__ == "__main__":
    main()
