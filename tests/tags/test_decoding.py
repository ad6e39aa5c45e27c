"""Entities and their probabilities, beside those of every sequence."""

import numpy as np
import pytest
from every_sequence import EverySequence
from numpy.testing import assert_allclose, assert_array_equal
from tag_names import make_tags, tags_to_spans

from spacy_rnn.modules import crf
from spacy_rnn.modules import lattice as lattices
from spacy_rnn.modules.crf import posterior
from spacy_rnn.tags import decoding
from spacy_rnn.tags.decoding import best_paths, span_confidences
from spacy_rnn.tags.scores import to_lattice
from spacy_rnn.tags.tag_set import find_spans, make_tag_set
from spacy_rnn.types import CRFScores

SCHEMES = ["BIO", "BILUO"]
LENGTHS = (3, 0, 4, 1, 2)
FIRST = np.cumsum((0, *LENGTHS))[:-1]


def make_scores(rng, lengths, n_tags, scale=2.0):
    def draw(*shape):
        return (rng.normal(size=shape) * scale).astype("f")

    emissions = [draw(length, n_tags) for length in lengths]
    return CRFScores(emissions, draw(n_tags, n_tags), draw(n_tags), draw(n_tags))


def make_task(scheme, *, scale=2.0, partial=True, labels=("X",)):
    """Draw scores and sets of allowed tags, which always have the first one."""
    rng = np.random.default_rng(0)
    tag_set = make_tag_set(labels, scheme)
    n_tags = len(tag_set.start)
    scores = make_scores(rng, LENGTHS, n_tags, scale)
    allowed = rng.random((sum(LENGTHS), n_tags)) < (0.7 if partial else 1.0)
    allowed[:, 0] = True
    return tag_set, scores, allowed


def enumerate_docs(scores, tag_set, allowed):
    shared = [
        np.where(getattr(tag_set, name), getattr(scores, name).astype("f8"), -np.inf)
        for name in ("transitions", "start", "end")
    ]
    sets = np.split(allowed, np.cumsum(LENGTHS)[:-1])
    return [
        EverySequence(np.where(each, rows.astype("f8"), -np.inf), *shared)
        for rows, each in zip(scores.emissions, sets, strict=True)
    ]


