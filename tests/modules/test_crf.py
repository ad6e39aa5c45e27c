from dataclasses import replace

import numpy as np
import pytest
import torch
from every_sequence import EverySequence
from numpy.testing import assert_allclose

from spacy_rnn.modules import crf, recursion, transitions
from spacy_rnn.modules.crf import log_partition, posterior
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.tags.tag_set import make_tag_set

INF = torch.inf
# Scores of these sizes, in nats, are summed up after exponentiation and in logarithms.
SCALES = [1.0, 20.0, 3000.0]


def make_lattice(seed=0, lengths=(3, 0, 6, 1, 2), n_tags=3, scale=1.0, holes=0.2):
    """Draw scores, some of them impossible, so that every document has a sequence."""
    random = torch.Generator().manual_seed(seed)

    def draw(*shape):
        scores = torch.randn(*shape, generator=random, dtype=torch.float64) * scale
        impossible = torch.rand(*shape, generator=random) < holes
        return scores.masked_fill(impossible, -INF)

    emissions, transitions = draw(sum(lengths), n_tags), draw(n_tags, n_tags)
    start, end = draw(n_tags), draw(n_tags)
    # One tag is always possible.
    emissions[:, 0], transitions[0, 0], start[0], end[0] = 0.5, -0.2, 0.1, 0.3
    return Lattice(
        emissions, torch.tensor(lengths, dtype=torch.long), transitions, start, end
    )


def leaves_of(lattice):
    return lattice.emissions, lattice.transitions, lattice.start, lattice.end


def enumerate_docs(lattice):
    shared = [scores.numpy() for scores in leaves_of(lattice)[1:]]
    rows = lattice.emissions.split(lattice.lengths.tolist())
    return [EverySequence(each.numpy(), *shared) for each in rows]


def gradient_of(lattice, weights):
    leaves = [leaf.clone().requires_grad_() for leaf in leaves_of(lattice)]
    log_Z = log_partition(Lattice(leaves[0], lattice.lengths, *leaves[1:]))
    possible = log_Z > -INF
    return torch.autograd.grad((log_Z[possible] * weights[possible]).sum(), leaves)


CASES = [
    pytest.param(seed, n_tags, scale, id=f"{seed}-{n_tags}-{scale}")
    for seed in range(4)
    for n_tags in (1, 2, 5)
    for scale in SCALES
]


@pytest.mark.parametrize(("seed", "n_tags", "scale"), CASES)
def test_the_log_partition_is_the_sum_over_every_sequence(seed, n_tags, scale):
    lattice = make_lattice(seed, n_tags=n_tags, scale=scale)
    expected = [each.log_partition for each in enumerate_docs(lattice)]
    assert_allclose(log_partition(lattice), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("seed", "n_tags", "scale"), CASES)
def test_the_gradient_is_how_often_scores_are_expected_to_be_used(seed, n_tags, scale):
    lattice = make_lattice(seed, n_tags=n_tags, scale=scale)
    weights = torch.tensor([1.0, 2.0, -1.5, 0.0, 0.5], dtype=torch.float64)
    everything = enumerate_docs(lattice)
    marginals = [
        weight * each.marginals()
        for weight, each in zip(weights.tolist(), everything, strict=True)
    ]
    expected = [
        np.concatenate(marginals),
        sum(
            weight * each.transitions()
            for weight, each in zip(weights.tolist(), everything, strict=True)
        ),
        sum(rows[0] for rows in marginals if len(rows)),
        sum(rows[-1] for rows in marginals if len(rows)),
    ]
    for found, reference in zip(gradient_of(lattice, weights), expected, strict=True):
        assert_allclose(found, reference, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("seed", "n_tags", "scale"), CASES)
def test_the_marginals_are_those_of_every_sequence(seed, n_tags, scale):
    lattice = make_lattice(seed, n_tags=n_tags, scale=scale)
    found = posterior(lattice)
    everything = enumerate_docs(lattice)
    expected = np.concatenate([each.marginals() for each in everything])
    assert_allclose(found.marginals(), expected, rtol=0, atol=1e-9)
    expected = [each.log_partition for each in everything]
    assert_allclose(found.log_partition(lattice.steps), expected, rtol=1e-9, atol=1e-9)


def test_both_ways_of_summing_are_tested():
    assert not posterior(make_lattice(scale=1.0)).in_logs
    assert posterior(make_lattice(scale=3000.0)).in_logs


def use_logs(monkeypatch):
    monkeypatch.setattr(crf, "WIDEST_STEP", -1.0)


