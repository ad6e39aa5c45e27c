import pytest
import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.novelty import sequential_scores

SIZES = [3, 0, 1, 6, 0, 3]


def make_sentences(sizes, dtype=torch.float32):
    n = sum(sizes)
    return (
        torch.randn(n, dtype=dtype, requires_grad=True),
        torch.randn(n, 4, dtype=dtype, requires_grad=True),
        torch.randn(n, 4, dtype=dtype, requires_grad=True),
    )


def score_slowly(base, query, H):
    """Score the sentences of one document in their order."""
    summary, scores = torch.zeros(H.shape[1]), []
    for j in range(len(base)):
        scores.append(base[j] - query[j] @ torch.tanh(summary))
        summary = summary + torch.sigmoid(scores[-1]) * H[j]
    return torch.stack(scores) if scores else base


@pytest.mark.parametrize("sizes", [SIZES, [5], [1], [0, 0], [], [0, 1, 2]], ids=str)
def test_scores_equal_a_loop_over_the_sentences(sizes):
    sentences = make_sentences(sizes)
    docs = zip(*(X.split(sizes) for X in sentences), strict=True)
    expected = torch.cat([torch.zeros(0), *(score_slowly(*doc) for doc in docs)])
    found = sequential_scores(*sentences, torch.tensor(sizes, dtype=torch.long))
    assert torch.allclose(found, expected, atol=1e-6)


def test_the_same_sentence_is_worth_less_the_second_time():
    base, H = torch.ones(3), torch.ones(3, 2)
    scores = sequential_scores(base, H, H, torch.tensor([3]))
    assert scores[0] == 1.0
    assert scores[0] > scores[1] > scores[2]


def test_gradients_are_those_of_finite_differences():
    sentences = make_sentences(SIZES, torch.float64)
    sizes = torch.tensor(SIZES)
    assert gradcheck(lambda *each: sequential_scores(*each, sizes), sentences)
