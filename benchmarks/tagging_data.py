"""Data sets of annotated tokens, as they lie in a folder of evaluation data.

DIR/tagging/<folder> holds {train,dev,test}.jsonl[.gz] with rows of {"tokens"} and a key
of tags, chunk tags being in BIO, or *-ud-{train,dev,test}.conllu.gz of Universal
Dependencies. Not every set has all of the parts.
"""

import gzip
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from random import Random
from typing import NamedTuple

import srsly
from recipe import ROOT, read_rows
from spacy.tokens import Doc
from spacy.vocab import Vocab

CONLLU_FIELDS = {"upos": 3, "xpos": 4}


class TagSet(NamedTuple):
    """A data set.

    Attributes:
        folder: Its name in the folder of the data.
        key: Key of the tags in a row, or the field of a CoNLL-U file.
        chunks: Whether the tags are those of chunks, such as entities, in BIO.
        lang: Code of the language.
        n_dev: Sentences at the end of the training data that are for development.
    """

    folder: str
    key: str
    chunks: bool
    lang: str = "en"
    n_dev: int = 0


SETS = {
    "ewt_upos": TagSet("ud_english_ewt", "upos", False),
    "ewt_xpos": TagSet("ud_english_ewt", "xpos", False),
    "conll2003_en": TagSet("conll2003_en", "ner", True),
    "conll2000": TagSet("conll2000", "chunk", True, n_dev=1000),
    "conll2002_es": TagSet("conll2002_es", "ner", True, lang="es"),
    "wnut17": TagSet("wnut17", "ner", True),
}
BUNDLED = {
    "bundled_tags": TagSet("tagging", "pos", False),
    "bundled_entities": TagSet("entities", "ner", True),
}


class Sentence(NamedTuple):
    """Tokens with their tags, and the number of the document that they are from."""

    tokens: list[str]
    tags: list[str]
    doc: int | None = None


class Split(NamedTuple):
    """The parts of a data set; there may be no test part."""

    train: list[Sentence]
    dev: list[Sentence]
    test: list[Sentence]


def read_split(data: Path | None, name: str, *, tune: bool = False) -> Split:
    """Read a data set.

    Args:
        data: The folder of the data.
        name: A name in SETS or BUNDLED.
        tune: Whether to develop on the last tenth of the training data, and to leave
            the given development and test data alone.
    """
    tag_set = {**SETS, **BUNDLED}[name]
    if name in BUNDLED:
        folder = ROOT / "corpus" / tag_set.folder
    elif data is None:
        raise SystemExit(f"The set {name} is not bundled: say where it is by --data")
    else:
        folder = data / "tagging" / tag_set.folder
    train = read_part(folder, "train", tag_set.key)
    n_dev = len(train) // 10 if tune else tag_set.n_dev
    if n_dev:
        train, dev = train[:-n_dev], train[-n_dev:]
    else:
        dev = read_part(folder, "dev", tag_set.key)
    has_test = not tune and any(folder.glob("*test.*"))
    return Split(train, dev, read_part(folder, "test", tag_set.key) if has_test else [])


def read_part(folder: Path, part: str, key: str) -> list[Sentence]:
    for path in folder.glob(f"*-ud-{part}.conllu.gz"):
        return list(read_conllu(path, CONLLU_FIELDS[key]))
    rows = read_rows(folder, part)
    return [Sentence(row["tokens"], row[key], row.get("doc")) for row in rows]


def read_conllu(path: Path, field: int) -> Iterator[Sentence]:
    """Read syntactic words, which multi-word tokens and empty nodes are not."""
    doc, tokens, tags = -1, list[str](), list[str]()
    with gzip.open(path, "rt", encoding="utf8") as file:
        for line in chain(file, ["\n"]):
            fields = line.rstrip("\n").split("\t")
            if line.startswith("# newdoc"):
                doc += 1
            elif fields[0].isdigit():
                tokens.append(fields[1])
                tags.append(fields[field])
            elif not line.strip() and tokens:
                yield Sentence(tokens, tags, doc)
                tokens, tags = [], []


def hide_half(sentences: list[Sentence], replacement: str) -> list[Sentence]:
    """Take the annotation from half of the tokens at random, of a chunk from all.

    Args:
        sentences: With chunk tags in BIO.
        replacement: What the tags become: "-" for unknown, or "O" for outside.
    """
    random = Random(0)
    hidden = False
    changed = []
    for sentence in sentences:
        tags = []
        for tag in sentence.tags:
            if not tag.startswith("I-"):
                hidden = random.random() < 0.5
            tags.append(replacement if hidden else tag)
        changed.append(sentence._replace(tags=tags))
    return changed


def write_sentences(path: Path, sentences: list[Sentence]) -> None:
    """Write JSONL that `spacy-rnn.TokenCorpus.v1` reads."""
    srsly.write_jsonl(path, (sentence._asdict() for sentence in sentences))


def make_doc(vocab: Vocab, sentence: Sentence, *, chunks: bool) -> Doc:
    """Make an annotated document, with chunks as its entities."""
    tags = {"ents": sentence.tags} if chunks else {"tags": sentence.tags}
    return Doc(vocab, words=sentence.tokens, **tags)
