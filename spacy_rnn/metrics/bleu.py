"""Scores of translations, computed by the Python package `sacrebleu`."""

from collections.abc import Sequence
from functools import cache
from itertools import chain, zip_longest
from typing import Any


def translation_scores(
    candidates: Sequence[str], references: Sequence[str | Sequence[str]]
) -> dict[str, float]:
    """Compare texts with one or several references each, over all of them together.

    "bleu" counts common sequences of up to four tokens (Papineni et al., 2002), cut by
    mteval's tokenizer 13a with their case kept, as WMT does. "chrf" counts sequences of
    up to six characters, recall twice as much as precision (Popović, 2015).
    "exact_match" is the share of texts that are one of their references, however much
    white space there is in either.

    Args:
        candidates: The texts, at least one.
        references: For each of them a text, or several.

    Returns:
        The three scores, in [0, 1].

    Raises:
        ImportError: If `sacrebleu` isn't installed.
        TypeError: If something isn't a text, or the candidates are one.
        ValueError: If there is no text, or one without a reference.
    """
    if isinstance(candidates, str) or isinstance(references, str):
        raise TypeError("BLEU compares lists of texts, but got a text")
    references = [[each] if isinstance(each, str) else each for each in references]
    for text in chain(candidates, *references):
        if not isinstance(text, str):
            raise TypeError(f"BLEU compares texts, but one is {text!r:.100}")
    if not (candidates and all(references)) or len(candidates) != len(references):
        raise ValueError("BLEU needs texts with a reference for each, or several")
    bleu, chrf = make_metrics()
    texts = list(candidates)
    # sacrebleu has a list of all first references, one of all second ones, and so on.
    columns = list(zip_longest(*references))
    n_exact = sum(
        text.split() in [reference.split() for reference in several]
        for text, several in zip(texts, references, strict=True)
    )
    return {
        "bleu": bleu.corpus_score(texts, columns).score / 100,
        "chrf": chrf.corpus_score(texts, columns).score / 100,
        "exact_match": n_exact / len(texts),
    }


@cache  # sacrebleu remembers what each BLEU has cut into tokens, for good
def make_metrics() -> tuple[Any, Any]:
    """Make BLEU and chrF with sacrebleu's own settings, which papers report."""
    try:
        from sacrebleu.metrics import BLEU, CHRF
    except ImportError as error:
        raise ImportError(
            "BLEU and chrF are computed by sacrebleu, which isn't installed: "
            "pip install 'spacy-rnn[seq2seq]'"
        ) from error
    # force: texts that end in " ." may well have been written so.
    return BLEU(force=True), CHRF()
