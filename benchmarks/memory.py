"""Memory while training and while annotating, in MB of resident memory (Linux).

    OMP_NUM_THREADS=1 python benchmarks/memory.py

Prints how much memory 300 updates take after the first tenth; how much 100,000 distinct
short documents through `nlp.pipe` take after the first tenth, inside
`nlp.memory_zone()` and outside of it, beside a blank pipeline's; and by how much one
batch with a document of 100,000 words and 1,000 short ones exceeds the loaded pipeline.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from random import Random

import spacy
import srsly
import torch
from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch

ROOT = Path(__file__).parent.parent
LONG = 100_000


def resident() -> float:
    """Return the resident memory of this process in MB."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def highest() -> float:
    """Return the highest resident memory that this process ever had, in MB."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10


def make_pipeline() -> tuple[Language, list[Example]]:
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_textcat")
    rows = list(srsly.read_jsonl(ROOT / "corpus" / "sentiment" / "train.jsonl"))
    examples = [
        Example.from_dict(
            nlp.make_doc(row["text"]),
            {"cats": {k: float(k == row["label"]) for k in ("positive", "negative")}},
        )
        for row in rows
    ]
    nlp.initialize(lambda: examples)
    return nlp, examples


def train(nlp: Language, examples: list[Example], steps: int) -> float:
    """Return the growth over the last nine tenths of the steps."""
    random, optimizer = Random(0), nlp.resume_training()
    start = 0.0
    for step in range(steps):
        if step == steps // 10:
            start = resident()
        nlp.update(random.sample(examples, 32), sgd=optimizer, drop=0.3)
    return resident() - start


def distinct_texts(n_texts: int) -> Iterator[str]:
    random = Random(0)
    for i in range(n_texts):
        yield " ".join(f"w{random.randrange(10**6)}" for _ in range(4)) + f" n{i}"


def annotate(nlp: Language, n_texts: int, zone: bool) -> float:
    """Return the growth over the last nine tenths of the texts."""
    start = 0.0
    for i, texts in enumerate(minibatch(distinct_texts(n_texts), size=1000)):
        if i == n_texts // 10_000:
            start = resident()
        with nlp.memory_zone() if zone else nullcontext():
            for _ in nlp.pipe(texts, batch_size=1000):
                pass
    return resident() - start


def main() -> None:
    torch.set_num_threads(1)
    nlp, examples = make_pipeline()
    nlp.max_length = 10**7
    long = " ".join(["word"] * LONG)
    before = resident()
    for _ in nlp.pipe([long, *["A short text."] * 1000], batch_size=1001):
        pass
    print("| | MB |\n|---|---:|")
    print(f"| one batch with {LONG} words and 1,000 texts | {highest() - before:.0f} |")
    print(f"| 300 updates, after the first 30 | {train(nlp, examples, 300):.1f} |")
    blank = spacy.blank("en")
    for where, zone in (("inside", True), ("outside", False)):
        ours, theirs = annotate(nlp, 100_000, zone), annotate(blank, 100_000, zone)
        print(f"| 100,000 texts {where} a memory zone: ours | {ours:.1f} |")
        print(f"| 100,000 texts {where} a memory zone: blank | {theirs:.1f} |")


if __name__ == "__main__":
    main()
