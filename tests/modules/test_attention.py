import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.attention import AttentionPool

LENGTHS = torch.tensor([3, 0, 1, 6, 0])
DOC_OF = torch.repeat_interleave(LENGTHS)


def test_pooling_equals_a_loop_over_the_documents():
    pool = AttentionPool(4, 3)
    X = torch.randn(10, 4)
    pooled, weights = pool(X, LENGTHS, DOC_OF)
    start = 0
    for length, vector in zip(LENGTHS.tolist(), pooled, strict=True):
        doc = X[start : start + length]
        scores = torch.tanh(doc @ pool.key.weight.T + pool.key.bias)
        share = torch.softmax((scores @ pool.query.weight.T)[:, 0], dim=0)
        assert torch.allclose(weights[start : start + length], share, atol=1e-6)
        assert torch.allclose(vector, share @ doc, atol=1e-6)
        start += length


def test_gradients_are_those_of_finite_differences():
    pool = AttentionPool(4, 3).double()
    X = torch.randn(10, 4, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in pool.named_parameters()]
    values = [value.detach().requires_grad_() for value in pool.parameters()]

    def attend(X, *values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(pool, parameters, (X, LENGTHS, DOC_OF))

    assert gradcheck(attend, (X, *values))


def test_weights_stay_finite_however_large_the_scores_are():
    pool = AttentionPool(4, 3)
    with torch.no_grad():
        pool.query.weight.mul_(1e4)
    pooled, weights = pool(torch.randn(10, 4), LENGTHS, DOC_OF)
    assert torch.isfinite(pooled).all()
    totals = torch.zeros(5).index_add(0, DOC_OF, weights)
    assert torch.allclose(totals, (LENGTHS > 0).float())
