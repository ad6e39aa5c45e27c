import pytest
import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.pool import Pool

NI = 6
LENGTHS = [3, 0, 1, 6, 0]
KINDS = ["last", "mean", "max", "attention"]


def pool_slowly(kind, doc, bidirectional):
    """Pool one document. Shape (n, nI) to (nI,)."""
    if not len(doc):
        return torch.zeros(NI)
    if kind == "mean":
        return sum(doc) / len(doc)
    if kind == "max":
        return torch.stack([max(feature) for feature in doc.T])
    half = NI // 2 if bidirectional else NI
    return torch.cat([doc[-1][:half], doc[0][half:]])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["last", "mean", "max"])
def test_pooling_equals_a_loop_over_the_documents(kind, bidirectional):
    pool = Pool(NI, pooling=[kind])
    X = torch.randn(sum(LENGTHS), NI)
    expected = [pool_slowly(kind, doc, bidirectional) for doc in X.split(LENGTHS)]
    found = pool(X, torch.tensor(LENGTHS), bidirectional=bidirectional)
    assert torch.allclose(found, torch.stack(expected), atol=1e-6)


@pytest.mark.parametrize("lengths", [[0, 3, 0], [3, 0, 0], [0, 0, 3], [0, 0], [0], []])
@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_document_is_pooled_to_zeros_wherever_it_stands(kind, lengths):
    pool = Pool(NI, pooling=[kind])
    X = torch.randn(sum(lengths), NI)
    lengths = torch.tensor(lengths, dtype=torch.long)
    pooled = pool(X, lengths, bidirectional=True)
    assert pooled.shape == (len(lengths), NI)
    assert torch.equal(pooled.any(dim=1), lengths > 0)


def test_several_poolings_stand_side_by_side_in_their_order():
    X, lengths = torch.randn(sum(LENGTHS), NI), torch.tensor(LENGTHS)
    both = Pool(NI, pooling=["max", "last"])(X, lengths)
    for i, kind in enumerate(["max", "last"]):
        alone = Pool(NI, pooling=[kind])(X, lengths)
        assert torch.equal(both[:, i * NI : (i + 1) * NI], alone)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind, bidirectional):
    pool = Pool(NI, pooling=[kind]).double()
    X = torch.randn(sum(LENGTHS), NI, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor(LENGTHS)
    assert gradcheck(lambda X: pool(X, lengths, bidirectional=bidirectional), X)


def test_tokens_that_tie_share_the_gradient_of_their_maximum():
    X = torch.ones(3, NI, requires_grad=True)
    Pool(NI, pooling=["max"])(X, torch.tensor([2, 1])).sum().mul(-1).backward()
    assert torch.equal(X.grad, torch.tensor([[-0.5], [-0.5], [-1.0]]).expand(3, NI))