def split(values):
    return np.split(values, np.cumsum(LENGTHS)[:-1])


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_paths_are_the_best_of_every_sequence(scheme, partial):
    tag_set, scores, allowed = make_task(scheme, partial=partial)
    path = best_paths(to_lattice(scores, tag_set, allowed))
    everything = enumerate_docs(scores, tag_set, allowed)
    for found, each in zip(split(path), everything, strict=True):
        assert_array_equal(found, each.tags[0])


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("scale", [1.0, 8.0, 400.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_confidence_is_the_probability_of_the_span(scheme, scale, partial):
    tag_set, scores, allowed = make_task(scheme, scale=scale, partial=partial)
    spans = [
        (doc, i, j)
        for doc, length in enumerate(LENGTHS)
        for i in range(length)
        for j in range(i + 1, length + 1)
    ]
    lattice = to_lattice(scores, tag_set, allowed)
    rows = [(FIRST[doc] + i, FIRST[doc] + j, 0) for doc, i, j in spans]
    found = span_confidences(lattice, tag_set, np.array(rows))
    everything, tags = enumerate_docs(scores, tag_set, allowed), make_tags("X", scheme)
    read = [
        [tags_to_spans([tags[i] for i in path], scheme) for path in each.tags]
        for each in everything
    ]
    expected = [
        everything[doc].probabilities[[(i, j, "X") in each for each in read[doc]]].sum()
        for doc, i, j in spans
    ]
    assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_illegal_sequence_comes_out_of_random_scores(scheme):
    rng = np.random.default_rng(0)
    tag_set = make_tag_set(("X", "Y"), scheme)
    n_tags = len(tag_set.start)
    lengths = np.tile([1, 2, 3, 5, 9], 20_000)
    drawn = make_scores(rng, [lengths.sum()], n_tags)
    drawn.emissions = np.split(drawn.emissions[0], lengths.cumsum()[:-1])
    for scores in (drawn, drawn.emissions):
        path = best_paths(to_lattice(scores, tag_set))
        ends = lengths.cumsum() - 1
        inside = np.ones(len(path), dtype=bool)
        inside[ends] = False
        (before,) = inside.nonzero()
        assert tag_set.transitions[path[before], path[before + 1]].all()
        assert tag_set.start[path[ends - lengths + 1]].all()
        assert tag_set.end[path[ends]].all()
        assert len(set(path)) == n_tags


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scores_of_tokens_are_scores_without_transitions(scheme):
    tag_set, scores, allowed = make_task(scheme)
    for shared in (scores.transitions, scores.start, scores.end):
        shared.fill(0.0)
    both = [to_lattice(x, tag_set, allowed) for x in (scores, scores.emissions)]
    assert_array_equal(*map(best_paths, both))
    spans = np.array([[0, 1, 0]])
    assert_array_equal(*[span_confidences(x, tag_set, spans) for x in both])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_decoding_does_not_depend_on_the_batch(scheme):
    rng = np.random.default_rng(0)
    tag_set, lengths = make_tag_set(("X", "Y"), scheme), (5, 0, 70, 1, 20)
    scores = make_scores(rng, lengths, len(tag_set.start))
    lattice = to_lattice(scores, tag_set)
    path = best_paths(lattice)
    spans = find_spans(tag_set, path)
    assert len(spans) > 5
    confidences = span_confidences(lattice, tag_set, spans)
    offset = 0
    for rows in scores.emissions:
        end = offset + len(rows)
        alone = to_lattice(
            CRFScores([rows], scores.transitions, scores.start, scores.end), tag_set
        )
        assert_array_equal(best_paths(alone), path[offset:end])
        here = (spans[:, 0] >= offset) & (spans[:, 0] < end)
        found = span_confidences(alone, tag_set, spans[here] - [offset, offset, 0])
        assert_allclose(found, confidences[here], rtol=0, atol=1e-9)
        offset = end


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)])
def test_a_batch_without_tokens_is_decoded(lengths):
    tag_set = make_tag_set(("X",), "BIO")
    scores = make_scores(np.random.default_rng(0), lengths, 3)
    for given in (scores, scores.emissions):
        lattice = to_lattice(given, tag_set)
        path = best_paths(lattice)
        assert path.shape == (0,)
        spans = find_spans(tag_set, path)
        assert span_confidences(lattice, tag_set, spans).shape == (0,)


