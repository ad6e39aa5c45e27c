"""Train taggers on a data set, and score them: ours, spaCy's, and plain PyTorch."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from plain_torch import PlainTagger, Vocabulary, predict, train_plain
from recipe import ROOT, train_best
from spacy.cli.init_config import init_config
from spacy.language import Language
from spacy.training import Example
from spacy.training.iob_utils import iob_to_biluo, tags_to_entities
from spacy.util import load_config, load_config_from_str, registry
from tagging_data import Sentence, Split, TagSet, write_sentences
from thinc.api import Config

from spacy_rnn.corpora.tokens.chunk_tags import to_bio

COLUMNS = ("tag_column", "pos_column", "entity_column", "span_column")
EPOCHS = 15  # of plain PyTorch


class Result(NamedTuple):
    """What a trained model is worth.

    Attributes:
        scores: In percent, on dev and, if there is one, on test.
        seconds: Time for everything.
        speed: Words per second in training, with the evaluations on dev.
        confidences: Of the spans that were found in the last part, if they have any.
        correct: Whether each of them is right.
    """

    scores: dict[str, float]
    seconds: float
    speed: float
    confidences: Sequence[float] = ()
    correct: Sequence[bool] = ()


def train_ours(tag_set: TagSet, split: Split, seed: int, **settings: Any) -> Result:
    """Train by a shipped config with other paths.

    Args:
        tag_set: The data set.
        split: Its parts.
        seed: Seed of the training.
        settings: See `train_and_score`.
    """
    config = load_config(
        ROOT / "configs" / ("ner.cfg" if tag_set.chunks else "tagger.cfg")
    )
    for part in ("train", "dev"):
        config["corpora"][part] |= read_tags(tag_set)
    return train_and_score(config, tag_set, split, seed, **settings)


def train_spacy(tag_set: TagSet, split: Split, seed: int, **settings: Any) -> Result:
    """Train by the config that `spacy init config` makes. Arguments as above."""
    pipe = "ner" if tag_set.chunks else "tagger"
    config = init_config(lang=tag_set.lang, pipeline=[pipe])
    for part in ("train", "dev"):
        config["corpora"][part] = {
            "@readers": "spacy-rnn.TokenCorpus.v1",
            "path": f"${{paths.{part}}}",
            **read_tags(tag_set),
        }
    return train_and_score(config, tag_set, split, seed, **settings)


def read_tags(tag_set: TagSet) -> dict[str, str | None]:
    """Say what `spacy-rnn.TokenCorpus.v1` is to make of the tags."""
    used = "entity_column" if tag_set.chunks else "tag_column"
    return {column: "tags" if column == used else None for column in COLUMNS}


def train_and_score(
    config: Config,
    tag_set: TagSet,
    split: Split,
    seed: int,
    *,
    overrides: dict[str, Any],
    verbose: bool,
) -> Result:
    """Train a pipeline and score the best that there was.

    Args:
        config: It reads `paths.train` and `paths.dev`.
        tag_set: The data set.
        split: Its parts.
        seed: Seed of the training.
        overrides: Further values of the config.
        verbose: Whether to print the score of each evaluation to the standard error.
    """
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for part, sentences in split._asdict().items():
            files[part] = Path(folder) / f"{part}.jsonl"
            write_sentences(files[part], sentences)
        values = {
            "paths.train": str(files["train"]),
            "paths.dev": str(files["dev"]),
            "nlp.lang": tag_set.lang,
            "system.seed": seed,
            **overrides,
        }
        config = load_config_from_str(config.to_str(), values)
        nlp, speed = train_best(config, verbose=verbose)
        pipe: Any = nlp.get_pipe(nlp.pipe_names[-1])
        scores: dict[str, float] = {}
        for part in ("dev", "test") if split.test else ("dev",):
            examples = annotate(nlp, files[part])
            key = "ents_f" if tag_set.chunks else "tag_acc"
            scores[part] = 100 * pipe.score(examples)[key]
    seconds = time.perf_counter() - start
    return Result(
        scores, seconds, speed, *read_confidences(examples, pipe.cfg.get("spans_key"))
    )


def annotate(nlp: Language, path: Path) -> list[Example]:
    """Predict on a file that is read as the development data was."""
    corpus = {**nlp.config.interpolate()["corpora"]["dev"], "path": str(path)}
    examples = list(registry.resolve({"part": corpus})["part"](nlp))
    docs = nlp.pipe([example.predicted for example in examples])
    return [
        Example(doc, example.reference)
        for doc, example in zip(docs, examples, strict=True)
    ]


def read_confidences(
    examples: list[Example], spans_key: str | None
) -> tuple[list[float], list[bool]]:
    """Return the confidence of each entity, and whether it's right."""
    confidences: list[float] = []
    correct: list[bool] = []
    for example in examples if spans_key is not None else []:
        group = example.predicted.spans[spans_key]
        gold = {(ent.start, ent.end, ent.label) for ent in example.reference.ents}
        confidences += group.attrs["scores"].tolist()
        correct += [(ent.start, ent.end, ent.label) in gold for ent in group]
    return confidences, correct


def train_torch(tag_set: TagSet, split: Split, seed: int) -> Result:
    """Train the tagger that is written by hand. Arguments as above."""
    start = time.perf_counter()

    def score(
        model: PlainTagger, vocabulary: Vocabulary, sentences: list[Sentence]
    ) -> float:
        found = predict(model, vocabulary, sentences, 256)
        gold = [sentence.tags for sentence in sentences]
        return 100 * (span_f1 if tag_set.chunks else accuracy)(gold, found)

    model, vocabulary = train_plain(
        split.train,
        lambda *trained: score(*trained, split.dev),
        crf=tag_set.chunks,
        seed=seed,
        epochs=EPOCHS,
    )
    n_words = EPOCHS * sum(len(sentence.tokens) for sentence in split.train)
    speed = n_words / (time.perf_counter() - start)
    parts = split._asdict() if split.test else {"dev": split.dev}
    parts.pop("train", None)
    scores = {name: score(model, vocabulary, part) for name, part in parts.items()}
    return Result(scores, time.perf_counter() - start, speed)


def accuracy(gold: list[list[str]], found: list[list[str]]) -> float:
    """Return the share of tokens that have the right tag."""
    right = [
        first == second
        for pair in zip(gold, found, strict=True)
        for first, second in zip(*pair, strict=True)
    ]
    return sum(right) / len(right)


def span_f1(gold: list[list[str]], found: list[list[str]]) -> float:
    """Return the F1 of spans with their labels, in [0, 1]."""
    truths, guesses = list_spans(gold), list_spans(found)
    return 2 * len(truths & guesses) / max(1, len(truths) + len(guesses))


def list_spans(sentences: list[list[str]]) -> set[tuple[int, tuple[str, int, int]]]:
    """List the spans of all sentences, also of tags that are not quite BIO."""
    return {
        (i, span)
        for i, tags in enumerate(sentences)
        for span in tags_to_entities(iob_to_biluo(to_bio(tags, "IOB1")))
    }
