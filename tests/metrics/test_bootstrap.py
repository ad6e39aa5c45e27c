"""Intervals of scores."""

import numpy as np
import pytest

from spacy_rnn.metrics.bootstrap import bootstrap, interval, resamples


def share(sums):
    return sums[:, :1] / sums[:, 1:]


def make_columns(n, seed=0, p=0.7):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 20, n)
    return np.stack([generator.binomial(lengths, p), lengths], axis=1).astype("f")


def test_each_resample_has_as_many_documents_as_there_are():
    drawn = np.concatenate(list(resamples(30, 150)))
    assert drawn.shape == (150, 30)
    assert (drawn.sum(axis=1) == 30).all()
    assert abs(drawn.mean(axis=0) - 1.0).max() < 0.5


def test_intervals_are_those_of_drawing_document_by_document():
    columns = make_columns(40)
    found, low, high = bootstrap(columns, share, n=200)
    counts = np.concatenate(list(resamples(40, 200))).astype(int)
    slow = [
        share(np.repeat(columns, times, axis=0).sum(axis=0, keepdims=True))[0]
        for times in counts
    ]
    assert found == pytest.approx(columns[:, 0].sum() / columns[:, 1].sum())
    assert np.allclose([low, high], interval(np.array(slow)), atol=1e-5)


def test_about_95_of_100_intervals_hold_the_true_score():
    held = 0
    for seed in range(200):
        _, (low,), (high,) = bootstrap(make_columns(150, seed), share, n=200)
        held += low <= 0.7 <= high
    assert 180 <= held <= 199


def test_fewer_documents_make_wider_intervals():
    widths = [
        float(high[0] - low[0])
        for n in (20, 200, 2000)
        for _, low, high in [bootstrap(make_columns(n), share, n=300)]
    ]
    assert widths == sorted(widths, reverse=True)


def test_one_document_has_an_interval_of_no_width():
    found, low, high = bootstrap(np.array([[1.0, 2.0]], dtype="f"), share, n=10)
    assert found == low == high == 0.5


def test_no_document_has_an_interval_of_no_width():
    empty = np.zeros((0, 2), dtype="f")
    found, low, high = bootstrap(empty, lambda sums: sums, n=10)
    assert found.tolist() == low.tolist() == high.tolist() == [0.0, 0.0]