def test_a_document_that_may_have_no_sequence_is_named():
    tag_set, scores, allowed = make_task("BIO", partial=False)
    allowed[3:7] = [[True, False, False], *[[False, False, True]] * 3]  # O, then I-X
    lattice = to_lattice(scores, tag_set, allowed)
    with pytest.raises(ValueError, match="Sequence 2 .* is impossible"):
        best_paths(lattice)
    spans = np.array([[0, 1, 0], [3, 4, 0]])  # in documents 0 and 2
    confidences = span_confidences(lattice, tag_set, spans)
    assert confidences[0] > 0.0
    assert confidences[1] == 0.0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_documents_without_spans_are_not_summed_up(scheme, monkeypatch):
    tag_set, scores, allowed = make_task(scheme)
    lattice = to_lattice(scores, tag_set, allowed)
    spans = np.array([[2, 3, 0], [8, 9, 0]])  # in documents 0 and 4
    n_tokens = []

    def count(lattice, within):
        n_tokens.append(len(lattice.emissions))
        return posterior(lattice, within)

    monkeypatch.setattr(decoding, "posterior", count)
    found = span_confidences(lattice, tag_set, spans)
    assert n_tokens == [LENGTHS[0] + LENGTHS[4]]
    everything = span_confidences(lattice, tag_set, every_token(spans))
    assert_allclose(found, everything[: len(spans)], rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 8.0, 60.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_with_many_labels_confidences_are_those_of_all_sums(scheme, scale, monkeypatch):
    monkeypatch.setattr(crf, "FEW_TAGS", 0)
    tag_set = make_tag_set(tuple(map(str, range(25))), scheme)
    rng, lengths = np.random.default_rng(0), (5, 0, 70, 1, 20, 600)
    scores = make_scores(rng, lengths, len(tag_set.start), scale)
    scores.transitions /= scale
    lattice = to_lattice(scores, tag_set)
    spans = find_spans(tag_set, best_paths(lattice))[3:-3:2]
    found = span_confidences(lattice, tag_set, spans)
    monkeypatch.setattr(lattices, "PART", 80 * len(tag_set.start))
    assert len(list(lattice.parts(itemsize=4))) == 3
    in_parts = span_confidences(lattice, tag_set, spans)
    monkeypatch.setattr(decoding, "posterior", lambda lattice, _: posterior(lattice))
    expected = span_confidences(lattice, tag_set, spans)
    assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert_allclose(in_parts, expected, rtol=0, atol=1e-5)


def every_token(spans):
    starts = np.arange(sum(LENGTHS))
    ones = np.stack([starts, starts + 1, np.zeros_like(starts)], axis=1)
    return np.concatenate([spans, ones])


def test_arrays_of_other_shapes_are_refused():
    tag_set, scores, allowed = make_task("BIO")
    with pytest.raises(ValueError, match=r"Sequence 1 .* \(2, 5\), but .* 3 at"):
        to_lattice([np.zeros((1, 3), "f"), np.zeros((2, 5), "f")], tag_set)
    with pytest.raises(ValueError, match=r"shape \(10, 3\), but it has \(9, 3\)"):
        to_lattice(scores, tag_set, allowed[1:])


@pytest.mark.parametrize("temperature", [0.4, 3.0])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_temperature_divides_all_scores(scheme, temperature):
    tag_set, scores, allowed = make_task(scheme, labels=("X", "Y"))
    lattice = to_lattice(scores, tag_set, allowed)
    spans = find_spans(tag_set, best_paths(lattice))
    assert len(spans)
    cold = CRFScores(
        [each / np.float32(temperature) for each in scores.emissions],
        *(
            getattr(scores, name) / np.float32(temperature)
            for name in ("transitions", "start", "end")
        ),
    )
    expected = span_confidences(to_lattice(cold, tag_set, allowed), tag_set, spans)
    found = span_confidences(lattice, tag_set, spans, temperature)
    assert_allclose(found, expected, rtol=1e-4)
    assert np.abs(found - span_confidences(lattice, tag_set, spans)).max() > 0.01


def assert_exact(emissions, tag_set, span, monkeypatch, start=None):
    """Check a confidence against what comes out in double precision."""
    zeros = np.zeros((len(tag_set.start),) * 2, dtype="f")
    start = zeros[0] if start is None else start
    lattice = to_lattice(CRFScores([emissions], zeros, start, zeros[0]), tag_set)
    monkeypatch.setattr(crf, "FEW_TAGS", 0)
    found = span_confidences(lattice, tag_set, np.array([span]))
    monkeypatch.setattr(decoding, "posterior", lambda lattice, _: posterior(lattice))
    expected = span_confidences(lattice, tag_set, np.array([span]))
    assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_scores_too_far_apart_for_single_precision_are_summed_in_double(
    scheme, monkeypatch
):
    tag_set = make_tag_set(tuple(map(str, range(25))), scheme)
    emissions = np.zeros((3, len(tag_set.start)), dtype="f")
    # The entity's own tag is the least probable one until its last token is read.
    tags = tag_set.of_label[0, [0, 1, 2]]
    emissions[0, tags[0]], emissions[1, tags[1]] = -60.0, -60.0
    emissions[2] = -120.0
    emissions[2, tags[2]] = 0.0
    assert_exact(emissions, tag_set, [0, 3, 0], monkeypatch)


def test_sums_too_small_for_single_precision_are_summed_in_double(monkeypatch):
    tag_set = make_tag_set(tuple(map(str, range(25))), "BILUO")
    emissions = np.zeros((3, len(tag_set.start)), dtype="f")
    # No step is too wide, but there is no way around two of them.
    emissions[:2, tag_set.of_label[0]] = -0.98 * crf.WIDEST_ROUGH_STEP
    assert_exact(emissions, tag_set, [0, 2, 0], monkeypatch)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_starts_too_improbable_for_single_precision_are_summed_in_double(
    scheme, monkeypatch
):
    tag_set = make_tag_set(tuple(map(str, range(25))), scheme)
    emissions = np.zeros((3, len(tag_set.start)), dtype="f")
    start = np.zeros(len(tag_set.start), dtype="f")
    start[tag_set.of_label[0]] = -120.0
    assert_exact(emissions, tag_set, [0, 2, 0], monkeypatch, start)
