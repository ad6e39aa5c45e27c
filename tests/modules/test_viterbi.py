import numpy as np
import pytest
import torch
from every_sequence import EverySequence
from numpy.testing import assert_array_equal

from spacy_rnn.modules.lattice import Lattice
from spacy_rnn.modules.viterbi import best_paths

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
