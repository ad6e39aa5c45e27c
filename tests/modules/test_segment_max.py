import pytest
import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.segment_max import SegmentMax

WIDTH = 3


def max_slowly(X, lengths):
    """Take the maximum of one segment after the other."""
    return torch.stack(
        [
            part.amax(dim=0) if len(part) else X.new_zeros(WIDTH)
            for part in X.split(lengths)
        ]
    )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_maxima_and_gradients_equal_a_loop_with_ties_sharing_evenly(sign):
    for seed in range(30):
        torch.manual_seed(seed)
        lengths = torch.randint(0, 6, (5,))
        lengths[2] += 1
        X = torch.randint(0, 3, (int(lengths.sum()), WIDTH)).float().requires_grad_()
        found = SegmentMax.apply(X, lengths)
        expected = max_slowly(X, lengths.tolist())
        assert torch.equal(found, expected)
        dY = sign * torch.rand(5, WIDTH)
        (dX,) = torch.autograd.grad(found, X, dY)
        (slow_dX,) = torch.autograd.grad(expected, X, dY)
        assert torch.allclose(dX, slow_dX)


def test_gradient_is_that_of_finite_differences():
    X = torch.randn(9, WIDTH, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([4, 0, 1, 4])
    assert gradcheck(lambda X: SegmentMax.apply(X, lengths), X)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0]])
def test_segments_without_rows_are_zero(lengths):
    X = torch.zeros(0, WIDTH, requires_grad=True)
    Y = SegmentMax.apply(X, torch.tensor(lengths, dtype=torch.long))
    assert torch.equal(Y, torch.zeros(len(lengths), WIDTH))
    Y.sum().backward()
    assert X.grad.shape == (0, WIDTH)
