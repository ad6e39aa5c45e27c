"""The loss of tag sequences; the other losses are in `test_losses.py`."""

from itertools import product

import numpy as np
import pytest
from every_sequence import EverySequence
from numpy.testing import assert_allclose, assert_array_equal
from tag_names import make_tags, number_tags, tags_to_spans
from thinc.api import NumpyOps, get_current_ops

from spacy_rnn.tags.loss import NO_SPANS, crf_loss, divergence, sets_without
from spacy_rnn.tags.scores import from_gradient, to_lattice
from spacy_rnn.tags.tag_set import make_tag_set
from spacy_rnn.types import CRFScores

OPS = NumpyOps()
SCHEMES = ["BIO", "BILUO"]
LENGTHS = (3, 0, 4, 1, 2)
FIELDS = ("transitions", "start", "end")


def make_scores(tag_set, *, lengths=LENGTHS, seed=0, scale=2.0):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(size=shape) * scale

    K = len(tag_set.start)
    return CRFScores([draw(n, K) for n in lengths], draw(K, K), draw(K), draw(K))


def one_hot(spans, length, scheme, labels=("X",)):
    n_tags = len(make_tags(labels, scheme))
    return np.eye(n_tags, dtype=bool)[[*number_tags(spans, length, scheme, labels)]]


def make_sets(tag_set, scheme, *, seed=0):
    """Draw annotation: full, none of no tokens, partial, none, and full."""
    rng = np.random.default_rng(seed)
    partial = rng.random((4, len(tag_set.start))) < 0.5
    partial[:, 0] = True
    return [
        one_hot([(1, 3, "X")], 3, scheme),
        partial[:0],
        partial,
        np.ones_like(partial[:1]),
        one_hot([(0, 1, "X")], 2, scheme),
    ]


def compute_loss(scores, tag_set, sets, forbidden=NO_SPANS, ops=OPS):
    """Return the loss, and its gradient in the form of the scores."""
    allowed = np.concatenate([*sets, np.ones((0, len(tag_set.start)), dtype=bool)])
    lattice = to_lattice(scores, tag_set)
    loss, gradient = crf_loss(lattice, tag_set, allowed, forbidden)
    return loss, from_gradient(ops, gradient, scores)


def enumerate_docs(scores, tag_set, allowed):
    shared = [
        np.where(getattr(tag_set, name), getattr(scores, name), -np.inf)
        for name in FIELDS
    ]
    return [
        EverySequence(np.where(sets, rows, -np.inf), *shared)
        for rows, sets in zip(scores.emissions, allowed, strict=True)
    ]


def everything_allowed(scores):
    return [np.ones(rows.shape, dtype=bool) for rows in scores.emissions]


def assert_is_slope(gradient, scores, compute):
    """Compare a gradient with the slope of what `compute` returns, everywhere."""
    places = list(zip(scores.emissions, gradient.emissions, strict=True))
    places += [(getattr(scores, name), getattr(gradient, name)) for name in FIELDS]
    for values, grad in places:
        assert grad.shape == values.shape
        assert grad.dtype == np.float32
        for place in np.ndindex(values.shape):
            middle = values[place]
            values[place] = middle + 1e-4
            above = compute()
            values[place] = middle - 1e-4
            slope = (above - compute()) / 2e-4
            values[place] = middle
            assert slope == pytest.approx(grad[place], abs=1e-5)


