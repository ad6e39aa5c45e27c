import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.maxout import Maxout


def test_the_greatest_piece_of_each_feature_is_kept():
    X = torch.randn(7, 3 * 5)
    expected = X.view(7, 3, 5).amax(dim=1)
    assert torch.equal(Maxout.apply(X, 3), expected)


def test_gradient_is_that_of_finite_differences():
    X = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    for pieces in (1, 2, 3):
        assert gradcheck(lambda X, pieces=pieces: Maxout.apply(X, pieces), X)


def test_of_equal_pieces_only_the_first_gets_the_gradient():
    X = torch.tensor([[1.0, 0.0, 1.0, 2.0, 1.0, 2.0]], requires_grad=True)
    Maxout.apply(X, 3).backward(torch.tensor([[5.0, 7.0]]))
    assert X.grad.tolist() == [[5.0, 0.0, 0.0, 7.0, 0.0, 0.0]]
