"""Corpora of annotated tokens for `[corpora]`: tags, named entities, other chunks."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_rnn.alignment import same_tokens
from spacy_rnn.checks import check_at_least, check_choice
from spacy_rnn.corpora.file_corpus import FileCorpus
from spacy_rnn.corpora.files.lines import (
    MAX_SIZE,
    Location,
    Reading,
    RowErrors,
    has_suffix,
)
from spacy_rnn.corpora.files.rows import DOCBIN_SUFFIX, JSON_SUFFIXES, find_files
from spacy_rnn.corpora.references import (
    EMPTY_TEXTS,
    Augmenter,
    Contents,
    Report,
    check_texts,
    read_docs,
)
from spacy_rnn.corpora.tokens.chunk_tags import (
    ChunkScheme,
    Pair,
    choose_scheme,
    closest_scheme,
    pair_up,
)
from spacy_rnn.corpora.tokens.docs import (
    TokenColumns,
    complete,
    group_sentences,
    make_doc,
)
from spacy_rnn.corpora.tokens.records import TOKEN_SUFFIXES, Sentence, read_sentences

SchemeOption = Literal["auto", "IOB1", "BIO", "BILUO", "IOBES"]


class TokenCorpus(FileCorpus[dict[str, ChunkScheme]]):
    """spaCy's corpus, which also reads annotated tokens from JSONL and column files.

    The first call reads everything once before it yields anything, so that a mistake
    in the last line is found before training has begun, and the scheme of chunk tags
    is known before the first of them is rewritten. Predictions are made on the tokens
    of the annotation.

    Args:
        path: A .jsonl, .conll, .iob, .tsv or .txt file, .gz after it or not, or a
            .spacy file, or a folder that is searched with all its subfolders.
        limit: Number of documents to read, for debugging; 0 reads all.
        max_length: Documents of so many tokens or more are split into their sentences,
            and sentences of so many are left out; 0 keeps all.
        augmenter: Makes examples from each example, as `spacy.lower_case.v1` does.
        token_column: Key or column that holds the tokens.
        tag_column: Key or column that becomes `token.tag`.
        pos_column: Key or column that becomes `token.pos`. It has to hold the tags of
            Universal Dependencies.
        entity_column: Key or column of chunk tags that become `doc.ents`.
        span_column: Key or column of chunk tags that become `doc.spans[spans_key]`.
        spans_key: Where to put the chunks of `span_column`.
        columns: Names of the columns of a file that is no JSONL, from left to right;
            any number of them may be "_".
        scheme: Scheme of the chunk tags. "auto" finds it out for each column.
        sentences_per_doc: Sentences in a document; 0 reads documents whole.
        keep: Keep the reference documents in memory. False reads the files again
            whenever examples are asked for, one document at a time.
        errors: What becomes of a sentence that is not as it should be: "strict" raises
            an error, "skip" leaves it out and counts it. "replace" is strict, but
            puts U+FFFD in the place of what is not valid Unicode.
        max_size: Characters in a line at most; 0: any number.
    """

    def __init__(
        self,
        path: str | Path | None,
        *,
        limit: int = 0,
        max_length: int = 0,
        augmenter: Augmenter | None = None,
        token_column: str = "tokens",
        tag_column: str | None = None,
        pos_column: str | None = None,
        entity_column: str | None = None,
        span_column: str | None = None,
        spans_key: str = "sc",
        columns: list[str] | None = None,
        scheme: SchemeOption = "auto",
        sentences_per_doc: int = 1,
        keep: bool = True,
        errors: RowErrors = "strict",
        max_size: int = MAX_SIZE,
    ) -> None:
        check_at_least("sentences_per_doc", sentences_per_doc, 0)
        check_choice("scheme", scheme, get_args(SchemeOption))
        super().__init__(
            path,
            limit=limit,
            max_length=max_length,
            augmenter=augmenter,
            keep=keep,
            errors=errors,
            max_size=max_size,
        )
        self.annotation = TokenColumns(
            tag_column, pos_column, entity_column, span_column, spans_key
        )
        self.token_column = token_column
        self.columns = columns
        self.scheme = scheme
        self.sentences_per_doc = sentences_per_doc
        self.files = find_files(self.path, TOKEN_SUFFIXES)
        self._token_files = [
            file for file in self.files if not has_suffix(file, DOCBIN_SUFFIX)
        ]
        self._check_columns()

    def _find_contents(self) -> Contents[dict[str, ChunkScheme]]:
        report = Report()
        how = report.note(self._how)
        # What does not fit into a scheme can only be left out when that is known.
        schemes = self._find_closest_schemes() if how.errors == "skip" else {}
        pairs: dict[str, dict[Pair, Location]] = {
            name: {} for name in self.annotation.chunk_names
        }
        n_docs = 0
        for path in self.files:
            if has_suffix(path, DOCBIN_SUFFIX):
                n_docs += sum(len(doc) > 0 for doc in read_docs(path, Vocab(), how))
                continue
            for sentence in self._read_sentences(path, how, schemes):
                n_docs += len(sentence.tokens) > 0
                if not sentence.tokens:
                    report.add(EMPTY_TEXTS, sentence.location)
                for name, seen in pairs.items():
                    _add_pairs(seen, sentence, name)
        check_texts(self.path, n_docs, report)
        if how.errors != "skip":
            schemes = {c: choose_scheme(pairs[c], c, self.scheme) for c in pairs}
        is_known = self.sentences_per_doc == 1
        return Contents(n_docs if is_known else None, report, schemes)

    def _find_closest_schemes(self) -> dict[str, ChunkScheme]:
        counts = {name: Counter[Pair]() for name in self.annotation.chunk_names}
        for path in self._token_files if counts else ():
            for sentence in self._read_sentences(path, self._how, {}):
                for name, count in counts.items():
                    count.update(pair_up(sentence.values[name]))
        return {name: closest_scheme(counts[name], self.scheme) for name in counts}

    def _read(self, nlp: Language) -> Iterator[Doc]:
        schemes = self.contents.known
        for path in self.files:
            if has_suffix(path, DOCBIN_SUFFIX):
                yield from read_docs(path, nlp.vocab, self._how)
                continue
            sentences = self._read_sentences(path, self._how, schemes)
            for group in group_sentences(
                (each for each in sentences if each.tokens),
                self.sentences_per_doc,
                self.max_length,
            ):
                yield make_doc(
                    nlp.vocab,
                    group,
                    self.annotation,
                    sent_starts=self.sentences_per_doc != 1,
                )

    def _read_sentences(
        self, path: Path, how: Reading, schemes: dict[str, ChunkScheme]
    ) -> Iterator[Sentence]:
        return read_sentences(
            path,
            self.annotation.names,
            partial(complete, annotation=self.annotation, schemes=schemes),
            how,
            token_column=self.token_column,
            columns=self.columns,
        )

    def _make_example(
        self, nlp: Language, reference: Doc, gold_preproc: bool
    ) -> Example:
        # Tags are of these tokens, and would not fit those of another tokenizer.
        return super()._make_example(nlp, reference, True)

    def _augment(self, nlp: Language, example: Example) -> Iterator[Example]:
        for augmented in self.augmenter(nlp, example):
            # Augmenters of spaCy tokenize what is predicted anew.
            is_same = same_tokens([augmented]).all()
            reference = augmented.reference
            yield augmented if is_same else self._make_example(nlp, reference, True)

    def _check_columns(self) -> None:
        """Refuse a choice of columns that no file can have or that says nothing."""
        if not self._token_files:
            return
        names = self.annotation.names
        if not names:
            raise ValueError(
                "Name at least one of tag_column, pos_column, entity_column and "
                f"span_column, to say what to read in {self._token_files[0]}"
            )
        in_columns = [
            file for file in self._token_files if not has_suffix(file, *JSON_SUFFIXES)
        ]
        if not in_columns:
            return
        if self.columns is None:
            raise ValueError(
                f"{in_columns[0]}: name the columns of this file, from left to right, "
                f"as in columns = {json.dumps([self.token_column, *names])}"
            )
        for name in (self.token_column, *names):
            if self.columns.count(name) != 1:
                raise ValueError(
                    f"columns = {json.dumps(self.columns)} must have {name!r} once"
                )


def _add_pairs(seen: dict[Pair, Location], sentence: Sentence, name: str) -> None:
    last = len(sentence.tokens) - 1
    for i, pair in enumerate(pair_up(sentence.values[name])):
        if pair not in seen:
            seen[pair] = sentence.locate(min(i, last))
