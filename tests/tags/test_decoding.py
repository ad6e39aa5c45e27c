import numpy as np
import pytest
from every_sequence import EverySequence
from numpy.testing import assert_allclose, assert_array_equal

from spacy_rnn.tags.decoding import (
    best_paths,
    n_best_paths,
    span_confidences,
    token_marginals,
)
from spacy_rnn.tags.schemes import legal, make_tags, tags_to_spans
from spacy_rnn.types import CRFScores

SCHEMES = ["BIO", "BILUO"]
LENGTHS = (3, 0, 4, 1, 2)


def make_scores(rng, lengths, n_tags, scale=2.0):
    def draw(*shape):
        return (rng.normal(size=shape) * scale).astype("f")

    emissions = [draw(length, n_tags) for length in lengths]
    return CRFScores(emissions, draw(n_tags, n_tags), draw(n_tags), draw(n_tags))


def make_sets(rng, lengths, n_tags):
    """Draw sets of allowed tags that always have the first one."""
    sets = [rng.random((length, n_tags)) < 0.7 for length in lengths]
    for each in sets:
        each[:, 0] = True
    return sets


def make_task(scheme, *, seed=0, scale=2.0, partial=True, labels=("X",)):
    rng = np.random.default_rng(seed)
    tags = make_tags(labels, scheme)
    scores = make_scores(rng, LENGTHS, len(tags), scale)
    allowed = make_sets(rng, LENGTHS, len(tags)) if partial else None
    return tags, scores, legal(tags, scheme), allowed


