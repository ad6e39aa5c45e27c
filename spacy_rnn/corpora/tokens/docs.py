"""Make documents from sentences of annotated tokens."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple

from spacy.parts_of_speech import IDS
from spacy.tokens import Doc, Span
from spacy.training.iob_utils import iob_to_biluo, tags_to_entities
from spacy.vocab import Vocab

from spacy_rnn.corpora.tokens.chunk_tags import UNKNOWN, ChunkScheme, to_bio
from spacy_rnn.corpora.tokens.records import Sentence

UNIVERSAL_POS = frozenset(IDS) - {"", "EOL"}
UNKNOWN_TAGS = frozenset((None, "", "_"))  # not "-", which some tag sets have


class TokenColumns(NamedTuple):
    """Which key or column of a file becomes which annotation, None for none."""

    tag: str | None = None  # token.tag
    pos: str | None = None  # token.pos
    entity: str | None = None  # doc.ents
    span: str | None = None  # doc.spans[spans_key]
    spans_key: str = "sc"

    @property
    def names(self) -> list[str]:
        """The different keys or columns."""
        names = (self.tag, self.pos, *self.chunk_names)
        return list(dict.fromkeys(name for name in names if name is not None))

    @property
    def chunk_names(self) -> list[str]:
        """Those that hold chunk tags."""
        return [name for name in (self.entity, self.span) if name is not None]


def complete(
    sentence: Sentence, annotation: TokenColumns, schemes: Mapping[str, ChunkScheme]
) -> Sentence:
    """Rewrite chunk tags to BIO, and refuse values that have no place in a document.

    Args:
        sentence: A sentence as it was found.
        annotation: What its values become.
        schemes: The scheme of each column of chunk tags, as far as it is known.
    """
    _check_values(sentence, annotation)
    chunks = {}
    for column, scheme in schemes.items():
        try:
            chunks[column] = to_bio(sentence.values[column], scheme)
        except ValueError as error:
            raise ValueError(f"{sentence.location}: {column!r}: {error}") from error
    return sentence._replace(chunks=chunks)


def _check_values(sentence: Sentence, annotation: TokenColumns) -> None:
    if "" in sentence.tokens:
        where = sentence.tokens.index("")
        raise ValueError(f"{sentence.locate(where)}: a token without a character")
    if annotation.pos is not None:
        values = sentence.values[annotation.pos]
        wrong = set(values) - UNIVERSAL_POS - UNKNOWN_TAGS
        if wrong:
            where = next(i for i, value in enumerate(values) if value in wrong)
            raise ValueError(
                f"{sentence.locate(where)}: {values[where]!r} in {annotation.pos!r} is "
                "no part of speech of Universal Dependencies, which are "
                f"{', '.join(sorted(UNIVERSAL_POS))}"
            )
    if annotation.span is not None:
        values = sentence.values[annotation.span]
        if not UNKNOWN.isdisjoint(values):
            where = next(i for i, value in enumerate(values) if value in UNKNOWN)
            raise ValueError(
                f"{sentence.locate(where)}: {values[where]!r} in {annotation.span!r} "
                "leaves open whether there is a chunk, which doc.spans cannot say"
            )


def group_sentences(
    sentences: Iterable[Sentence], size: int, max_length: int
) -> Iterator[list[Sentence]]:
    """Gather the sentences of each document of a file.

    Args:
        sentences: The sentences of the file, in their order.
        size: Sentences in a document, or 0 for as many as there are. A document of the
            file is never joined with another.
        max_length: Documents of so many tokens or more are taken apart again.
    """
    for _, rest in groupby(sentences, key=attrgetter("document")):
        while group := list(islice(rest, size or None)):
            length = sum(len(sentence.tokens) for sentence in group)
            if max_length and length >= max_length:
                yield from ([sentence] for sentence in group)
            else:
                yield group


def make_doc(
    vocab: Vocab,
    sentences: Sequence[Sentence],
    annotation: TokenColumns,
    *,
    sent_starts: bool,
) -> Doc:
    """Make a document from its sentences.

    Args:
        vocab: The vocabulary of the document.
        sentences: At least one, whose schemes were known to `complete`.
        annotation: What the values of the sentences become.
        sent_starts: Whether to annotate where sentences start.
    """
    doc = Doc(
        vocab,
        words=[token for sentence in sentences for token in sentence.tokens],
        spaces=_join_spaces(sentences),
        tags=_join_tags(sentences, annotation.tag),
        pos=_join_tags(sentences, annotation.pos),
        ents=_join_chunk_tags(sentences, annotation.entity),
        sent_starts=_find_starts(sentences) if sent_starts else None,
    )
    bio = _join_chunk_tags(sentences, annotation.span)
    if bio is not None:
        chunks = tags_to_entities(iob_to_biluo(bio))
        spans = [Span(doc, start, last + 1, label) for label, start, last in chunks]
        doc.spans[annotation.spans_key] = spans
    return doc


def _join_spaces(sentences: Sequence[Sentence]) -> list[bool] | None:
    spaces: list[bool] = []
    for sentence in sentences:
        if sentence.spaces is None:
            return None
        spaces += sentence.spaces
    return spaces


def _join_tags(sentences: Sequence[Sentence], column: str | None) -> list[str] | None:
    if column is None:
        return None
    values = [value for sentence in sentences for value in sentence.values[column]]
    return ["" if v is None or v in UNKNOWN_TAGS else v for v in values]


def _join_chunk_tags(
    sentences: Sequence[Sentence], column: str | None
) -> list[str] | None:
    if column is None:
        return None
    return [tag for sentence in sentences for tag in sentence.chunks[column]]


def _find_starts(sentences: Sequence[Sentence]) -> list[bool | int | None]:
    return [i == 0 for sentence in sentences for i in range(len(sentence.tokens))]
