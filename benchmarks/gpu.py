"""Speed on a GPU: ours, spaCy's BiLSTM, and a PyTorch loop written by hand.

    python benchmarks/gpu.py --gpu-id 0 --data DIR
    OMP_NUM_THREADS=1 python benchmarks/gpu.py --gpu-id -1 --words 4000 --widths 32

All have the same embedding, two LSTM layers of the same width, and the mean. Documents
are made up of random words, short ones of 5 to 40 and long ones of 200 to 1,000. A
training step takes a batch of so many words; prediction starts from tokenized
documents, in batches of 1,000, each in one call of the model and its annotations. The
PyTorch loop has packed sequences, and its features are looked up before the clock
starts. Every figure is the best of several rounds in which the candidates take turns,
in thousands of words a second; whoever is slow gets fewer batches. "GPU" is the share
of the time of the first batch in which the GPU computes. With --gpu-id -1, the same
runs on a CPU.

With --profile N, the N functions of Python, and the N kernels, in which a training step
and a prediction of ours spend most time are printed instead. Profiling slows Python.

With --data, whose DIR holds classification/mr and tagging/conll2003_en, a second table
has `spacy train` from the first step to the last, with reading and evaluation: the
first network above on MR, and on CoNLL-2003 the shipped config beside spaCy's default.
"""

import argparse
import pstats
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from cProfile import Profile
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import spacy
import torch
from plain_classifier import PlainClassifier, feature_rows, make_step
from recipe import train_best
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import minibatch
from speed import EMBED, our_bilstm, spacy_bilstm
from tagging_data import SETS, read_split
from tagging_training import train_ours, train_spacy
from thinc.api import Adam, fix_random_seed, set_gpu_allocator
from timing import Work, batches_by_words, fastest, timed
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from training_speed import BATCHER, make_config, read_parts, write_corpus

LENGTHS = {"short": (5, 40), "long": (200, 1000)}
VOCABULARY = 20_000
N_BATCHES = 4
PIPE_BATCH = 1000
SECONDS = 1.0  # of a candidate in all rounds, or one batch in each
PYTORCH = "PyTorch, packed"
OURS = "spacy-rnn"
SPACY = "spaCy BiLSTM"

Batches = Sequence[Sequence[int]]  # the documents of each, by their numbers
OnBatches = Callable[[Batches], None]


class Speed(NamedTuple):
    """How fast something is.

    Attributes:
        words: A second.
        busy: Share of the time, in [0, 1], in which the GPU does anything.
    """

    words: float
    busy: float


def make_docs(kind: str, n_words: int) -> list[Doc]:
    """Make documents of random words, as frequent as words are, with categories."""
    random, generator = Random(0), np.random.default_rng(0)
    vocab = spacy.blank("en").vocab
    least, most = LENGTHS[kind]
    docs: list[Doc] = []
    while sum(map(len, docs)) < n_words:
        ranks = generator.zipf(1.2, size=random.randint(least, most)) % VOCABULARY
        doc = Doc(vocab, words=[f"w{rank}" for rank in ranks])
        label = random.random() < 0.5
        doc.cats = {"even": float(label), "odd": float(not label)}
        docs.append(doc)
    return docs


def bare(doc: Doc) -> Doc:
    """Return a document of the same words without categories."""
    return Doc(doc.vocab, words=[token.text for token in doc])


def candidates(width: int, *, on_gpu: bool) -> Iterator[tuple[str, str, dict]]:
    """Yield the pipelines: a name, the component and its model."""
    yield SPACY, "textcat", spacy_bilstm(width)
    yield OURS, "rnn_textcat", our_bilstm(width)
    if on_gpu:
        yield f"{OURS}, graphs", "rnn_textcat", our_bilstm(width, cuda_graphs=True)


def make_pipeline(factory: str, model: dict, docs: list[Doc]) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en", vocab=docs[0].vocab)
    nlp.add_pipe(factory, config={"model": model})
    nlp.initialize(lambda: [Example(bare(doc), doc) for doc in docs[:20]])
    return nlp


def waiting(work: Callable[[], None], *, on_gpu: bool) -> Work:
    """Return what does something and returns the seconds until the GPU is done."""

    def run() -> None:
        work()
        if on_gpu:
            torch.cuda.synchronize()

    return partial(timed, run)


