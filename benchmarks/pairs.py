r"""What can be had on pairs of texts without learning anything, and what models write.

    OMP_NUM_THREADS=1 python benchmarks/pairs.py
    OMP_NUM_THREADS=1 python benchmarks/pairs.py --kind translation --columns en de \
        --train train.jsonl --test test.jsonl --models training/translator/model-best

Without --train and --test, that is on the bundled pairs. Of each test source, the
target is taken to be the source itself, its first words, its first line, or the target
of the most similar training source: that with the largest share of distinct words in
common (Jaccard's index), in lower case, the first of equals. The first words are as
many as a training target has on average. With --models, trained pipelines write it,
greedily and with a beam of 5, or as --search says, such as `--search beam_width=1
beam_width=20,mbr_temperature=4.0`.

Translations are scored by BLEU, chrF and exact matches, summaries by the F1 of ROUGE-1,
ROUGE-2 and ROUGE-L; where a source has several summaries, by the best of them, by the
first alone, and by the best of the others. Invented words are those of all texts that
stand neither in their source nor anywhere in the training data. All are in percent,
but for the texts that are read and written in a second of processor time.
"""

import argparse
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import spacy

from spacy_rnn.corpora.pairs.corpus import PairCorpus
from spacy_rnn.extensions import written_texts
from spacy_rnn.metrics.bleu import translation_scores
from spacy_rnn.metrics.rouge import rouge
from spacy_rnn.pipeline.text_writer import TextWriter

CORPUS = Path(__file__).parent.parent / "corpus"
ROUGE = ("rouge1", "rouge2", "rougeL")
SEARCHES = [{"beam_width": 1}, {"beam_width": 5}]


class Pair(NamedTuple):
    source: str
    references: list[str]


class Task(NamedTuple):
    """Pairs to learn from, and others to be judged by.

    Attributes:
        kind: "translation" or "summary".
    """

    kind: str
    train: list[Pair]
    test: list[Pair]


def read_pairs(path: Path, columns: tuple[str | None, str | None]) -> list[Pair]:
    """Read pairs whose source and target have names, or their usual ones."""
    source, target = columns
    corpus = PairCorpus(path, source_column=source, target_column=target)
    docs = corpus.read_references(spacy.blank("en"))
    return [Pair(doc.text, written_texts(doc, corpus.extension)) for doc in docs]


def bundled_tasks() -> dict[str, Task]:
    """Read the pairs of this project."""
    tasks = {}
    for name, kind, source in [
        ("translation", "translation", "en"),
        ("notices", "summary", "text"),
    ]:
        columns = (source, "de" if kind == "translation" else "summary")
        parts = [CORPUS / name / f"{part}.jsonl" for part in ("train", "test")]
        tasks[name] = Task(kind, *(read_pairs(path, columns) for path in parts))
    return tasks


def words_of(text: str) -> set[str]:
    """Return the distinct words of a text, in lower case."""
    return set(re.findall(r"\w+", text.lower()))


def nearest_target(source: str, train: list[Pair]) -> str:
    """Return the target of the training source that is most like another one."""
    words = words_of(source)

    def likeness(pair: Pair) -> float:
        others = words_of(pair.source)
        return len(words & others) / max(1, len(words | others))

    return max(train, key=likeness).references[0]


def make_baselines(train: list[Pair]) -> dict[str, Callable[[str], str]]:
    """Make functions from a source to what is taken for its target."""
    n_words = round(fmean(len(pair.references[0].split()) for pair in train))
    return {
        "the source": str,
        f"its first {n_words} words": lambda text: " ".join(text.split()[:n_words]),
        "its first line": lambda text: text.strip().split("\n")[0],
        "the most similar": lambda text: nearest_target(text, train),
    }


