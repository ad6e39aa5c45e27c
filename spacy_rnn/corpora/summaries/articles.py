"""Articles with their summaries, as files have them."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from spacy_rnn.corpora.files.lines import Location, Unreadable

EMPTY_SENTENCES = "Empty sentences"


class NoSummary(Unreadable):
    kind = "Articles without a summary"


class NoArticle(Unreadable):
    kind = "Summaries without an article"


class NoSentences(Unreadable):
    kind = "Articles without a list of sentences"


class Article(NamedTuple):
    """An article and what a file says about its summary."""

    location: Location
    text: str  # the sentences with a space between them, where these are known
    sentences: list[str] | None = None
    labels: list[bool] | None = None  # whether each sentence is in the summary
    references: list[str] = []  # summaries; their lines are sentences
    n_empty: int = 0  # sentences that were left out, as there was nothing in them


def complete(
    article: Article,
    *,
    clean: Callable[[str], str] = str,
    needs_sentences: bool = False,
) -> Article:
    """Clean an article, leave out what is empty in it, and check that enough is left.

    Args:
        article: An article as it was found.
        clean: Is called with a text or a sentence, and returns what to take for it.
        needs_sentences: Whether a text without a list of its sentences is an error.

    Raises:
        NoArticle: If there is no text.
        NoSentences: If there is no list of sentences where one is needed.
        NoSummary: If there is neither a summary nor a sentence that is in it.
    """
    location, text, sentences, labels, references, _ = article
    n_empty = 0
    if sentences is None:
        text = clean(text)
    else:
        sentences = [clean(sentence).strip() for sentence in sentences]
        n_empty = sentences.count("")
        if labels is not None:
            pairs = zip(sentences, labels, strict=True)
            labels = [label for sentence, label in pairs if sentence]
        sentences = [sentence for sentence in sentences if sentence]
        text = " ".join(sentences)
    references = [join_lines(map(clean, each.split("\n"))) for each in references]
    references = [each for each in references if each]
    if not text.strip():
        raise NoArticle(f"{location}: there is nothing in the article")
    if not references and not any(labels or ()):
        raise NoSummary(f"{location}: there is nothing in the summary")
    if needs_sentences and sentences is None:
        raise NoSentences(f"{location}: the article is no list of sentences")
    return Article(location, text, sentences, labels, references, n_empty)


def join_lines(lines: Iterable[str]) -> str:
    """Join sentences by line breaks, leaving out the empty ones."""
    stripped = (line.strip() for line in lines)
    return "\n".join(line for line in stripped if line)