def spacy_works(nlp: Language, docs: list[Doc]) -> tuple[OnBatches, OnBatches]:
    """Return what trains a pipeline, and what predicts with it."""
    examples, optimizer = [Example(bare(doc), doc) for doc in docs], Adam(0.001)
    (pipe,) = (pipe for _, pipe in nlp.pipeline)
    texts = [bare(doc) for doc in docs]

    def train(batches: Batches) -> None:
        for batch in batches:
            pipe.update([examples[i] for i in batch], sgd=optimizer, drop=0.2)

    def predict(batches: Batches) -> None:
        for batch in batches:
            chunk = [texts[i] for i in batch]
            pipe.set_annotations(chunk, pipe.predict(chunk))

    return train, predict


def plain_works(
    width: int, docs: list[Doc], device: str
) -> tuple[OnBatches, OnBatches]:
    """Return what trains the network written by hand, and what predicts with it."""
    torch.manual_seed(0)
    module = PlainClassifier(width=width, rows=EMBED["rows"], n_labels=2, dropout=0.2)
    step = make_step(module.to(device))
    rows = feature_rows(docs, EMBED["attrs"], EMBED["rows"])
    labels = np.array([int(doc.cats["odd"]) for doc in docs])

    def train(batches: Batches) -> None:
        for batch in batches:
            step([rows[i] for i in batch], labels[batch])

    def predict(batches: Batches) -> None:
        module.eval()
        with torch.inference_mode():
            for batch in batches:
                module([rows[i] for i in batch]).softmax(1).cpu()

    return train, predict


def measure(
    width: int, docs: list[Doc], batch_words: int, gpu_id: int, rounds: int
) -> dict[str, tuple[Speed, Speed]]:
    """Measure training and prediction of all candidates."""
    on_gpu = gpu_id >= 0
    works = {PYTORCH: plain_works(width, docs, "cuda" if on_gpu else "cpu")}
    for name, factory, model in candidates(width, on_gpu=on_gpu):
        works[name] = spacy_works(make_pipeline(factory, model, docs), docs)
    lengths = [len(doc) for doc in docs]
    batches = batches_by_words(lengths, batch_words)[:N_BATCHES]
    chunks = list(minibatch(range(len(docs)), size=PIPE_BATCH))
    trained = compare(
        {name: train for name, (train, _) in works.items()},
        batches,
        lengths,
        rounds,
        on_gpu=on_gpu,
    )
    predicted = compare(
        {name: predict for name, (_, predict) in works.items()},
        chunks,
        lengths,
        rounds,
        on_gpu=on_gpu,
    )
    return {name: (trained[name], predicted[name]) for name in works}


def compare(
    works: dict[str, OnBatches],
    batches: Batches,
    lengths: list[int],
    rounds: int,
    *,
    on_gpu: bool,
) -> dict[str, Speed]:
    """Measure candidates, each on as many of the batches as its time allows."""
    timers, parts, firsts = {}, {}, {}
    for name, work in works.items():
        first = waiting(partial(work, batches[:1]), on_gpu=on_gpu)
        first()  # kernels are chosen, memory is found
        firsts[name] = [first]
        n_batches = max(1, min(len(batches), int(SECONDS / rounds / first())))
        parts[name] = batches[:n_batches]
        timers[name] = [waiting(partial(work, parts[name]), on_gpu=on_gpu)]
    fastest(timers, 1)
    times, busy = fastest(timers, rounds), dict.fromkeys(works, 0.0)
    if on_gpu:
        for name, seconds in fastest(firsts, rounds).items():
            busy[name] = gpu_seconds(firsts[name][0]) / seconds
    speeds = {}
    for name, seconds in times.items():
        n_words = sum(lengths[i] for batch in parts[name] for i in batch)
        speeds[name] = Speed(n_words / seconds, busy[name])
    return speeds


def gpu_seconds(work: Callable[[], object]) -> float:
    """Return the seconds in which the GPU does anything while something runs."""
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        work()
    spans = [
        (event.time_range.start, event.time_range.end)
        for event in profiler.events()
        if event.device_type == DeviceType.CUDA
    ]
    busy, until = 0.0, 0.0
    for start, end in sorted(spans):
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
    return busy / 1e6


def print_profiles(
    width: int, docs: list[Doc], batch_words: int, gpu_id: int, n_rows: int
) -> None:
    """Print where the time of a training step and a prediction of ours goes."""
    on_gpu = gpu_id >= 0
    lengths = [len(doc) for doc in docs]
    batches: tuple[Batches, Batches] = (
        batches_by_words(lengths, batch_words)[:1],
        [range(min(PIPE_BATCH, len(docs)))],
    )
    for name, factory, model in candidates(width, on_gpu=on_gpu):
        if name == SPACY:
            continue
        works = spacy_works(make_pipeline(factory, model, docs), docs)
        for title, work, part in zip(("train", "pipe"), works, batches, strict=True):
            for _ in range(3):  # kernels are chosen, graphs are captured
                work(part)
            print(f"\n{name}, width {width}, {title}", flush=True)
            run = waiting(partial(work, part), on_gpu=on_gpu)
            print_profile(run, n_rows, on_gpu=on_gpu)