def enumerate_docs(scores, constraints, allowed):
    shared = [
        np.where(legal, score.astype("f8"), -np.inf)
        for legal, score in (
            (constraints.transitions, scores.transitions),
            (constraints.start, scores.start),
            (constraints.end, scores.end),
        )
    ]
    for doc, rows in enumerate(scores.emissions):
        sets = np.ones(rows.shape, dtype=bool) if allowed is None else allowed[doc]
        yield EverySequence(np.where(sets, rows.astype("f8"), -np.inf), *shared)


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_paths_and_marginals_are_those_of_every_sequence(scheme, partial):
    _, scores, constraints, allowed = make_task(scheme, partial=partial)
    paths = best_paths(scores, constraints, allowed)
    ranked = n_best_paths(scores, constraints, 6, allowed)
    marginals = token_marginals(scores, constraints, allowed)
    for doc, each in enumerate(enumerate_docs(scores, constraints, allowed)):
        assert_array_equal(paths[doc], each.tags[0])
        assert len(ranked[doc]) == min(6, len(each.scores))
        for rank, (log_probability, path) in enumerate(ranked[doc]):
            expected = each.scores[rank] - each.log_partition
            assert log_probability == pytest.approx(expected, abs=1e-5)
            assert_array_equal(path, each.tags[rank])
        assert_allclose(marginals[doc], each.marginals(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("scale", [1.0, 8.0, 400.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_confidence_is_the_probability_of_the_span(scheme, scale, partial):
    tags, scores, constraints, allowed = make_task(scheme, scale=scale, partial=partial)
    spans = [
        [(i, j, "X") for i in range(length) for j in range(i + 1, length + 1)]
        for length in LENGTHS
    ]
    found = span_confidences(scores, constraints, spans, tags, scheme, allowed)
    for doc, each in enumerate(enumerate_docs(scores, constraints, allowed)):
        read = [tags_to_spans([tags[i] for i in path], scheme) for path in each.tags]
        expected = [
            each.probabilities[[span in found_spans for found_spans in read]].sum()
            for span in spans[doc]
        ]
        assert_allclose(found[doc], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_illegal_sequence_comes_out_of_random_scores(scheme):
    rng = np.random.default_rng(0)
    tags = make_tags(["X", "Y"], scheme)
    constraints = legal(tags, scheme)
    lengths = np.tile([1, 2, 3, 5, 9], 20_000)
    drawn = make_scores(rng, [lengths.sum()], len(tags))
    drawn.emissions = np.split(drawn.emissions[0], lengths.cumsum()[:-1])
    for scores in (drawn, drawn.emissions):
        paths = np.concatenate(best_paths(scores, constraints))
        ends = lengths.cumsum() - 1
        inside = np.ones(len(paths), dtype=bool)
        inside[ends] = False
        (before,) = inside.nonzero()
        assert constraints.transitions[paths[before], paths[before + 1]].all()
        assert constraints.start[paths[ends - lengths + 1]].all()
        assert constraints.end[paths[ends]].all()
        assert len(set(paths)) == len(tags)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scores_of_tokens_are_scores_without_transitions(scheme):
    tags, scores, constraints, allowed = make_task(scheme)
    n = len(tags)
    zeros = np.zeros((n, n), dtype="f")
    full = CRFScores(scores.emissions, zeros, zeros[0], zeros[0])
    plain = scores.emissions
    for found, expected in zip(
        best_paths(plain, constraints, allowed),
        best_paths(full, constraints, allowed),
        strict=True,
    ):
        assert_array_equal(found, expected)
    spans = [[(0, 1, "X")] if length else [] for length in LENGTHS]
    assert span_confidences(plain, constraints, spans, tags, scheme) == (
        span_confidences(full, constraints, spans, tags, scheme)
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_decoding_does_not_depend_on_the_batch(scheme):
    rng = np.random.default_rng(0)
    tags = make_tags(["X", "Y"], scheme)
    constraints = legal(tags, scheme)
    scores = make_scores(rng, [5, 0, 70, 1, 20], len(tags))
    paths = best_paths(scores, constraints)
    spans = [tags_to_spans([tags[i] for i in path], scheme) for path in paths]
    assert sum(map(len, spans)) > 5
    confidences = span_confidences(scores, constraints, spans, tags, scheme)
    marginals = token_marginals(scores, constraints)
    for doc, rows in enumerate(scores.emissions):
        alone = CRFScores([rows], scores.transitions, scores.start, scores.end)
        assert_array_equal(best_paths(alone, constraints)[0], paths[doc])
        found = span_confidences(alone, constraints, [spans[doc]], tags, scheme)[0]
        assert_allclose(found, confidences[doc], rtol=0, atol=1e-9)
        assert_allclose(
            token_marginals(alone, constraints)[0], marginals[doc], rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)])
def test_a_batch_without_tokens_is_decoded(lengths):
    tags = make_tags(["X"], "BIO")
    constraints = legal(tags, "BIO")
    scores = make_scores(np.random.default_rng(0), lengths, len(tags))
    empty = [[] for _ in lengths]
    for given in (scores, scores.emissions):
        assert [path.tolist() for path in best_paths(given, constraints)] == empty
        assert span_confidences(given, constraints, empty, tags, "BIO") == empty
        shapes = [rows.shape for rows in token_marginals(given, constraints)]
        assert shapes == [(0, 3)] * len(lengths)
        for ranked in n_best_paths(given, constraints, 3):
            ((log_probability, path),) = ranked
            assert (log_probability, path.tolist()) == (0.0, [])


def test_a_document_that_may_have_no_sequence_is_named():
    tags, scores, constraints, _ = make_task("BIO")
    allowed = [np.ones(rows.shape, dtype=bool) for rows in scores.emissions]
    allowed[2][1:, :] = [False, False, True]  # only I-X, after what isn't X
    allowed[2][0, :] = [True, False, False]
    decode = [
        lambda: best_paths(scores, constraints, allowed),
        lambda: n_best_paths(scores, constraints, 2, allowed),
        lambda: token_marginals(scores, constraints, allowed),
        lambda: span_confidences(scores, constraints, [[]] * 5, tags, "BIO", allowed),
    ]
    for each in decode:
        with pytest.raises(ValueError, match="No legal sequence .* for document 2"):
            each()


@pytest.mark.parametrize(
    ("span", "message"),
    [((0, 5, "X"), "within the document's 3 tokens"), ((0, 1, "Z"), "'Z' isn't")],
)
def test_a_span_that_can_not_be_there_is_refused(span, message):
    tags, scores, constraints, _ = make_task("BIO")
    spans = [[span], [], [], [], []]
    with pytest.raises(ValueError, match=message):
        span_confidences(scores, constraints, spans, tags, "BIO")


def test_arrays_of_other_shapes_are_refused():
    _, scores, constraints, allowed = make_task("BIO")
    with pytest.raises(ValueError, match=r"3 tags, but document 1 .* \(2, 5\)"):
        best_paths([np.zeros((1, 3), "f"), np.zeros((2, 5), "f")], constraints)
    with pytest.raises(ValueError, match="each of 5 documents, but has 4"):
        best_paths(scores, constraints, allowed[:-1])
    allowed[2] = allowed[2][:, :2]
    with pytest.raises(ValueError, match=r"document 2 has to .* \(4, 3\).* \(4, 2\)"):
        best_paths(scores, constraints, allowed)


def test_less_than_one_path_is_refused():
    _, scores, constraints, _ = make_task("BIO")
    with pytest.raises(ValueError, match="n has to be 1 or more, but it is 0"):
        n_best_paths(scores, constraints, 0)
