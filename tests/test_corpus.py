"""The bundled corpora: large enough, balanced, and without repetitions."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import spacy

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


ENTITY_SIZES = {"train": 420, "dev": 120}
ENTITY_LABELS = {"PERSON", "ORG", "PLACE", "OTHER"}


@pytest.mark.parametrize("part", ENTITY_SIZES)
def test_entities_are_many_enough_and_of_every_label(part):
    rows = read("entities", part)
    counts = Counter(tag[2:] for row in rows for tag in row["ner"] if tag[0] == "B")
    assert len(rows) >= ENTITY_SIZES[part]
    assert counts.keys() == ENTITY_LABELS
    assert min(counts.values()) >= 0.4 * max(counts.values())


@pytest.mark.parametrize("part", ENTITY_SIZES)
def test_entities_are_valid_iob2(part):
    for row in read("entities", part):
        assert len(row["ner"]) == len(row["tokens"]) > 0
        for previous, tag in zip(["O", *row["ner"]], row["ner"], strict=False):
            assert tag == "O" or (tag[:2] in {"B-", "I-"} and tag[2:] in ENTITY_LABELS)
            assert tag[0] != "I" or tag[2:] == previous[2:], row["tokens"]


@pytest.mark.usefixtures("every_special_case")
@pytest.mark.parametrize("part", ENTITY_SIZES)
def test_spacy_cuts_the_sentences_with_entities_in_the_same_way(part):
    tokenizer = spacy.blank("en").tokenizer
    for row in read("entities", part):
        doc = tokenizer(" ".join(row["tokens"]))
        assert [token.text for token in doc] == row["tokens"]


def entity_sentences(part):
    return [" ".join(row["tokens"]) for row in read("entities", part)]


def test_no_sentence_with_entities_stands_there_twice():
    sentences = entity_sentences("train") + entity_sentences("dev")
    counts = Counter(normalize(sentence) for sentence in sentences)
    assert [sentence for sentence, count in counts.items() if count > 1] == []


def test_no_dev_sentence_with_entities_is_much_like_a_training_one():
    known = [four_grams(sentence) for sentence in entity_sentences("train")]
    for sentence in entity_sentences("dev"):
        grams = four_grams(sentence)
        assert not any(len(grams & seen) > len(grams) / 2 for seen in known), sentence


TAGGING_SIZES = {"train": 320, "dev": 90}
UNIVERSAL_TAGS = {
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
}


def written(tokens):
    """The text of a sentence, with the endings that spaCy cuts off put back."""
    return re.sub(r" (?=(n['’]t|['’](s|m|re|ve|ll|d))\b)", "", " ".join(tokens))


def tagged_sentences(part):
    return [written(row["tokens"]) for row in read("tagging", part)]


@pytest.mark.parametrize("part", TAGGING_SIZES)
def test_tagging_has_enough_sentences_and_every_universal_tag(part):
    rows = read("tagging", part)
    counts = Counter(tag for row in rows for tag in row["pos"])
    assert len(rows) >= TAGGING_SIZES[part]
    assert counts.keys() == UNIVERSAL_TAGS
    assert min(counts.values()) >= 5


@pytest.mark.parametrize("part", TAGGING_SIZES)
def test_every_token_has_a_tag(part):
    for row in read("tagging", part):
        assert row.keys() == {"tokens", "pos"}
        assert len(row["pos"]) == len(row["tokens"]) > 0


@pytest.mark.usefixtures("every_special_case")
@pytest.mark.parametrize("part", TAGGING_SIZES)
def test_spacy_cuts_the_tagged_sentences_in_the_same_way(part):
    tokenizer = spacy.blank("en").tokenizer
    for row in read("tagging", part):
        doc = tokenizer(written(row["tokens"]))
        assert [token.text for token in doc] == row["tokens"]


def test_no_tagged_sentence_stands_there_twice():
    sentences = tagged_sentences("train") + tagged_sentences("dev")
    counts = Counter(normalize(sentence) for sentence in sentences)
    assert [sentence for sentence, count in counts.items() if count > 1] == []


def test_no_tagged_dev_sentence_is_much_like_a_training_one():
    known = [four_grams(sentence) for sentence in tagged_sentences("train")]
    for sentence in tagged_sentences("dev"):
        grams = four_grams(sentence)
        assert not any(len(grams & seen) > len(grams) / 2 for seen in known), sentence


def test_there_are_enough_articles_with_summaries():
    rows = [row for part in ("train", "dev") for row in read("summaries", part)]
    assert len(rows) >= 60
    assert len({row["title"] for row in rows}) == len(rows)
    assert len({row["genre"] for row in rows}) >= 4
    for row in rows:
        assert 8 <= len(row["sents"]) <= 25
        assert 2 <= len(row["summary"]) <= 4


def test_no_sentence_of_an_article_stands_there_twice():
    rows = [row for part in ("train", "dev") for row in read("summaries", part)]
    sentences = [normalize(sentence) for row in rows for sentence in row["sents"]]
    assert len(set(sentences)) == len(sentences)


def test_a_summary_is_in_words_of_its_own():
    for row in read("summaries", "train") + read("summaries", "dev"):
        assert not set(row["summary"]) & set(row["sents"])


PAIR_SIZES = {
    "translation": {"train": 1200, "dev": 150, "test": 150},
    "notices": {"train": 400, "dev": 50, "test": 50},
}
PAIR_COLUMNS = {"translation": ("en", "de"), "notices": ("text", "summary")}
PAIR_PARTS = ("train", "dev", "test")


def read_sides(name, part):
    """Read the sources and the targets of a part."""
    rows = read(name, part)
    source, target = PAIR_COLUMNS[name]
    assert {frozenset(row) for row in rows} == {frozenset((source, target))}
    return [row[source] for row in rows], [row[target] for row in rows]


@pytest.mark.parametrize("name", PAIR_SIZES)
def test_there_are_enough_pairs_with_something_on_each_side(name):
    for part, size in PAIR_SIZES[name].items():
        sources, targets = read_sides(name, part)
        assert len(sources) >= size
        assert all(text == " ".join(text.split()) != "" for text in sources + targets)


@pytest.mark.parametrize("name", PAIR_SIZES)
def test_no_source_stands_there_twice(name):
    sources = [text for part in PAIR_PARTS for text in read_sides(name, part)[0]]
    counts = Counter(map(normalize, sources))
    assert [text for text, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", PAIR_SIZES)
@pytest.mark.parametrize("part", ["dev", "test"])
def test_no_source_is_much_like_a_training_one(name, part):
    known = [four_grams(text) for text in read_sides(name, "train")[0]]
    for text in read_sides(name, part)[0]:
        grams = four_grams(text)
        assert not any(len(grams & seen) > len(grams) / 2 for seen in known), text


def test_translations_have_few_words_that_come_again():
    seen = [read_sides("translation", part) for part in PAIR_PARTS]
    for side in (0, 1):
        words = [normalize(" ".join(each[side])).split() for each in seen]
        train, dev, test = words
        assert len(set(train)) <= 1300
        assert len(train) >= 6 * len(set(train))
        assert all(len(text.split()) <= 15 for each in seen for text in each[side])
        unknown = [word for word in dev + test if word not in set(train)]
        assert len(unknown) <= 0.05 * len(dev + test)


def test_no_translation_stands_there_twice():
    targets = [
        text for part in PAIR_PARTS for text in read_sides("translation", part)[1]
    ]
    assert len(set(map(normalize, targets))) == len(targets)


def test_notices_are_short_and_have_a_subject_line_of_few_words():
    for part in PAIR_PARTS:
        for text, subject in zip(*read_sides("notices", part), strict=True):
            assert 25 <= len(text.split()) <= 80, text
            assert 2 <= len(subject.split()) <= 8, subject


def test_subject_lines_take_most_of_their_words_from_the_text_but_not_all():
    for part in PAIR_PARTS:
        shares = [
            len(set(normalize(subject).split()) & set(normalize(text).split()))
            / len(set(normalize(subject).split()))
            for text, subject in zip(*read_sides("notices", part), strict=True)
        ]
        assert 0.6 < sum(shares) / len(shares) < 0.95
        assert min(shares) < 0.5 < max(shares) == 1.0


def readme_table(name):
    """Return the figures of each row of a table of the README, by its title."""
    text = (CORPUS / "README.md").read_text("utf-8").partition(f"\n| {name} |")[2]
    rows = re.findall(
        r"^\| ([\w ]+) \| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE
    )
    return {title: list(map(int, figures)) for title, *figures in reversed(rows)}


def split_words(texts):
    return [re.findall(r"[\w']+", text.lower()) for text in texts]


def test_the_sizes_of_the_translations_are_those_of_the_readme():
    table = readme_table("translation")
    for i, part in enumerate(PAIR_PARTS):
        sides = [split_words(texts) for texts in read_sides("translation", part)]
        assert table["pairs"][i] == len(sides[0])
        for language, side in zip(("English", "German"), sides, strict=True):
            words = [word for words in side for word in words]
            assert table[f"{language} words"][i] == len(words)
            assert table[f"distinct {language} words"][i] == len(set(words))


def test_the_sizes_of_the_notices_are_those_of_the_readme():
    table = readme_table("notices")
    for i, part in enumerate(PAIR_PARTS):
        texts, subjects = read_sides("notices", part)
        assert table["texts"][i] == len(texts)
        assert table["words in texts"][i] == len(" ".join(texts).split())
        assert table["words in subject lines"][i] == len(" ".join(subjects).split())
