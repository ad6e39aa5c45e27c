import numpy as np
import pytest

from spacy_rnn.training.ranks import Ranks
from spacy_rnn.training.shares import choose_share


def shares(lengths, size):
    return [choose_share(lengths, Ranks(rank, size)) for rank in range(size)]


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("lengths", [[], [3], [0], [5, 0, 2], [0, 0, 7, 7, 1, 9, 0]])
def test_every_document_is_in_one_share(lengths, size):
    places = sum(shares(lengths, size), [])
    assert sorted(places) == list(range(len(lengths)))


@pytest.mark.parametrize("size", [2, 4])
def test_empty_documents_are_beside_others_if_there_are_any(size):
    first, *others = shares([0, 4, 0, 2], size)
    assert first == [0, 2, 3]
    assert not any(place in (0, 2) for share in others for place in share)
    assert shares([0, 0], size)[0] == [0, 1]


def test_shares_have_like_numbers_of_documents_and_words():
    lengths = np.random.default_rng(0).integers(1, 60, 62).tolist()
    found = shares(lengths, 4)
    assert sorted(map(len, found)) == [15, 15, 16, 16]
    words = [sum(lengths[i] for i in share) for share in found]
    assert max(words) - min(words) <= 2 * max(lengths)


def test_one_rank_has_all():
    assert choose_share([3, 1, 2], Ranks()) == [1, 2, 0]
