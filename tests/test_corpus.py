"""The bundled corpora: large enough, balanced, and without repetitions."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent.parent / "corpus"
SIZES = {"sentiment": (600, 200), "emotions": (400, 120)}
LABELS = {
    "sentiment": {"positive", "negative"},
    "emotions": {
        *("anger", "disappointment", "fear", "gratitude"),
        *("joy", "love", "sadness", "surprise"),
    },
}


def read(name, part):
    lines = (CORPUS / name / f"{part}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def labels_of(row):
    return [row["label"]] if "label" in row else row["labels"]


def normalize(text):
    """The words of a text, whatever their case and punctuation."""
    return " ".join(re.findall(r"\w+", text.lower()))


def four_grams(text):
    words = normalize(text).split()
    return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}


@pytest.fixture(params=SIZES)
def name(request):
    return request.param


def test_a_corpus_is_large_enough(name):
    n_train, n_dev = SIZES[name]
    assert len(read(name, "train")) >= n_train
    assert len(read(name, "dev")) >= n_dev


def test_every_row_has_a_text_and_known_labels(name):
    for row in read(name, "train") + read(name, "dev"):
        assert row["text"].strip() == row["text"] != ""
        assert len(set(labels_of(row))) == len(labels_of(row))
        assert set(labels_of(row)) <= LABELS[name]


@pytest.mark.parametrize("part", ["train", "dev"])
def test_a_corpus_is_balanced(name, part):
    rows = read(name, part)
    counts = Counter(label for row in rows for label in labels_of(row))
    assert min(counts.values()) >= 0.4 * max(counts.values())
    if name == "sentiment":
        assert min(counts.values()) >= 0.45 * len(rows)


def test_train_and_dev_have_the_same_labels(name):
    found = [
        {label for row in read(name, part) for label in labels_of(row)}
        for part in ("train", "dev")
    ]
    assert found[0] == found[1]


def test_no_text_stands_there_twice(name):
    texts = [normalize(row["text"]) for row in read(name, "train") + read(name, "dev")]
    repeated = [text for text, count in Counter(texts).items() if count > 1]
    assert repeated == []


def test_no_dev_text_is_much_like_a_training_text(name):
    known = [(row["text"], four_grams(row["text"])) for row in read(name, "train")]
    for row in read(name, "dev"):
        grams = four_grams(row["text"])
        alike = [text for text, seen in known if len(grams & seen) > len(grams) / 2]
        assert alike == [], row["text"]
