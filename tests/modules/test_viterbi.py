from dataclasses import replace

import numpy as np
import pytest
import torch
from every_sequence import EverySequence
from numpy.testing import assert_allclose, assert_array_equal

from spacy_rnn.modules import recursion, transitions
from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.modules.viterbi import Best, best_paths
from spacy_rnn.tags.tag_set import make_tag_set

LENGTHS = (3, 0, 6, 1, 2)
CASES = [
    pytest.param(seed, n_tags, id=f"{seed}-{n_tags}")
    for seed in range(6)
    for n_tags in (1, 2, 5)
]


def make_lattice(seed=0, lengths=LENGTHS, n_tags=3, scale=3.0):
    random = torch.Generator().manual_seed(seed)

    def draw(*shape):
        scores = torch.randn(*shape, generator=random, dtype=torch.float64) * scale
        return scores.masked_fill(torch.rand(*shape, generator=random) < 0.2, -np.inf)

    emissions = draw(sum(lengths), n_tags)
    transitions, start, end = draw(n_tags, n_tags), draw(n_tags), draw(n_tags)
    return Lattice(
        emissions, torch.tensor(lengths, dtype=torch.long), transitions, start, end
    )


def enumerate_docs(lattice):
    shared = [
        each.numpy() for each in (lattice.transitions, lattice.start, lattice.end)
    ]
    rows = lattice.emissions.split(lattice.lengths.tolist())
    return [EverySequence(each.numpy(), *shared) for each in rows]


@pytest.mark.parametrize(("seed", "n_tags"), CASES)
def test_the_best_path_is_the_best_of_every_sequence(seed, n_tags):
    lattice = make_lattice(seed, n_tags=n_tags)
    scores, paths = best_paths(lattice)
    rows = paths.split(lattice.lengths.tolist())
    for doc, everything in enumerate(enumerate_docs(lattice)):
        if not len(everything.scores):
            assert scores[doc] == -np.inf
            continue
        assert scores[doc].item() == pytest.approx(everything.scores[0])
        assert_array_equal(rows[doc], everything.tags[0])


def test_a_path_does_not_depend_on_the_batch():
    lattice = make_lattice(lengths=(3, 0, 60, 1, 7, 60), n_tags=4)
    scores, paths = best_paths(lattice)
    rows = paths.split(lattice.lengths.tolist())
    for doc in range(6):
        score, path = best_paths(lattice.select(torch.tensor([doc])))
        assert score[0] == scores[doc]
        assert_array_equal(path, rows[doc])


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)])
def test_a_batch_without_tokens_has_empty_paths(lengths):
    lattice = make_lattice(lengths=lengths)
    scores, paths = best_paths(lattice)
    assert scores.tolist() == [0.0] * len(lengths)
    assert paths.shape == (0,)


def test_a_very_long_document_has_its_best_path():
    random = torch.Generator().manual_seed(0)
    emissions = torch.randn(20_000, 5, generator=random, dtype=torch.float64)
    zeros = torch.zeros(5, dtype=torch.float64)
    lattice = Lattice(
        emissions, torch.tensor([20_000]), zeros.expand(5, 5), zeros, zeros
    )
    assert_array_equal(best_paths(lattice)[1], emissions.argmax(1))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_tags", [1, 2, 5])
def test_pieces_of_documents_have_the_paths_of_whole_ones(seed, n_tags, monkeypatch):
    lattice = make_lattice(seed, lengths=(3, 0, 60, 1, 7, 4), n_tags=n_tags)
    expected_scores, expected = best_paths(lattice)
    monkeypatch.setattr(recursion, "PIECE", 2)
    monkeypatch.setattr(recursion, "LONG", 3)
    scores, path = best_paths(lattice)
    assert_allclose(scores, expected_scores, rtol=1e-12)
    possible = (scores > -np.inf).repeat_interleave(lattice.lengths)
    assert_array_equal(path[possible], expected[possible])


def test_what_is_decided_at_one_end_is_known_at_the_other(monkeypatch):
    # Tags go with themselves only.
    monkeypatch.setattr(recursion, "PIECE", 2)
    monkeypatch.setattr(recursion, "LONG", 3)
    zeros = torch.zeros(41, 2, dtype=torch.float64)
    stay = torch.tensor([[0.0, -np.inf], [-np.inf, 0.0]], dtype=torch.float64)
    start, end = torch.tensor([[0.0, 1.0], [2.0, 0.0]], dtype=torch.float64)
    for one, other, tag in ((start, end, 0), (end, start, 0), (start, start, 1)):
        _, path = best_paths(Lattice(zeros, torch.tensor([41]), stay, one, other))
        assert path.tolist() == [tag] * 41


def test_a_long_document_takes_few_steps(monkeypatch):
    lattice = make_lattice(lengths=(20_000,), n_tags=5)
    emissions = lattice.emissions.nan_to_num(neginf=0.0)
    lattice = replace(lattice, emissions=emissions)
    steps = []
    follow = Best.follow
    monkeypatch.setattr(Best, "follow", lambda *args: steps.append(1) or follow(*args))
    best_paths(lattice)
    assert len(steps) < 1000


@pytest.mark.parametrize("scheme", ["BIO", "BILUO"])
@pytest.mark.parametrize("spread", [0.0, 1.0, 20.0])
def test_many_tags_in_parts_have_the_paths_of_all_at_once(scheme, spread, monkeypatch):
    tag_set = make_tag_set(tuple("abcdefghijklmnopqrstuv"), scheme)
    lattice = make_lattice(lengths=(3, 0, 40, 1), n_tags=len(tag_set.start))
    illegal = torch.from_numpy(~tag_set.transitions)
    scores = (lattice.transitions.nan_to_num(neginf=0.0) * spread).masked_fill(
        illegal, -np.inf
    )
    lattice = replace(lattice, transitions=scores)
    assert lattice.forward.diagonals
    found = [best_paths(lattice)]
    # As on a GPU.
    of_all = transitions.Transitions.best_of_all
    monkeypatch.setattr(transitions.Transitions, "best_dense", of_all)
    found.append(best_paths(lattice))
    monkeypatch.setattr(transitions, "SMALL", 200)
    lattice = replace(lattice)  # which knows nothing of its transitions yet
    assert not lattice.forward.diagonals
    for *parts, expected in zip(*found, best_paths(lattice), strict=True):
        for each in parts:
            assert_array_equal(each, expected)


def test_with_many_tags_few_ways_are_looked_at(monkeypatch):
    # Where transitions are alike, only the best tags can be on the best way.
    tag_set = make_tag_set(tuple(map(str, range(100))), "BILUO")
    n_tags = len(tag_set.start)
    lattice = make_lattice(lengths=(30,) * 10, n_tags=n_tags)
    alike = torch.zeros(n_tags, n_tags, dtype=torch.float64)
    alike.masked_fill_(torch.from_numpy(~tag_set.transitions), -np.inf)
    n_further, topk = [], torch.Tensor.topk

    def count(scores, k, **kwargs):
        n_further.append(len(scores) * k)
        return topk(scores, k, **kwargs)

    monkeypatch.setattr(torch.Tensor, "topk", count)
    best_paths(replace(lattice, transitions=alike))
    assert sum(n_further) < 300
