"""The way to a GPU."""

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Move a tensor from the CPU to a device, if it isn't there.

    A GPU gets it from pinned memory: there it waits for its turn, and the CPU doesn't
    wait for all that the GPU has still to do.
    """
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
