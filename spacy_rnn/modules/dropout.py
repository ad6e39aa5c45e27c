"""Dropout masks of our own, drawn from torch's global generator on any device."""

import torch
from torch import Tensor


def keep_mask(like: Tensor, shape: tuple[int, ...], rate: float) -> Tensor:
    """Draw a mask of zeros and of 1 / (1 - rate), so that the mean stays one."""
    keep = like.new_full(shape, 1.0 - rate)
    return torch.bernoulli(keep).div_(1.0 - rate)
