"""Arrays on a GPU beside a torch that can't use it."""

from types import ModuleType

import numpy as np
import pytest
import torch
from thinc.api import NumpyOps, get_current_ops, set_current_ops

from spacy_rnn.architectures.rnn import build_rnn_encoder
from spacy_rnn.layers.arrays import as_tensor


class GPUArray:
    """An array that is not NumPy's."""

    def __dlpack__(self, **kwargs):
        raise AssertionError("torch was asked for a tensor that it can't have")


class GPUOps(NumpyOps):
    xp = ModuleType("cupy")


@pytest.fixture
def _torch_without_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def _ops_of_a_gpu():
    ops = get_current_ops()
    set_current_ops(GPUOps())
    yield
    set_current_ops(ops)


@pytest.mark.usefixtures("_torch_without_cuda")
def test_an_array_on_a_gpu_is_refused_with_what_to_install():
    with pytest.raises(ValueError, match=r"Install a torch for the CUDA.*--gpu-id -1"):
        as_tensor(GPUArray())


@pytest.mark.usefixtures("_torch_without_cuda", "_ops_of_a_gpu")
def test_a_layer_is_refused_when_it_is_made():
    with pytest.raises(ValueError, match="it was built (without|for) CUDA"):
        build_rnn_encoder(width=4)


@pytest.mark.usefixtures("_torch_without_cuda")
def test_a_cpu_needs_no_cuda():
    assert as_tensor(np.ones(3, dtype="f")).tolist() == [1.0, 1.0, 1.0]
    assert build_rnn_encoder(width=4).get_dim("nO") == 4
