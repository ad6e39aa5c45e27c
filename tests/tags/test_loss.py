"""The loss of tag sequences; the other losses are in `test_losses.py`."""

import numpy as np
import pytest
from every_sequence import EverySequence
from numpy.testing import assert_allclose, assert_array_equal
from thinc.api import NumpyOps, get_current_ops

from spacy_rnn.tags.loss import crf_loss
from spacy_rnn.tags.schemes import legal, make_tags, spans_to_tags, tags_to_spans
from spacy_rnn.types import CRFScores

OPS = NumpyOps()
SCHEMES = ["BIO", "BILUO"]
LENGTHS = (3, 0, 4, 1, 2)
FIELDS = ("transitions", "start", "end")


def make_scores(tags, *, lengths=LENGTHS, seed=0, scale=2.0):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.normal(size=shape) * scale

    K = len(tags)
    return CRFScores([draw(n, K) for n in lengths], draw(K, K), draw(K), draw(K))


def one_hot(names, tags):
    return np.array([[name == tag for tag in tags] for name in names], dtype=bool)


def make_sets(tags, scheme, *, seed=0):
    """Draw annotation: full, none of no tokens, partial, none, and full."""
    rng = np.random.default_rng(seed)
    anything = [np.ones((length, len(tags)), dtype=bool) for length in LENGTHS]
    partial = rng.random(anything[2].shape) < 0.5
    partial[:, 0] = True
    return [
        one_hot(spans_to_tags([(1, 3, "X")], 3, scheme), tags),
        anything[1],
        partial,
        anything[3],
        one_hot(spans_to_tags([(0, 1, "X")], 2, scheme), tags),
    ]


def enumerate_docs(scores, constraints, allowed):
    shared = [
        np.where(getattr(constraints, name), getattr(scores, name), -np.inf)
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
    tags = make_tags(["X"], scheme)
    scores, constraints = make_scores(tags, scale=scale), legal(tags, scheme)
    allowed = make_sets(tags, scheme)
    loss, _ = crf_loss(OPS, scores, constraints, allowed)
    free = enumerate_docs(scores, constraints, everything_allowed(scores))
    given = enumerate_docs(scores, constraints, allowed)
    expected = sum(
        f.log_partition - g.log_partition for f, g in zip(free, given, strict=True)
    )
    assert loss == pytest.approx(expected / len(LENGTHS), rel=1e-6)


@pytest.mark.parametrize("scale", [1.0, 10.0, 500.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_gradient_is_expected_use_minus_annotated_use(scheme, scale):
    tags = make_tags(["X"], scheme)
    scores, constraints = make_scores(tags, scale=scale), legal(tags, scheme)
    allowed = make_sets(tags, scheme)
    _, gradient = crf_loss(OPS, scores, constraints, allowed)
    free = enumerate_docs(scores, constraints, everything_allowed(scores))
    given = enumerate_docs(scores, constraints, allowed)
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
    tags = make_tags(["X"], "BIO")
    scores, constraints = make_scores(tags), legal(tags, "BIO")
    allowed = make_sets(tags, "BIO")

    def summed_loss():
        return crf_loss(OPS, scores, constraints, allowed)[0] * len(LENGTHS)

    assert_is_slope(crf_loss(OPS, scores, constraints, allowed)[1], scores, summed_loss)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_document_without_annotation_counts_exactly_nothing(scheme):
    tags = make_tags(["X"], scheme)
    scores, constraints = make_scores(tags), legal(tags, scheme)
    loss, gradient = crf_loss(OPS, scores, constraints, everything_allowed(scores))
    assert loss == 0.0
    for array in (*gradient.emissions, gradient.transitions, gradient.start):
        assert not array.any()
    _, gradient = crf_loss(OPS, scores, constraints, make_sets(tags, scheme))
    assert not gradient.emissions[3].any()
    assert gradient.emissions[0].any()


def test_scores_of_tokens_get_a_gradient_of_their_form():
    tags = make_tags(["X"], "BIO")
    constraints, allowed = legal(tags, "BIO"), make_sets(tags, "BIO")
    full = make_scores(tags)
    for name in FIELDS:
        getattr(full, name)[...] = 0.0
    loss, gradient = crf_loss(OPS, full.emissions, constraints, allowed)
    assert isinstance(gradient, list)
    expected_loss, expected = crf_loss(OPS, full, constraints, allowed)
    assert loss == expected_loss
    for found, rows in zip(gradient, expected.emissions, strict=True):
        assert_array_equal(found, rows)


def test_a_gradient_does_not_depend_on_the_batch():
    tags = make_tags(["X", "Y"], "BILUO")
    lengths = (5, 0, 70, 1, 20)
    scores, constraints = make_scores(tags, lengths=lengths), legal(tags, "BILUO")
    allowed = [
        one_hot(spans_to_tags([], length, "BILUO"), tags).reshape(length, len(tags))
        for length in lengths
    ]
    loss, together = crf_loss(OPS, scores, constraints, allowed)
    losses = []
    for doc, rows in enumerate(scores.emissions):
        alone = CRFScores([rows], scores.transitions, scores.start, scores.end)
        found, gradient = crf_loss(OPS, alone, constraints, [allowed[doc]])
        losses.append(found)
        assert_allclose(
            gradient.emissions[0], together.emissions[doc], rtol=0, atol=1e-6
        )
    assert loss == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)])
