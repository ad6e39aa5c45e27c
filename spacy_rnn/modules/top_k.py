"""The greatest values of rows that are long."""

import torch
from torch import Tensor

GROUP = 64
SMALL = 32_768  # values, in which groups of them take longer to find


def top_k(X: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Find the k greatest values of each row, and where they are. Shape (R, k).

    They are among the values of the k groups with the greatest maxima. In many long
    rows those are found several times as fast as torch finds the values.
    """
    k = min(k, X.shape[1])
    n_groups = X.shape[1] // GROUP
    if n_groups <= k or X.numel() <= SMALL:
        values, places = X.topk(k, dim=1)
        return values, places
    groups = X[:, : n_groups * GROUP].unflatten(1, (n_groups, GROUP))
    best = groups.amax(dim=2).topk(k, dim=1).indices
    within = torch.arange(GROUP, device=X.device)
    rest = torch.arange(n_groups * GROUP, X.shape[1], device=X.device)
    places = torch.cat(
        [(best[:, :, None] * GROUP + within).flatten(1), rest.expand(len(X), -1)], dim=1
    )
    values, chosen = X.gather(1, places).topk(k, dim=1)
    return values, places.gather(1, chosen)
