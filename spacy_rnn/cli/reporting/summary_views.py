"""How summarizers are looked at."""

from collections.abc import Sequence

import numpy as np
from spacy.language import Language
from spacy.training import Example

from spacy_rnn.cli.reporting.span_views import claim_group
from spacy_rnn.cli.reporting.view import Statistic, View, gather
from spacy_rnn.metrics.rouge import rouge
from spacy_rnn.pipeline.summarizer import RNNSummarizer
from spacy_rnn.pipeline.summary_gold import sentence_truths
from spacy_rnn.scorers import ROUGE_NAMES, summaries_of


def view_summaries(
    pipe: RNNSummarizer, nlp: Language, examples: Sequence[Example]
) -> list[View]:
    key = pipe.cfg["spans_key"]
    view = gather(
        pipe.name,
        f"doc.spans[{key!r}]",
        "sentences",
        "summary",
        [claim_group(each, key, label=key) for each in examples],
    )
    rows = np.array([score_rouge(each, key) for each in examples], dtype="d")
    if rows[:, -1].any():
        titles = ("ROUGE-1", "ROUGE-2", "ROUGE-L", "ROUGE-Lsum")
        view.statistics.append(
            Statistic(
                tuple(ROUGE_NAMES.values()),
                titles,
                rows,
                lambda sums: sums[:, :-1] / np.maximum(sums[:, -1:], 1.0),
            )
        )
    view.ranked = rank_sentences(pipe, examples)
    return [view]


def rank_sentences(
    pipe: RNNSummarizer, examples: Sequence[Example]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each sentence, and whether it should be chosen.

    Where there is a written summary only, the sentences that say most of it should.
    """
    key = pipe.cfg["spans_key"]
    pairs = []
    for example in examples:
        found = example.predicted.spans[key].attrs.get("sentence_scores", ())
        truths = sentence_truths(example, key)
        if truths is not None:
            pairs += list(zip(found, truths.tolist(), strict=True))
    confidences, correct = np.array(pairs, dtype="d").reshape(-1, 2).T
    return confidences, correct


def score_rouge(example: Example, key: str) -> list[float]:
    """Return the F1 of ROUGE, and whether there is a summary to compare with."""
    references = summaries_of(example.reference, key)
    if not references:
        return [0.0] * (len(ROUGE_NAMES) + 1)
    candidate, *_ = summaries_of(example.predicted, key) or [""]
    found = rouge(candidate, references)
    return [*(found[name].f1 for name in ROUGE_NAMES), 1.0]