def test_a_batch_without_tokens_loses_nothing(lengths):
    tags = make_tags(["X"], "BIO")
    scores = make_scores(tags, lengths=lengths)
    loss, gradient = crf_loss(
        OPS, scores, legal(tags, "BIO"), everything_allowed(scores)
    )
    assert loss == 0.0
    assert [rows.shape for rows in gradient.emissions] == [(0, 3)] * len(lengths)
    assert not gradient.transitions.any()


def test_a_document_whose_annotation_is_illegal_is_named():
    tags = make_tags(["X"], "BIO")
    scores, allowed = make_scores(tags), make_sets(tags, "BIO")
    allowed[2] = one_hot(["O", "I-X", "O", "O"], tags)
    with pytest.raises(ValueError, match="No legal sequence .* for document 2"):
        crf_loss(OPS, scores, legal(tags, "BIO"), allowed)


FORBIDDEN = [[(0, 2, "X"), (2, 3, "X")], [], [(1, 4, "X")], [(0, 1, "X")], []]


@pytest.mark.parametrize("scale", [1.0, 10.0, 500.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_forbidden_span_costs_what_is_left_without_it(scheme, scale):
    tags = make_tags(["X"], scheme)
    scores, constraints = make_scores(tags, scale=scale), legal(tags, scheme)
    allowed = everything_allowed(scores)
    loss, _ = crf_loss(
        OPS, scores, constraints, allowed, forbidden=FORBIDDEN, tags=tags, scheme=scheme
    )
    expected = 0.0
    for each, spans in zip(
        enumerate_docs(scores, constraints, allowed), FORBIDDEN, strict=True
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
    tags = make_tags(["X"], scheme)
    scores, constraints = make_scores(tags), legal(tags, scheme)
    allowed = make_sets(tags, scheme)

    def compute():
        return crf_loss(
            OPS,
            scores,
            constraints,
            allowed,
            forbidden=FORBIDDEN,
            tags=tags,
            scheme=scheme,
        )

    assert_is_slope(compute()[1], scores, lambda: compute()[0] * len(LENGTHS))


@pytest.mark.parametrize("surplus", [30.0, 90.0, 4000.0])
def test_a_forbidden_span_that_is_all_but_certain_is_unlearnt(surplus):
    tags = make_tags(["X"], "BILUO")
    scores, constraints = make_scores(tags, lengths=(1,)), legal(tags, "BILUO")
    wrong = tags.index("U-X")
    scores.emissions[0][0, wrong] += surplus
    loss, gradient = crf_loss(
        OPS,
        scores,
        constraints,
        everything_allowed(scores),
        forbidden=[[(0, 1, "X")]],
        tags=tags,
        scheme="BILUO",
    )
    rows = scores.emissions[0][0] + scores.start + scores.end
    assert loss == pytest.approx(rows[wrong] - rows[0], abs=1e-5)
    assert_allclose(gradient.emissions[0], [[-1, 0, 0, 0, 1]], rtol=0, atol=1e-5)


def test_a_forbidden_span_of_an_unknown_label_costs_nothing():
    tags = make_tags(["X"], "BIO")
    scores = make_scores(tags)
    loss, gradient = crf_loss(
        OPS,
        scores,
        legal(tags, "BIO"),
        everything_allowed(scores),
        forbidden=[[(0, 2, "Z")], [], [], [], []],
        tags=tags,
        scheme="BIO",
    )
    assert loss == pytest.approx(0.0, abs=1e-12)
    assert_allclose(gradient.emissions[0], np.zeros((3, 3)), atol=1e-7)


def test_forbidden_spans_need_the_names_of_the_tags():
    tags = make_tags(["X"], "BIO")
    scores, allowed = make_scores(tags), make_sets(tags, "BIO")
    with pytest.raises(ValueError, match="names of all 3 tags"):
        crf_loss(OPS, scores, legal(tags, "BIO"), allowed, forbidden=FORBIDDEN)


def test_a_forbidden_span_outside_of_its_document_is_refused():
    tags = make_tags(["X"], "BIO")
    scores = make_scores(tags)
    with pytest.raises(ValueError, match="document's 3 tokens"):
        crf_loss(
            OPS,
            scores,
            legal(tags, "BIO"),
            everything_allowed(scores),
            forbidden=[[(0, 4, "X")], [], [], [], []],
            tags=tags,
        )


@pytest.mark.gpu
def test_a_gpu_computes_the_same_loss(device):
    tags = make_tags(["X"], "BIO")
    scores, constraints = make_scores(tags), legal(tags, "BIO")
    allowed = make_sets(tags, "BIO")
    options = {"forbidden": FORBIDDEN, "tags": tags, "scheme": "BIO"}
    expected_loss, expected = crf_loss(OPS, scores, constraints, allowed, **options)
    ops = get_current_ops()
    there = CRFScores(
        [ops.asarray2f(rows) for rows in scores.emissions],
        *[ops.asarray_f(getattr(scores, name)) for name in FIELDS],
    )
    loss, gradient = crf_loss(ops, there, constraints, allowed, **options)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for found, rows in zip(gradient.emissions, expected.emissions, strict=True):
        assert_allclose(ops.to_numpy(found), rows, rtol=0, atol=1e-4)
