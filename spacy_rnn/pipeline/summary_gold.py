"""Which sentences a summarizer should have chosen."""

import numpy as np
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example

from spacy_rnn.alignment import same_tokens
from spacy_rnn.extensions import written_texts
from spacy_rnn.metrics.oracle import label_sentences, sentence_gains
from spacy_rnn.scorers import summaries_of

SHARPNESS = 1.5  # of soft labels: log odds for a standard deviation
FOUND_IN = "found_in"  # attribute of such spans: where sentences began
ENOUGH = 0.5  # share of a sentence's tokens that chosen sentences have to cover


def has_gold(reference: Doc, key: str) -> bool:
    """Return whether a document has chosen sentences or a summary."""
    return key in reference.spans or bool(summaries_of(reference, key))


def sentence_truths(example: Example, key: str) -> np.ndarray | None:
    """Say which sentences of the predicted document should be chosen.

    They are those that the spans of the reference cover by half or more. Where it has a
    summary only (the first, of several), those sentences are taken that together say
    most of it (Nallapati et al., 2017). They are found once for the same sentences: the
    reference keeps them as spans.

    Args:
        example: The document, with sentence boundaries.
        key: The group of spans that holds the chosen sentences.

    Returns:
        0 or 1 for each sentence, shape (number of sentences,), or None if the reference
        has neither.
    """
    sentences, gold = list(example.predicted.sents), example.reference.spans
    starts = [sentence.start for sentence in sentences]
    if key in gold and gold[key].attrs.get(FOUND_IN, starts) != starts:
        del gold[key]  # boundaries are predicted, and have changed since
    if key not in gold:
        summaries = summaries_of(example.reference, key)
        if not summaries:
            return None
        labels = label_sentences(
            [sentence.text for sentence in sentences], summaries[0]
        )
        chosen = [s for s, label in zip(sentences, labels, strict=True) if label]
        gold[key] = SpanGroup(
            example.reference,
            name=key,
            spans=example.get_aligned_spans_x2y(chosen),
            attrs={FOUND_IN: starts},
        )
    covered = np.zeros(len(example.predicted))
    same = same_tokens([example]).all()
    for span in gold[key]:
        tokens = slice(span.start, span.end)
        covered[tokens if same else example.alignment.y2x[tokens]] = 1.0
    shares = [covered[sentence.start : sentence.end].mean() for sentence in sentences]
    return (np.array(shares) >= ENOUGH).astype("f")


def soften(truths: np.ndarray, example: Example, share: float | None) -> np.ndarray:
    """Mix what was chosen with what each sentence has in common with a written summary.

    Args:
        truths: 0 or 1 for each sentence. Shape (number of sentences,).
        example: The document, with sentence boundaries.
        share: How much the latter counts, in [0, 1]. None: nothing where the summary is
            made of the chosen sentences, which then say more than it, else everything.
    """
    if share is None:
        share = 0.0 if is_extract(truths, example) else 1.0
    if not share:
        return truths
    return (1.0 - share) * truths + share * common_parts(truths, example)


def is_extract(truths: np.ndarray, example: Example) -> bool:
    """Return whether the first written summary is made of the chosen sentences."""
    summaries = written_texts(example.reference, "summary")
    pairs = zip(example.predicted.sents, truths, strict=True)
    chosen = " ".join(sentence.text for sentence, truth in pairs if truth)
    return not summaries or sorted(chosen.split()) == sorted(summaries[0].split())


def common_parts(truths: np.ndarray, example: Example) -> np.ndarray:
    """Say how much each sentence by itself has in common with a written summary.

    Which of several like sentences are chosen is a matter of luck, and from a few
    articles a network learns just that. What they have in common with the summary is
    known of every sentence, and says more (Zhou et al., 2018, train on it as well).

    Args:
        truths: 0 or 1 for each sentence. Shape (number of sentences,).
        example: The document, with sentence boundaries.

    Returns:
        Values in (0, 1), shape (number of sentences,): about the mean of the truths for
        an average sentence. The truths, if the reference has no written summary.
    """
    summaries = written_texts(example.reference, "summary")
    if not summaries or not len(truths):
        return truths
    texts = [sentence.text for sentence in example.predicted.sents]
    gains = np.array(sentence_gains(texts, summaries[0]), dtype="f")
    spread = gains.std()
    scores = (gains - gains.mean()) / spread if spread else np.zeros_like(gains)
    # As with half a sentence more of either kind, so that the log odds are finite.
    odds = (truths.sum() + 0.5) / (len(truths) - truths.sum() + 0.5)
    return 1.0 / (1.0 + np.exp(-SHARPNESS * scores) / odds)
