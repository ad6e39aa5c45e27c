"""The greatest values of rows that are long."""

import pytest
import torch

from spacy_rnn.modules.top_k import GROUP, top_k


@pytest.mark.parametrize("width", [5, GROUP, 3 * GROUP + 7, 20 * GROUP])
@pytest.mark.parametrize("k", [1, 3, 10])
def test_the_greatest_values_are_those_that_torch_finds(monkeypatch, width, k):
    monkeypatch.setattr("spacy_rnn.modules.top_k.SMALL", 0)
    torch.manual_seed(0)
    X = torch.randn(6, width)
    X[0] = -torch.inf
    values, places = top_k(X, k)
    torch.testing.assert_close(values, X.topk(min(k, width), dim=1).values)
    torch.testing.assert_close(X.gather(1, places), values)
