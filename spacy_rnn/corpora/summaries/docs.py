"""Make documents with sentences and a summary, which is in `doc.spans["summary"]`."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, Literal, cast

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.alignment import same_tokens
from spacy_rnn.corpora.files.lines import Unreadable
from spacy_rnn.corpora.files.rows import shorten
from spacy_rnn.corpora.summaries.articles import Article, NoSentences, NoSummary
from spacy_rnn.extensions import keep_texts
from spacy_rnn.metrics.oracle import label_sentences

SentenceSource = Literal["pipeline", "punkt", "given"]
Splitter = Callable[[Doc], Doc]

SUMMARY = "summary"  # key of doc.spans, and name of the extension doc._.summary
NO_START = 2**64 - 1  # how an array has a token that begins no sentence


def find_splitter(
    nlp: Language, source: SentenceSource, language: str | None
) -> Splitter:
    """Find what sets the sentence boundaries of a document.

    Args:
        nlp: The pipeline.
        source: "pipeline" for its first component that does it, after all components
            before that one; "punkt" for an `nltk_sentencizer` made for this.
        language: A language of NLTK's data for the latter; None: what is built in.

    Raises:
        ValueError: If there is no such component.
    """
    if source == "punkt":
        config = {"language": language}
        return cast(Splitter, nlp.create_pipe("nltk_sentencizer", config=config))
    # While spaCy initializes a pipeline, what is frozen or sourced is disabled in it.
    for components in (nlp.pipeline, nlp.components):
        pipes: list[Splitter] = []
        for name, pipe in components:
            pipes.append(pipe)
            if "token.is_sent_start" in nlp.get_pipe_meta(name).assigns:
                return partial(_apply, pipes)
    raise ValueError(
        "Articles without a list of sentences need a component that finds these, but "
        f"there is none among {nlp.component_names}. Put an nltk_sentencizer first, "
        "which also splits the articles to summarize later, and name it in [training] "
        'annotating_components; or set sentences = "punkt" in the reader'
    )


def make_doc(
    nlp: Language,
    article: Article,
    find: Callable[[], Splitter],
    *,
    max_sentences: int,
    keep_summary: bool,
) -> Doc:
    """Make a document of an article.

    Args:
        nlp: Its tokenizer makes the document.
        article: The article.
        find: Finds what sets sentence boundaries, where the article has no list of
            sentences.
        max_sentences: Number of sentences to choose at most, where the article does
            not say which; 0: any.
        keep_summary: Whether the reference summaries become `doc._.summary`.
    """
    doc = nlp.make_doc(article.text)
    if article.sentences is None:
        split_doc(doc, find())
    else:
        lengths = [len(sentence) + 1 for sentence in article.sentences]
        starts = _find_tokens(doc, accumulate(lengths[:-1], initial=0))
        _set_starts(doc, starts)
    if article.labels is None:
        choose_by_reference(doc, article.references[0], max_sentences)
    else:
        pairs = zip(starts, article.labels, strict=True)
        chosen = {start for start, is_chosen in pairs if is_chosen}
        doc.spans[SUMMARY] = [sent for sent in doc.sents if sent.start in chosen]
    if keep_summary and article.references:
        keep_texts(doc, SUMMARY, article.references)
    return doc


def complete_doc(doc: Doc, find: Callable[[], Splitter], *, max_sentences: int) -> Doc:
    """Choose sentences of a document that has nothing but a reference summary."""
    if SUMMARY not in doc.spans:
        if not doc.has_annotation("SENT_START"):
            split_doc(doc, find())
        references = doc._.get(SUMMARY)
        first = references if isinstance(references, str) else references[0]
        choose_by_reference(doc, first, max_sentences)
    return doc


def check_doc(doc: Doc, name: str, *, needs_sentences: bool) -> None:
    """Raise an error for a document without a summary, or with one of no sentences.

    Args:
        doc: A document.
        name: What the error calls it.
        needs_sentences: Whether sentence boundaries have to be there in any case.
    """
    has_sentences = doc.has_annotation("SENT_START")
    if needs_sentences and not has_sentences:
        raise NoSentences(f"{name}: no sentence boundaries")
    if SUMMARY not in doc.spans:
        if not doc._.get(SUMMARY):
            raise NoSummary(f"{name}: neither doc.spans['summary'] nor doc._.summary")
        return
    sentences = {(s.start, s.end) for s in doc.sents} if has_sentences else set()
    for span in doc.spans[SUMMARY]:
        if (span.start, span.end) not in sentences:
            raise Unreadable(
                f"{name}: a span in doc.spans['summary'] is no sentence: "
                f"{shorten(span.text)}, tokens {span.start} to {span.end}"
            )


def split_doc(doc: Doc, split: Splitter) -> None:
    """Set sentence boundaries, and nothing else that this may bring with it."""
    sentences = split(doc.copy()).sents
    _set_starts(doc, _find_tokens(doc, (sent.start_char for sent in sentences)))


def choose_by_reference(doc: Doc, reference: str, max_sentences: int) -> None:
    """Choose the sentences that together are most like a reference summary."""
    sentences = list(doc.sents)
    texts = [sentence.text for sentence in sentences]
    labels = label_sentences(texts, reference, max_sentences=max_sentences or None)
    pairs = zip(sentences, labels, strict=True)
    doc.spans[SUMMARY] = [sentence for sentence, label in pairs if label]


def restore(augmented: Doc, original: Doc) -> None:
    """Give a reference back what augmenters of spaCy leave out.

    These keep the tokens apart, but not sentence boundaries or extensions.
    """
    summary = original._.get(SUMMARY)
    if summary is not None:
        augmented._.set(SUMMARY, summary)
    is_split = augmented.has_annotation("SENT_START")
    if not is_split and len(augmented) == len(original):
        starts: Any = original.to_array("SENT_START")
        augmented.from_array(["SENT_START"], starts)


def copy_starts(example: Example) -> None:
    """Give the prediction the sentence boundaries of the reference."""
    reference, predicted = example.reference, example.predicted
    if not reference.has_annotation("SENT_START"):
        return
    if same_tokens([example]).all():
        starts: Any = reference.to_array("SENT_START")
        predicted.from_array(["SENT_START"], starts)
    else:
        flags = example.get_aligned_sent_starts()
        _set_starts(predicted, [i for i, flag in enumerate(flags) if flag])


def _apply(pipes: Sequence[Splitter], doc: Doc) -> Doc:
    for pipe in pipes:
        doc = pipe(doc)
    return doc


def _find_tokens(doc: Doc, offsets: Iterable[int]) -> list[int]:
    """Find the token that each character is in, given as an offset in the text."""
    firsts = doc.to_array("IDX").tolist()
    return [max(bisect_right(firsts, offset) - 1, 0) for offset in offsets]


def _set_starts(doc: Doc, starts: Iterable[int]) -> None:
    """Let sentences start at these tokens and, in any case, at the first."""
    values: Any = doc.to_array("SENT_START")
    values[:] = NO_START
    values[[0, *starts]] = 1
    doc.from_array(["SENT_START"], values)