def print_profile(work: Callable[[], object], n_rows: int, *, on_gpu: bool) -> None:
    """Print the functions and kernels in which something spends most time."""
    host = Profile()
    with profile() as device:
        host.runcall(work)
    pstats.Stats(host).sort_stats("tottime").print_stats(n_rows)
    own = "self_cuda" if on_gpu else "self_cpu"
    table = device.key_averages().table(sort_by=f"{own}_time_total", row_limit=n_rows)
    print(table, flush=True)


def print_rows(kind: str, width: int, speeds: dict[str, tuple[Speed, Speed]]) -> None:
    for name, both in speeds.items():
        cells = [kind, str(width), name]
        for which, speed in enumerate(both):
            cells.append(f"{speed.words / 1000:,.1f}")
            for peer in (SPACY, PYTORCH):
                cells.append(f"{speed.words / speeds[peer][which].words:.2f}")
            cells.append(f"{speed.busy:.0%}")
        print("| " + " | ".join(cells) + " |", flush=True)


def train_all(data: Path, epochs: int, steps: int) -> Iterator[tuple[str, str, float]]:
    """Run `spacy train`. Yields a data set, a name, and words a second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_words = write_corpus(read_parts(data, 0), folder)
        for title, factory, model, reader in (
            (SPACY, "textcat", spacy_bilstm(), "spacy.Corpus.v1"),
            (OURS, "rnn_textcat", our_bilstm(), "spacy-rnn.TextCorpus.v1"),
        ):
            config = make_config(
                factory,
                model,
                reader,
                folder,
                epochs=epochs,
                steps=max(1, n_words // BATCHER["size"]),
            )
            yield "MR", title, train_best(config).words_per_second
    split = read_split(data, "conll2003_en")
    overrides = {"training.max_steps": steps, "training.eval_frequency": steps // 2}
    for title, train in (("spaCy ner", train_spacy), (OURS, train_ours)):
        tag_set = SETS["conll2003_en"]
        result = train(tag_set, split, 0, overrides=overrides, verbose=False)
        yield "CoNLL-2003", title, result.speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpu-id", type=int, default=0, help="-1 for the CPU")
    parser.add_argument("--widths", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--kinds", nargs="+", choices=LENGTHS, default=list(LENGTHS))
    parser.add_argument("--words", type=int, default=32_000, help="in a batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", type=int, metavar="N", help="rows of profiles")
    parser.add_argument("--data", type=Path, help="folder of data sets")
    parser.add_argument("--epochs", type=int, default=3, help="on MR")
    parser.add_argument("--steps", type=int, default=300, help="on CoNLL-2003")
    args = parser.parse_args()
    # By Thinc, below spaCy's BiLSTM.
    warnings.filterwarnings("ignore", ".*from_dlpack")
    device = "a CPU"
    if args.gpu_id >= 0:
        spacy.require_gpu(args.gpu_id)
        set_gpu_allocator("pytorch")
        device = torch.cuda.get_device_name(args.gpu_id)
    print(f"{device}, torch {torch.__version__}, batches of {args.words} words")
    if args.profile:
        for kind in args.kinds:
            print(f"\n{kind} documents")
            docs = make_docs(kind, 2 * args.words)
            for width in args.widths:
                print_profiles(width, docs, args.words, args.gpu_id, args.profile)
        return
    columns = "x spaCy | x PyTorch | GPU |"
    print(f"\n| documents | width | | train | {columns} pipe | {columns}")
    print("|---|---|---|" + "---:|" * 8)
    for kind in args.kinds:
        docs = make_docs(kind, (N_BATCHES + 1) * args.words)
        for width in args.widths:
            speeds = measure(width, docs, args.words, args.gpu_id, args.rounds)
            print_rows(kind, width, speeds)
    if args.data is not None:
        print("\n| `spacy train` | | thousands of words/s |\n|---|---|---:|")
        for name, title, speed in train_all(args.data, args.epochs, args.steps):
            print(f"| {name} | {title} | {speed / 1000:,.1f} |", flush=True)


if __name__ == "__main__":
    main()