def score(kind: str, candidates: list[str], test: list[Pair]) -> dict[str, float]:
    """Score what is taken for the targets, in percent."""
    references = [pair.references for pair in test]
    scores = translation_scores(candidates, references)
    if kind == "summary":
        scores = {"exact_match": scores["exact_match"], **best_of(candidates, test)}
        if any(len(several) > 1 for several in references):
            first = [Pair(source, several[:1]) for source, several in test]
            others = [Pair(source, several[1:]) for source, several in test]
            scores |= best_of(candidates, first, " by the first")
            scores |= best_of(candidates, others, " by the others")
    return {key: 100 * value for key, value in scores.items()}


def best_of(candidates: list[str], test: list[Pair], by: str = "") -> dict[str, float]:
    """Find the mean F1 of ROUGE, of each text by its best reference."""
    each = [
        rouge(candidate, pair.references)
        for candidate, pair in zip(candidates, test, strict=True)
        if pair.references
    ]
    return {key + by: fmean(found[key].f1 for found in each) for key in ROUGE}


def share_of_invented_words(candidates: list[str], task: Task) -> float:
    """Return how many words, in percent, stand in no source and no training data."""
    known: set[str] = set()
    for source, references in task.train:
        known |= words_of(" ".join([source, *references]))
    n_words = n_invented = 0
    for candidate, pair in zip(candidates, task.test, strict=True):
        own = words_of(pair.source)
        words = re.findall(r"\w+", candidate.lower())
        n_words += len(words)
        n_invented += sum(word not in known and word not in own for word in words)
    return 100 * n_invented / max(1, n_words)


def read_settings(text: str) -> dict[str, Any]:
    """Read settings such as "beam_width=20,mbr_temperature=4.0"."""
    pairs = (each.split("=", 1) for each in text.split(","))
    return {name: json.loads(value) for name, value in pairs}


def write_texts(
    path: Path, settings: dict[str, Any], test: list[Pair]
) -> tuple[list[str], float]:
    """Let a trained pipeline write. Returns the texts, and how many in a second."""
    nlp = spacy.load(path)
    writers = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, TextWriter)]
    if not writers:
        raise SystemExit(f"{path} has no component that writes texts")
    (writer,) = writers
    writer.configure(**settings)
    started = time.process_time()
    docs = list(nlp.pipe(pair.source for pair in test))
    seconds = time.process_time() - started
    texts = [" ".join(written_texts(doc, writer.cfg["extension"])) for doc in docs]
    return texts, len(test) / seconds


def show(name: str, scores: dict[str, float]) -> None:
    shown = "  ".join(f"{key} {value:.1f}" for key, value in scores.items())
    print(f"{name}: {shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--train", type=Path, help="pairs to learn from")
    parser.add_argument("--test", type=Path, help="pairs to be judged by")
    parser.add_argument("--columns", nargs=2, default=(None, None))
    parser.add_argument("--kind", choices=["translation", "summary"])
    parser.add_argument("--models", nargs="*", type=Path, default=[])
    parser.add_argument("--search", nargs="+", type=read_settings, default=SEARCHES)
    parser.add_argument("--only-models", action="store_true", help="no baselines")
    options = parser.parse_args()
    given = [options.train, options.test, options.kind]
    if any(given) != all(given):
        parser.error("--train, --test and --kind belong together")
    tasks = bundled_tasks()
    if all(given):
        parts = [read_pairs(path, options.columns) for path in given[:2]]
        tasks = {options.kind: Task(options.kind, *parts)}
    elif options.models:
        parser.error("--models need the pairs they are for: --train, --test and --kind")
    for name, task in tasks.items():
        baselines = {} if options.only_models else make_baselines(task.train)
        for baseline, predict in baselines.items():
            texts = [predict(pair.source) for pair in task.test]
            show(f"{name}: {baseline}", score(task.kind, texts, task.test))
    for path in options.models:
        for settings in options.search:
            texts, speed = write_texts(path, settings, task.test)
            scores = score(task.kind, texts, task.test)
            scores["invented words"] = share_of_invented_words(texts, task)
            show(f"{path}, {settings}", scores | {"texts/s": speed})


if __name__ == "__main__":
    main()
