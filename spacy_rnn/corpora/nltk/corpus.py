"""Corpora that NLTK distributes, for `[corpora]`."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example

from spacy_rnn.checks import check_at_least
from spacy_rnn.corpora.nltk.items import Item, load_corpus, read_items
from spacy_rnn.corpora.references import Augmenter, References

Split = Literal["train", "dev", "test"]


class NLTKCorpus(Corpus):
    """A corpus of NLTK, in splits that depend on nothing but the texts.

    A categorized corpus gives `doc.cats`, a tagged one `token.tag` on its own tokens.

    Args:
        name: Name of the corpus in `nltk.corpus`, such as "sentence_polarity".
        split: Part of the corpus to read.
        limit: Number of documents to read, for debugging; 0 reads all.
        max_length: Documents of so many tokens or more are left out; 0 keeps all.
        dev_share: Share of the texts that is for development, in [0, 1).
        test_share: Share of the texts that is for testing, in [0, 1). A corpus with a
            test part of its own, such as "qc", keeps to that.
        coarse: Take of a category such as "NUM:date" what is before the colon.
        pos: Also set universal parts of speech, mapped from the tags of the corpus.
        augmenter: Makes examples from each example, as `spacy.lower_case.v1` does.
    """

    def __init__(
        self,
        name: str,
        split: Literal["train", "dev", "test", "all"],
        *,
        limit: int = 0,
        max_length: int = 0,
        dev_share: float = 0.1,
        test_share: float = 0.1,
        coarse: bool = False,
        pos: bool = False,
        augmenter: Augmenter | None = None,
    ) -> None:
        check_at_least("limit", limit, 0)
        check_at_least("max_length", max_length, 0)
        if min(dev_share, test_share) < 0 or dev_share + test_share >= 1:
            raise ValueError(
                "dev_share and test_share must be 0 or more and leave something for "
                f"training, got {dev_share} and {test_share}"
            )
        load_corpus(name)  # a corpus that is not there is reported before training
        super().__init__(
            Path(name), limit=limit, max_length=max_length, augmenter=augmenter
        )
        self.name = name
        self.split = split
        self.dev_share = dev_share
        self.test_share = test_share
        self.coarse = coarse
        self.pos = pos
        self._references = References(self._read, limit=limit)

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """Yield the examples of the split.

        Args:
            nlp: Its tokenizer and vocabulary make the documents.
        """
        for example in self.make_examples(nlp, self._references(nlp)):
            yield from self.augmenter(nlp, example)

    def _read(self, nlp: Language) -> Iterator[Doc]:
        items = list(read_items(load_corpus(self.name), pos=self.pos))
        if self.coarse:
            items = [_coarsen(item) for item in items]
        labels = sorted({name for item in items for name in item.categories})
        in_split = [
            item
            for item, split in zip(items, self._find_splits(items), strict=True)
            if self.split in ("all", split)
        ]
        if not in_split:
            raise ValueError(
                f"The corpus {self.name!r} of NLTK has no document in the split "
                f"{self.split!r}: {len(items)} documents in all, dev_share "
                f"{self.dev_share}, test_share {self.test_share}"
            )
        for item in in_split:
            doc = _make_doc(nlp, item)
            doc.cats = {name: float(name in item.categories) for name in labels}
            yield doc

    def _find_splits(self, items: list[Item]) -> Iterator[Split]:
        own_splits = [_own_split(item.file_id) for item in items]
        has_own_test = set(own_splits) == {"train", "test"}
        for item, own_split in zip(items, own_splits, strict=True):
            split = find_split(item.text, self.dev_share, self.test_share)
            if has_own_test and own_split == "test":
                split = "test"
            elif has_own_test and split == "test":
                split = "train"
            yield split


def find_split(text: str, dev_share: float, test_share: float) -> Split:
    """Choose the split of a text by its words, so that equal texts are in one split.

    The SHA-1 of the text, in lower case and with single spaces, is a number. Its last
    decimal digit is 0 to 7 for training, 8 for development and 9 for testing; the
    digits before that count for shares that are no tenths.

    Args:
        text: The text of a document.
        dev_share: Share of the texts that is for development, in [0, 1).
        test_share: Share of the texts that is for testing, in [0, 1).
    """
    words = " ".join(text.lower().split())
    sha1 = hashlib.sha1(words.encode("utf-8"), usedforsecurity=False)
    position = int(str(int(sha1.hexdigest(), 16))[::-1][:6])  # in [0, 10**6)
    if position < round((1 - dev_share - test_share) * 10**6):
        return "train"
    return "dev" if position < round((1 - test_share) * 10**6) else "test"


def _own_split(file_id: str) -> Split | None:
    """Tell which part of a corpus a file is, going by names such as "test/14826"."""
    if file_id.startswith("train"):
        return "train"
    return "test" if file_id.startswith("test") else None


def _coarsen(item: Item) -> Item:
    names = dict.fromkeys(name.split(":")[0] for name in item.categories)
    return item._replace(categories=tuple(names))


def _make_doc(nlp: Language, item: Item) -> Doc:
    if not item.words:
        return nlp.make_doc(item.text)
    # Without spaces: the Example then gives its prediction the same words.
    return Doc(
        nlp.vocab,
        words=list(item.words),
        tags=list(item.tags),
        pos=list(item.pos) or None,
    )
