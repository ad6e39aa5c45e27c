"""From what a component said to scores, tables and curves."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from spacy_rnn.cli.reporting.facts import (
    Confusion,
    Curve,
    LabelScore,
    LengthScore,
    Reliability,
    Score,
    Task,
)
from spacy_rnn.cli.reporting.view import View
from spacy_rnn.metrics.bootstrap import RESAMPLES, bootstrap
from spacy_rnn.metrics.calibration import reliability_bins
from spacy_rnn.metrics.ranking import macro_area, precision_recall, thin_out
from spacy_rnn.metrics.span_mistakes import count_span_mistakes
from spacy_rnn.metrics.tally import (
    Tally,
    confusion_matrix,
    confusions,
    precision_recall_f1,
    tally,
)

N_OVERALL = 6  # scores of `score_sums` before those of single labels
LABELS_OF_MATRIX = 30
LABELS_OF_CURVES = 5
N_LENGTHS = 6  # groups of documents, of about as many each


def measure(view: View, lengths: Sequence[int], n: int = RESAMPLES) -> Task:
    """Measure what a component said.

    Args:
        view: What it said.
        lengths: Tokens in each document.
        n: Number of resamples.
    """
    counts = tally(view.labels, view.true, view.predicted)
    found = find_rows(counts.columns(), make_score(counts), n) if counts.labels else []
    labels = score_labels(counts, found[N_OVERALL:])
    return Task(
        component=view.component,
        annotation=view.annotation,
        unit=view.unit,
        exclusive=view.exclusive,
        documents=sum(map(bool, view.true)),
        scores=score_all(view, found[:N_OVERALL], n),
        labels=labels,
        confusion=find_confusion(view, labels),
        kinds=count_span_mistakes(view.true, view.predicted)
        if view.unit == "spans"
        else {},
        curves=find_curves(view, labels),
        reliability=find_reliability(view),
        lengths=score_lengths(counts, np.asarray(lengths), n),
    )


def make_score(counts: Tally) -> Callable[[np.ndarray], np.ndarray]:
    """Return `score_sums` for these labels."""
    occurs = (counts.right + counts.wrong + counts.missing).any(axis=0)
    return partial(score_sums, share=float(occurs.mean()))


def score_sums(sums: np.ndarray, share: float) -> np.ndarray:
    """Find precision, recall and F1 over all labels, their means, and F1 of each.

    Args:
        sums: The columns of a tally, added up. Shape (n, 3 * labels).
        share: Of the labels that occur in the data, in [0, 1]. The others count as 0
            in means, as in spaCy. A label that merely wasn't drawn counts as the mean
            of those that were: else intervals would be lower than their scores.
    """
    by_label = sums.reshape(len(sums), 3, -1).transpose(1, 0, 2)
    each = precision_recall_f1(*by_label)
    micro = precision_recall_f1(*by_label.sum(axis=2))
    n_drawn = np.maximum(by_label.any(axis=0).sum(axis=1), 1)
    means = (share * x.sum(axis=1) / n_drawn for x in each)
    return np.column_stack([*micro, *means, each[2]])


def score_all(view: View, found: Sequence[Sequence[float]], n: int) -> list[Score]:
    """Find the scores at the top, the one that matters most first."""
    further = []
    for each in view.statistics:
        rows = find_rows(each.columns, each.score, n)
        named = zip(each.keys, each.titles, rows, strict=True)
        further += [Score(key, title, *row) for key, title, row in named]
    names = name_scores(view) if found else []
    scores = [Score(key, title, *found[i]) for key, title, i in names]
    if view.scores is not None:
        area = macro_area(*view.scores, n)
        scores.append(Score(f"{view.prefix}_macro_auc", "Macro AUC", *area))
    return further + scores if view.unit == "sentences" else scores + further


def find_rows(
    columns: np.ndarray, score: Callable[[np.ndarray], np.ndarray], n: int
) -> list[list[float]]:
    """Find scores with their intervals, a row for each."""
    return np.array(bootstrap(columns, score, n)).T.tolist()


def name_scores(view: View) -> list[tuple[str, str, int]]:
    """Say which scores are wanted: their keys and titles, and where they are."""
    p, r, f, macro_f = 0, 1, 2, 5
    key = view.prefix
    if view.unit == "documents":
        micro = (f"{key}_micro_f", "Accuracy" if view.exclusive else "Micro F1", f)
        macro = (f"{key}_macro_f", "Macro F1", macro_f)
        return [micro, macro] if view.exclusive else [macro, micro]
    if view.unit == "tokens" and view.exclusive:
        return [(f"{key}_acc", "Accuracy", f), (f"{key}_macro_f", "Macro F1", macro_f)]
    return [
        (f"{key}_f", "F1", f),
        (f"{key}_p", "Precision", p),
        (f"{key}_r", "Recall", r),
    ]


def score_labels(
    counts: Tally, intervals: Sequence[Sequence[float]]
) -> list[LabelScore]:
    """Make the scores of each label, the most frequent one first.

    Args:
        counts: How many are right, wrong and missing.
        intervals: F1 of each, with the ends of its interval.
    """
    right, wrong, missing = (each.sum(axis=0, dtype="d") for each in counts[1:])
    precision, recall, _ = precision_recall_f1(right, wrong, missing)
    columns = (precision, recall, right + missing, right + wrong)
    values = (each.tolist() for each in columns)
    rows = [
        LabelScore(label, p, r, f1, low, high, int(support), int(predicted))
        for label, (f1, low, high), p, r, support, predicted in zip(
            counts.labels, intervals, *values, strict=True
        )
    ]
    return sorted(rows, key=lambda row: -row.support)


def find_confusion(view: View, labels: Sequence[LabelScore]) -> Confusion | None:
    """Find which label is taken for which one, if there are several."""
    if len(labels) < 2:
        return None
    counts = confusions(view.true, view.predicted)
    names = [row.label for row in labels if row.support or row.predicted]
    return Confusion(*confusion_matrix(counts, names, LABELS_OF_MATRIX))


def find_curves(view: View, labels: Sequence[LabelScore]) -> list[Curve]:
    """Find precision by recall, of all labels and of some by themselves."""
    confidences, correct, n_true = view.candidates()
    curves = [make_curve(None, confidences, correct, n_true)]
    if view.scores is not None and len(labels) > 1:
        for row in labels[:LABELS_OF_CURVES]:
            k = list(view.labels).index(row.label)
            known = ~np.isnan(view.scores[1][:, k])
            scores, truths = (each[known, k] for each in view.scores)
            curves.append(make_curve(row.label, scores, truths, truths.sum()))
    return [curve for curve in curves if curve is not None]


def make_curve(
    label: str | None, confidences: np.ndarray, correct: np.ndarray, n_true: float
) -> Curve | None:
    """Make a curve, if probabilities are known and there is anything to be found."""
    if not len(confidences) or not n_true:
        return None
    curve = precision_recall(confidences, correct, n_true)
    thin = thin_out(curve)
    points = ([round(v, 4) for v in each.tolist()] for each in thin)
    return Curve(label, curve.average_precision, *points)


def find_reliability(view: View) -> Reliability | None:
    """Find how often predictions are right, by how probable they are said to be."""
    confidences, correct = view.decisions()
    if not len(confidences):
        return None
    bins = reliability_bins(np.clip(confidences, 0.0, 1.0), correct)
    means, shares = bins.confidence.tolist(), bins.accuracy.tolist()
    return Reliability(bins.expected_error, means, shares, bins.counts.tolist())


def score_lengths(counts: Tally, lengths: np.ndarray, n: int) -> list[LengthScore]:
    """Find F1 over all labels of documents by their lengths."""
    total = np.stack([each.sum(axis=1) for each in counts[1:]], axis=1)
    known = np.flatnonzero(total.any(axis=1))
    if not len(known):
        return []
    edges = np.unique(np.quantile(lengths[known], np.linspace(0, 1, N_LENGTHS + 1)))
    found = []
    group = np.searchsorted(edges[1:-1], lengths, side="left")
    for each in np.unique(group[known]):
        members = known[group[known] == each]
        (row,) = find_rows(
            total[members], lambda sums: precision_recall_f1(*sums.T)[2][:, None], n
        )
        ends = lengths[members]
        found.append(LengthScore(int(ends.min()), int(ends.max()), len(members), *row))
    return found