@pytest.mark.parametrize("lengths", [(300, 0, 77, 500), (2000, 0, 3, 700)])
def test_both_ways_of_summing_agree_on_long_documents(lengths, monkeypatch):
    lattice = make_lattice(lengths=lengths, n_tags=5, scale=3.0)
    weights = torch.tensor([1.0, 2.0, -1.0, 0.5], dtype=torch.float64)
    assert not posterior(lattice).in_logs
    log_Z, gradients = log_partition(lattice), gradient_of(lattice, weights)
    use_logs(monkeypatch)
    assert posterior(lattice).in_logs
    assert_allclose(log_partition(lattice), log_Z, rtol=1e-12)
    for found, expected in zip(gradient_of(lattice, weights), gradients, strict=True):
        assert_allclose(found, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("worse", [150.0, 400.0, 900.0])
def test_a_product_too_small_for_a_number_is_not_lost(worse):
    # Only the second tag leads to the end. Its two scores are numbers, but not always
    # their product.
    scores = torch.tensor([0.0, -worse], dtype=torch.float64)
    end = torch.tensor([-INF, 0.0], dtype=torch.float64)
    transitions = torch.zeros(2, 2, dtype=torch.float64)
    lattice = Lattice(scores[None], torch.tensor([1]), transitions, scores, end)
    assert_allclose(log_partition(lattice), [-2 * worse])


@pytest.mark.parametrize("scale", SCALES)
def test_no_number_is_left_open_outside_of_a_range(scale, monkeypatch):
    monkeypatch.setattr(crf, "FEW_TAGS", 0)
    lattice = make_lattice(lengths=(5, 7), scale=scale)
    within = torch.tensor([[2, 9], [3, 10]])
    torch.use_deterministic_algorithms(True)  # memory that is new is not a number
    try:
        found = posterior(lattice, within)
    finally:
        torch.use_deterministic_algorithms(False)
    assert not found.passed.isnan().any()
    assert not found.scales.isnan().any()


@pytest.mark.parametrize("scale", SCALES)
def test_a_document_does_not_depend_on_the_batch(scale):
    lattice = make_lattice(lengths=(3, 0, 60, 1, 7), n_tags=4, scale=scale)
    together = posterior(lattice)
    log_Z = together.log_partition(lattice.steps)
    rows = together.marginals().split(lattice.lengths.tolist())
    for doc in range(5):
        part = lattice.select(torch.tensor([doc]))
        alone = posterior(part)
        assert_allclose(alone.marginals(), rows[doc], rtol=0, atol=1e-12)
        assert_allclose(
            alone.log_partition(part.steps), log_Z[doc : doc + 1], rtol=1e-12
        )


@pytest.mark.parametrize("scale", SCALES)
def test_a_document_without_a_sequence_leaves_the_others_alone(scale):
    lattice = make_lattice(lengths=(2, 4, 3), scale=scale)
    allowed = torch.ones(9, 3, dtype=torch.bool)
    allowed[3] = False
    restricted = lattice.restrict(allowed)
    log_Z = log_partition(restricted)
    assert log_Z.isneginf().tolist() == [False, True, False]
    weights = torch.ones(3, dtype=torch.float64)
    found = gradient_of(restricted, weights)
    expected = gradient_of(lattice.select(torch.tensor([0, 2])), weights[:2])
    assert not found[0][2:6].any()
    assert_allclose(found[0][[0, 1, 6, 7, 8]], expected[0], rtol=0, atol=1e-12)
    for gradient, reference in zip(found[1:], expected[1:], strict=True):
        assert_allclose(gradient, reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("worse", [50.0, 300.0, 1e5])
def test_a_way_far_below_the_best_is_exact_where_it_is_the_only_one(worse):
    # The second tag is very improbable, but the first one leads nowhere.
    lattice = make_lattice(lengths=(40,), n_tags=2, holes=0.0)
    lattice.emissions[:, 1] -= worse
    transitions = lattice.transitions.clone()
    transitions[0, 1] = -INF
    end = torch.tensor([-INF, 0.0], dtype=torch.float64)
    lattice = replace(lattice, transitions=transitions, end=end)
    score = lattice.start[1] + lattice.emissions[:, 1].sum() + transitions[1, 1] * 39
    possible = lattice.restrict(torch.tensor([[True, True]] * 39 + [[False, True]]))
    only = torch.zeros(40, 2, dtype=torch.float64)
    only[:, 1] = 1.0
    assert_allclose(log_partition(possible), [score], rtol=1e-12)
    assert_allclose(posterior(possible).marginals(), only, rtol=0, atol=1e-12)


def test_sums_too_small_for_a_number_are_not_lost():
    # Tags go with themselves only. The scores of no step are far apart, but their sums:
    # the second tag, the only one that gets from start to end, is 750 nats below the
    # first one and, seen from the end, 750 below the third one.
    emissions = torch.tensor(
        [[0.0, -150.0, -INF]] * 5 + [[-INF, -150.0, 0.0]] * 5, dtype=torch.float64
    )
    transitions = torch.full((3, 3), -INF, dtype=torch.float64).fill_diagonal_(0.0)
    zeros = torch.zeros(3, dtype=torch.float64)
    for n in (1, 3, 5):  # tokens on both sides
        rows = emissions[5 - n : 5 + n]
        lattice = Lattice(rows, torch.tensor([2 * n]), transitions, zeros, zeros)
        assert_allclose(log_partition(lattice), [-300.0 * n])
        only = np.tile([0.0, 1.0, 0.0], (2 * n, 1))
        assert_allclose(posterior(lattice).marginals(), only)
        gradient = gradient_of(lattice, torch.ones(1, dtype=torch.float64))
        assert_allclose(gradient[0], only)


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)])
def test_a_batch_without_tokens_has_a_partition_of_one(lengths):
    lattice = make_lattice(lengths=lengths)
    assert log_partition(lattice).tolist() == [0.0] * len(lengths)
    found = posterior(lattice)
    assert found.log_partition(lattice.steps).tolist() == [0.0] * len(lengths)
    assert found.marginals().shape == (0, 3)


