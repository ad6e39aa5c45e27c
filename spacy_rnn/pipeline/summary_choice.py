"""Which sentences become the summary."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from spacy.tokens import Span

from spacy_rnn.checks import check_positive

Unit = Literal["sentences", "words", "share"]
Order = Literal["document", "rank"]


def choose(
    sentences: Sequence[Span],
    scores: np.ndarray,
    *,
    budget: float,
    unit: Unit,
    trigram_blocking: bool,
) -> list[int]:
    """Take the best sentences that the budget has room for.

    Sentences are tried from the best to the worst; one that doesn't fit any more is
    left out, and so is one without any word. The best one is always taken, but not all
    of several, unless the whole text is asked for by a share of 1.

    Args:
        sentences: Those of a document.
        scores: How good each is. Shape (number of sentences,).
        budget: How much is taken, in the unit.
        unit: "sentences"; "words", which are the tokens other than punctuation and
            space; or "share", of the words of the document.
        trigram_blocking: Whether a sentence is left out that has three words in a row
            in common with one that was taken (Paulus et al., 2018).

    Returns:
        The numbers of the chosen sentences, the best first.
    """
    most = sum(1 for sentence in sentences if words_of(sentence))
    if unit != "share" or budget < 1.0:
        most = max(1, most - 1)
    if unit == "share":
        budget *= sum(len(words_of(sentence)) for sentence in sentences)
    chosen: list[int] = []
    taken, seen = 0, set[tuple[str, ...]]()
    for i in np.argsort(-np.asarray(scores), kind="stable").tolist():
        words = words_of(sentences[i])
        cost = 1 if unit == "sentences" else len(words)
        if not words or (chosen and taken + cost > budget):
            continue
        if trigram_blocking:
            trigrams = set(zip(words, words[1:], words[2:], strict=False))
            if trigrams & seen:
                continue
            seen |= trigrams
        chosen.append(i)
        taken += cost
        if taken >= budget or len(chosen) == most:
            break
    return chosen


def check_budget(budget: float, unit: Unit) -> None:
    """Raise a ValueError for a length that no summary can have."""
    check_positive("budget", budget)
    if unit == "share" and budget > 1.0:
        raise ValueError(
            f"budget is a share of the document's words here, so it has to be in "
            f"(0, 1], but it is {budget}"
        )


def words_of(sentence: Span) -> list[str]:
    """List the words of a sentence in lower case, without punctuation and space."""
    return [
        token.lower_ for token in sentence if not (token.is_punct or token.is_space)
    ]