@pytest.mark.parametrize("scale", [1.0, 10.0, 500.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_loss_is_how_improbable_the_annotation_is(scheme, scale):
    tag_set = make_tag_set(("X",), scheme)
    scores = make_scores(tag_set, scale=scale)
    allowed = make_sets(tag_set, scheme)
    loss, _ = compute_loss(scores, tag_set, allowed)
    free = enumerate_docs(scores, tag_set, everything_allowed(scores))
    given = enumerate_docs(scores, tag_set, allowed)
    expected = sum(
        f.log_partition - g.log_partition for f, g in zip(free, given, strict=True)
    )
    assert loss == pytest.approx(expected / len(LENGTHS), rel=1e-6)


@pytest.mark.parametrize("scale", [1.0, 10.0, 500.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_gradient_is_expected_use_minus_annotated_use(scheme, scale):
    tag_set = make_tag_set(("X",), scheme)
    scores = make_scores(tag_set, scale=scale)
    allowed = make_sets(tag_set, scheme)
    _, gradient = compute_loss(scores, tag_set, allowed)
    free = enumerate_docs(scores, tag_set, everything_allowed(scores))
    given = enumerate_docs(scores, tag_set, allowed)
    rows = [f.marginals() - g.marginals() for f, g in zip(free, given, strict=True)]
    for found, expected in zip(gradient.emissions, rows, strict=True):
        assert_allclose(found, expected, rtol=0, atol=1e-5)
    filled = [each for each in rows if len(each)]
    pairs = [
        f.transitions() - g.transitions() for f, g in zip(free, given, strict=True)
    ]
    assert_allclose(gradient.transitions, sum(pairs), rtol=0, atol=1e-5)
    assert_allclose(gradient.start, sum(x[0] for x in filled), rtol=0, atol=1e-5)
    assert_allclose(gradient.end, sum(x[-1] for x in filled), rtol=0, atol=1e-5)


def test_the_gradient_is_the_slope_of_the_summed_loss():
    tag_set = make_tag_set(("X",), "BIO")
    scores = make_scores(tag_set)
    allowed = make_sets(tag_set, "BIO")

    def summed_loss():
        return compute_loss(scores, tag_set, allowed)[0] * len(LENGTHS)

    assert_is_slope(compute_loss(scores, tag_set, allowed)[1], scores, summed_loss)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_document_without_annotation_counts_exactly_nothing(scheme):
    tag_set = make_tag_set(("X",), scheme)
    scores = make_scores(tag_set)
    loss, gradient = compute_loss(scores, tag_set, everything_allowed(scores))
    assert loss == 0.0
    for array in (*gradient.emissions, gradient.transitions, gradient.start):
        assert not array.any()
    _, gradient = compute_loss(scores, tag_set, make_sets(tag_set, scheme))
    assert not gradient.emissions[3].any()
    assert gradient.emissions[0].any()


def test_scores_of_tokens_get_a_gradient_of_their_form():
    tag_set = make_tag_set(("X",), "BIO")
    allowed = make_sets(tag_set, "BIO")
    full = make_scores(tag_set)
    for name in FIELDS:
        getattr(full, name)[...] = 0.0
    loss, gradient = compute_loss(full.emissions, tag_set, allowed)
    assert isinstance(gradient, list)
    expected_loss, expected = compute_loss(full, tag_set, allowed)
    assert loss == expected_loss
    for found, rows in zip(gradient, expected.emissions, strict=True):
        assert_array_equal(found, rows)


def test_a_gradient_does_not_depend_on_the_batch():
    tag_set = make_tag_set(("X", "Y"), "BILUO")
    lengths = (5, 0, 70, 1, 20)
    scores = make_scores(tag_set, lengths=lengths)
    allowed = [
        one_hot([], length, "BILUO", ("X", "Y")).reshape(length, len(tag_set.start))
        for length in lengths
    ]
    loss, together = compute_loss(scores, tag_set, allowed)
    losses = []
    for doc, rows in enumerate(scores.emissions):
        alone = CRFScores([rows], scores.transitions, scores.start, scores.end)
        found, gradient = compute_loss(alone, tag_set, [allowed[doc]])
        losses.append(found)
        assert_allclose(
            gradient.emissions[0], together.emissions[doc], rtol=0, atol=1e-6
        )
    assert loss == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)])
def test_a_batch_without_tokens_loses_nothing(lengths):
    tag_set = make_tag_set(("X",), "BIO")
    scores = make_scores(tag_set, lengths=lengths)
    loss, gradient = compute_loss(scores, tag_set, everything_allowed(scores))
    assert loss == 0.0
    assert [rows.shape for rows in gradient.emissions] == [(0, 3)] * len(lengths)
    assert not gradient.transitions.any()


def test_a_document_whose_annotation_is_illegal_is_named():
    tag_set = make_tag_set(("X",), "BIO")
    scores, allowed = make_scores(tag_set), make_sets(tag_set, "BIO")
    allowed[2] = np.eye(3, dtype=bool)[[0, 2, 0, 0]]  # I-X after O
    with pytest.raises(ValueError, match="Sequence 2 .* is impossible"):
        compute_loss(scores, tag_set, allowed)


# Of each document, and as the documents lie end to end.
SPANS = [[(0, 2, "X"), (2, 3, "X")], [], [(1, 4, "X")], [(0, 1, "X")], []]
FORBIDDEN = np.array([(0, 2, 0), (2, 3, 0), (4, 7, 0), (7, 8, 0)])


@pytest.mark.parametrize("scale", [1.0, 10.0, 500.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_forbidden_span_costs_what_is_left_without_it(scheme, scale):
    tag_set = make_tag_set(("X",), scheme)
    scores = make_scores(tag_set, scale=scale)
    allowed = everything_allowed(scores)
    loss, _ = compute_loss(scores, tag_set, allowed, FORBIDDEN)
    tags = make_tags("X", scheme)
    expected = 0.0
    for each, spans in zip(
        enumerate_docs(scores, tag_set, allowed), SPANS, strict=True
    ):
        read = [tags_to_spans([tags[i] for i in path], scheme) for path in each.tags]
        for span in spans:
            without = each.scores[[span not in found for found in read]]
            best = without.max()
            log_without = best + np.log(np.exp(without - best).sum())
            expected += each.log_partition - log_without
    assert loss == pytest.approx(expected / len(LENGTHS), rel=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_gradient_of_forbidden_spans_is_the_slope_too(scheme):
    tag_set = make_tag_set(("X",), scheme)
    scores = make_scores(tag_set)
    allowed = make_sets(tag_set, scheme)

    def compute():
        return compute_loss(scores, tag_set, allowed, FORBIDDEN)

    assert_is_slope(compute()[1], scores, lambda: compute()[0] * len(LENGTHS))


@pytest.mark.parametrize("surplus", [30.0, 90.0, 4000.0])
def test_a_forbidden_span_that_is_all_but_certain_is_unlearnt(surplus):
    tag_set = make_tag_set(("X",), "BILUO")
    scores = make_scores(tag_set, lengths=(1,))
    wrong = make_tags("X", "BILUO").index("U-X")
    scores.emissions[0][0, wrong] += surplus
    forbidden, allowed = np.array([[0, 1, 0]]), everything_allowed(scores)
    loss, gradient = compute_loss(scores, tag_set, allowed, forbidden)
    rows = scores.emissions[0][0] + scores.start + scores.end
    assert loss == pytest.approx(rows[wrong] - rows[0], abs=1e-5)
    assert_allclose(gradient.emissions[0], [[-1, 0, 0, 0, 1]], rtol=0, atol=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("span", [(0, 1, "X"), (1, 3, "X"), (2, 4, "Y"), (0, 4, "X")])
def test_sequences_without_a_span_are_cut_into_disjoint_groups(scheme, span):
    labels = ("X", "Y")
    tags, tag_set = make_tags(labels, scheme), make_tag_set(labels, scheme)
    start, end, label = span
    groups = sets_without(tag_set, np.array([start, end, tag_set.rows[label]]), 4)
    for path in map(list, product(range(len(tags)), repeat=4)):
        spans = tags_to_spans([tags[i] for i in path], scheme)
        if spans is not None:
            in_groups = groups[:, range(4), path].all(axis=1).sum()
            assert in_groups == (span not in spans)


def compute_divergence(scores, before, tag_set):
    loss, gradient = divergence(*(to_lattice(x, tag_set) for x in (scores, before)))
    return loss, from_gradient(OPS, gradient, scores)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_divergence_is_that_of_every_sequence(scheme):
    tag_set = make_tag_set(("X",), scheme)
    scores, before = make_scores(tag_set), make_scores(tag_set, seed=1)
    allowed = everything_allowed(scores)
    expected = 0.0
    for new, old in zip(
        enumerate_docs(scores, tag_set, allowed),
        enumerate_docs(before, tag_set, allowed),
        strict=True,
    ):
        log_q = dict(
            zip(map(tuple, new.tags), new.scores - new.log_partition, strict=True)
        )
        for tags, p in zip(map(tuple, old.tags), old.probabilities, strict=True):
            expected += p * (np.log(p) - log_q[tags])
    loss, gradient = compute_divergence(scores, before, tag_set)
    assert loss == pytest.approx(expected / len(LENGTHS), rel=1e-6)
    assert_is_slope(
        gradient,
        scores,
        lambda: compute_divergence(scores, before, tag_set)[0] * len(LENGTHS),
    )


@pytest.mark.parametrize("lengths", [(), (0,), LENGTHS])
def test_nothing_diverges_from_itself(lengths):
    tag_set = make_tag_set(("X",), "BILUO")
    scores = make_scores(tag_set, lengths=lengths)
    loss, gradient = compute_divergence(scores, scores, tag_set)
    assert loss == pytest.approx(0.0, abs=1e-9)
    assert not gradient.transitions.any()


@pytest.mark.gpu
def test_a_gpu_computes_the_same_loss(device):
    tag_set = make_tag_set(("X",), "BIO")
    scores = make_scores(tag_set)
    allowed = make_sets(tag_set, "BIO")
    expected_loss, expected = compute_loss(scores, tag_set, allowed, FORBIDDEN)
    ops = get_current_ops()
    there = CRFScores(
        [ops.asarray2f(rows) for rows in scores.emissions],
        *[ops.asarray_f(getattr(scores, name)) for name in FIELDS],
    )
    loss, gradient = compute_loss(there, tag_set, allowed, FORBIDDEN, ops)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for found, rows in zip(gradient.emissions, expected.emissions, strict=True):
        assert_allclose(ops.to_numpy(found), rows, rtol=0, atol=1e-4)