def test_a_very_long_document_stays_exact():
    lattice = make_lattice(lengths=(20_000, 3), n_tags=3, holes=0.0)
    zeros = torch.zeros(3, dtype=torch.float64)
    lattice = replace(lattice, transitions=zeros.expand(3, 3), start=zeros, end=zeros)
    # Without transitions, tokens are independent.
    expected = lattice.emissions.logsumexp(1).split([20_000, 3])
    assert_allclose(
        log_partition(lattice), [each.sum() for each in expected], rtol=1e-12
    )
    assert_allclose(
        posterior(lattice).marginals(), lattice.emissions.softmax(1), rtol=0, atol=1e-9
    )


@pytest.fixture
def short_pieces(monkeypatch):
    """Cut all documents of more than three tokens, so that pieces have two."""
    monkeypatch.setattr(recursion, "PIECE", 2)
    monkeypatch.setattr(recursion, "LONG", 3)


@pytest.mark.parametrize("in_logs", [False, True])
@pytest.mark.parametrize("holes", [0.0, 0.2])
@pytest.mark.parametrize("n_tags", [1, 2, 5])
def test_pieces_of_documents_give_what_whole_ones_give(
    n_tags, holes, in_logs, monkeypatch, request
):
    lengths = (3, 0, 60, 1, 7, 4)
    lattice = make_lattice(lengths=lengths, n_tags=n_tags, scale=2.0, holes=holes)
    if in_logs:
        use_logs(monkeypatch)
    weights = torch.tensor([1.0, 2.0, -1.5, 0.0, 0.5, 1.0], dtype=torch.float64)
    expected = [log_partition(lattice), posterior(lattice).marginals()]
    expected += gradient_of(lattice, weights)
    request.getfixturevalue("short_pieces")
    found = [log_partition(lattice), posterior(lattice).marginals()]
    found += gradient_of(lattice, weights)
    for each, reference in zip(found, expected, strict=True):
        assert_allclose(each, reference, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("in_logs", [False, True])
def test_what_is_decided_at_one_end_reaches_the_other(
    short_pieces, in_logs, monkeypatch
):
    # Tags go with themselves only, so nothing is ever forgotten.
    if in_logs:
        use_logs(monkeypatch)
    emissions = torch.zeros(41, 3, dtype=torch.float64)
    transitions = torch.full((3, 3), -INF, dtype=torch.float64).fill_diagonal_(0.0)
    start = torch.tensor([1.0, 2.0, -INF], dtype=torch.float64)
    end = torch.tensor([0.5, 0.0, 3.0], dtype=torch.float64)
    lattice = Lattice(emissions, torch.tensor([41]), transitions, start, end)
    p = torch.softmax(torch.tensor([1.5, 2.0, -INF]), 0)
    assert_allclose(posterior(lattice).marginals(), p.expand(41, 3), atol=1e-6)


def test_a_long_document_takes_few_steps(monkeypatch):
    lattice = make_lattice(lengths=(20_000,), n_tags=5, scale=3.0, holes=0.0)
    steps = []
    follow = crf.Sums.follow
    monkeypatch.setattr(
        crf.Sums, "follow", lambda *args: steps.append(1) or follow(*args)
    )
    posterior(lattice)
    assert len(steps) < 1000


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0, 40.0, 3000.0])
def test_many_tags_in_parts_give_what_all_at_once_give(scale, seed, monkeypatch):
    tag_set = make_tag_set(tuple("abcdefghijkl"), "BILUO")
    n_tags = len(tag_set.start)
    lengths = (3, 40, 1)
    lattice = make_lattice(seed, lengths, n_tags, scale, holes=0.0)
    lattice = replace(
        lattice,
        transitions=lattice.transitions.masked_fill(
            torch.from_numpy(~tag_set.transitions), -INF
        ),
    )
    assert len(lattice.forward.diagonals) == 4
    weights = torch.tensor([1.0, 2.0, -1.5], dtype=torch.float64)
    monkeypatch.setattr(crf, "FEW_TAGS", 0)
    found = [log_partition(lattice), posterior(lattice).marginals()]
    found += gradient_of(lattice, weights)
    monkeypatch.setattr(crf, "FEW_TAGS", n_tags)
    monkeypatch.setattr(transitions, "SMALL", n_tags)
    lattice = replace(lattice)  # which knows nothing of its transitions yet
    assert not lattice.forward.diagonals
    expected = [log_partition(lattice), posterior(lattice).marginals()]
    expected += gradient_of(lattice, weights)
    for each, reference in zip(found, expected, strict=True):
        assert_allclose(each, reference, rtol=1e-9, atol=1e-9)
