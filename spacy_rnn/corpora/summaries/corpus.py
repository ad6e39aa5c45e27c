"""Corpora of articles and summaries for `[corpora]`."""

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import get_args

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_rnn import nltk_text
from spacy_rnn.checks import check_at_least, check_choice
from spacy_rnn.corpora.file_corpus import FileCorpus
from spacy_rnn.corpora.files.archives import check_folder
from spacy_rnn.corpora.files.lines import MAX_SIZE, Reading, RowErrors, has_suffix
from spacy_rnn.corpora.files.rows import DOCBIN_SUFFIX, find_files
from spacy_rnn.corpora.references import (
    Augmenter,
    Contents,
    Report,
    check_texts,
    read_docs,
)
from spacy_rnn.corpora.summaries.articles import EMPTY_SENTENCES, Article, complete
from spacy_rnn.corpora.summaries.docs import (
    SUMMARY,
    SentenceSource,
    check_doc,
    complete_doc,
    copy_starts,
    find_splitter,
    make_doc,
    restore,
)
from spacy_rnn.corpora.summaries.files import (
    PAIR_SUFFIXES,
    SUMMARY_SUFFIXES,
    read_articles,
    read_pairs,
)
from spacy_rnn.corpora.summaries.rows import Columns
from spacy_rnn.extensions import register_text
from spacy_rnn.nltk_text import CleaningStep


class SummaryCorpus(FileCorpus[None]):
    """spaCy's corpus, which also reads articles and summaries.

    The first call reads everything once before it yields anything, so that a mistake
    in the last line is found before training has begun. The chosen sentences are
    `reference.spans["summary"]`, and the prediction has the sentence boundaries of the
    reference.

    Args:
        path: A .jsonl, .csv, .tsv or .story file, .gz after it or not, a .spacy file,
            an archive of .story files, or a folder that is searched with all its
            subfolders. With `summary_path`, a folder or archive of .txt files.
        summary_path: Folder or archive with a summary for each article in `path`, in
            a file of the same name.
        limit: Number of documents to read, for debugging; 0 reads all.
        max_length: Documents of so many tokens or more are left out; 0 keeps all.
        augmenter: Makes examples from each example, as `spacy.lower_case.v1` does.
        text_column: Key or column that holds the article, or the list of its
            sentences. None looks for "sents", or "text", "document" or "article".
        summary_column: Key or column that holds the summary, or the list of its
            sentences. None looks for "refs", or "summary" or "highlights".
        references_column: Key or column that holds a list of several summaries.
        label_column: Key or column that holds 0 or 1 for each sentence. None looks for
            "sent_labels", and without it chooses sentences by the summary.
        sentences: What splits articles into sentences that are no list of these yet:
            a component of the "pipeline" or "punkt". "given" makes them an error.
        language: The language, as NLTK calls it, whose data Punkt and the cleaning
            use. None: English, as far as this needs no data.
        clean: How to clean articles and summaries, in this order.
        max_sentences: Number of sentences to choose at most by a summary; 0: any.
        keep_summary: Keep the summaries as `reference._.summary`, for ROUGE.
        keep: Keep the reference documents in memory. False reads the files again
            whenever examples are asked for, one document at a time.
        errors: What becomes of a record that is not as it should be: "strict" raises
            an error, "skip" leaves it out and counts it. "replace" is strict, but
            puts U+FFFD in the place of what is not valid Unicode.
        max_size: Characters in a line, and bytes in a file of an archive, at most; 0:
            any number.
    """

    are_whole = True  # a part of an article has no summary

    def __init__(
        self,
        path: str | Path | None,
        summary_path: str | Path | None = None,
        *,
        limit: int = 0,
        max_length: int = 0,
        augmenter: Augmenter | None = None,
        text_column: str | None = None,
        summary_column: str | None = None,
        references_column: str | None = None,
        label_column: str | None = None,
        sentences: SentenceSource = "pipeline",
        language: str | None = None,
        clean: list[CleaningStep] | None = None,
        max_sentences: int = 0,
        keep_summary: bool = True,
        keep: bool = True,
        errors: RowErrors = "strict",
        max_size: int = MAX_SIZE,
    ) -> None:
        check_at_least("max_sentences", max_sentences, 0)
        check_choice("sentences", sentences, get_args(SentenceSource))
        nltk_text.check_steps(clean or [])
        super().__init__(
            path,
            limit=limit,
            max_length=max_length,
            augmenter=augmenter,
            keep=keep,
            errors=errors,
            max_size=max_size,
        )
        self.summary_path = None if summary_path is None else Path(summary_path)
        self.columns = Columns(
            text_column, summary_column, references_column, label_column
        )
        self.sentences = sentences
        self.language = language
        self.clean = clean
        self.max_sentences = max_sentences
        self.extension = SUMMARY if keep_summary else None
        if self.summary_path is None:
            self.files = find_files(self.path, SUMMARY_SUFFIXES)
        else:
            self.files = [self.path, self.summary_path]
            for folder in self.files:
                check_folder(folder, PAIR_SUFFIXES)
        register_text(SUMMARY)

    def _augment(self, nlp: Language, example: Example) -> Iterator[Example]:
        for augmented in self.augmenter(nlp, example):
            restore(augmented.reference, example.reference)
            copy_starts(augmented)
            yield augmented

    def _find_contents(self) -> Contents[None]:
        report = Report()
        n_docs = 0
        for item in self._read_items(Vocab(), report.note(self._how)):
            n_docs += 1
            if isinstance(item, Article):
                for _ in range(item.n_empty):
                    report.add(EMPTY_SENTENCES, item.location)
        check_texts(self.path, n_docs, report)
        return Contents(n_docs, report, None)

    def _read(self, nlp: Language) -> Iterator[Doc]:
        _ = self.contents  # what is wrong is raised there
        find = cache(partial(find_splitter, nlp, self.sentences, self.language))
        for item in self._read_items(nlp.vocab, self._how):
            if not isinstance(item, Article):
                yield complete_doc(item, find, max_sentences=self.max_sentences)
            elif self._is_short_enough(nlp, item.location, item.text):
                yield make_doc(
                    nlp,
                    item,
                    find,
                    max_sentences=self.max_sentences,
                    keep_summary=self.extension is not None,
                )

    def _read_items(self, vocab: Vocab, how: Reading) -> Iterator[Article | Doc]:
        """Read articles, and the documents of .spacy files."""
        needs_sentences = self.sentences == "given"
        finish = partial(complete, clean=self._clean, needs_sentences=needs_sentences)
        if self.summary_path is not None:
            articles, summaries = self.files
            yield from read_pairs(articles, summaries, finish, how)
            return
        check = partial(check_doc, needs_sentences=needs_sentences)
        for path in self.files:
            if has_suffix(path, DOCBIN_SUFFIX):
                yield from read_docs(path, vocab, how, check)
            else:
                yield from read_articles(path, self.columns, finish, how)

    def _clean(self, text: str) -> str:
        if not self.clean:
            return text
        return nltk_text.clean(text, self.clean, language=self.language or "english")
