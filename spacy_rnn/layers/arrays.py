"""Arrays of Thinc as tensors of torch and back, in the same memory."""

from typing import Any

import numpy as np
import torch
from thinc.api import Ops
from thinc.types import ArrayXd
from thinc.util import torch2xp
from torch import Tensor


def as_tensor(array: ArrayXd) -> Tensor:
    """View an array as a tensor on the same device."""
    if isinstance(array, np.ndarray):
        return torch.from_numpy(np.require(array, requirements=["C", "W"]))
    check_cuda()
    return torch.from_dlpack(array)


def check_cuda() -> None:
    """Raise a ValueError if torch can't use a GPU."""
    if not torch.cuda.is_available():
        version = torch.version.cuda
        built = "without CUDA" if version is None else f"for CUDA {version}"
        raise ValueError(
            f"The model is on a GPU, which cupy can use, but torch {torch.__version__} "
            f"can't: it was built {built}. Install a torch for the CUDA "
            f"version of cupy (see pytorch.org), or stay on the CPU: --gpu-id -1, "
            f"spacy.require_cpu()."
        )


def as_array(tensor: Tensor, ops: Ops) -> ArrayXd:
    """View a tensor as an array of the ops, in float32."""
    return torch2xp(tensor.detach().float(), ops=ops)


def address(array: Any) -> int:
    """Return where in memory an array begins."""
    if isinstance(array, np.ndarray):
        return array.__array_interface__["data"][0]
    return array.data.ptr
