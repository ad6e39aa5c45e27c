"""The loss of choosing pieces from a vocabulary, whose logits are never kept."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spacy_rnn.modules.linear import product

CHUNK = 128  # rows whose logits exist at once


class ChunkedLoss(torch.autograd.Function):
    """Negative log likelihood of pieces that are generated or copied, summed up.

    A piece has the probability `gate * softmax(X @ W.T + b)[piece] + copied`. The
    gradients are made in the forward pass, chunk by chunk, while the logits are there.

    Label smoothing (Szegedy et al., 2016) lets every piece be generated.
    """

    @staticmethod
    def forward(
        ctx: Any,
        X: Tensor,
        W: Tensor,
        b: Tensor,
        pieces: Tensor,
        smoothing: float,
        gate: Tensor | None,
        copied: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Return the loss of all rows, with smoothing, and that of each, without.

        Args:
            ctx: Torch's record for the backward pass.
            X: Shape (N, D).
            W: Of each piece of the vocabulary. Shape (V, D).
            b: Shape (V,).
            pieces: The right ones. Shape (N,).
            smoothing: Share of the truth that is spread over all pieces, in [0, 1).
            gate: The probability that a piece is generated, in (0, 1). Shape (N,). None
                for 1.
            copied: The probability that the right piece is copied, in [0, 1). Shape
                (N,). None for 0.
        """
        dX, dW, db = torch.empty_like(X), torch.zeros_like(W), torch.zeros_like(b)
        losses, even, total_W = X.new_empty(len(X)), X.new_zeros(()), W.sum(dim=0)
        if gate is not None:
            d_gate, d_copied = torch.empty_like(gate), torch.empty_like(gate)
        for start in range(0, len(X), CHUNK):
            rows = slice(start, start + CHUNK)
            X_rows, chosen = X[rows], pieces[rows, None]
            logits = product(X_rows, W, b)
            right = logits.gather(1, chosen)[:, 0]
            mean = logits.mean(dim=1)
            highest = logits.amax(dim=1, keepdim=True)
            odds = logits.sub_(highest).exp_()
            total = odds.sum(dim=1, keepdim=True)
            log_total = (total.log() + highest)[:, 0]
            even += (log_total - mean).sum()
            losses[rows] = log_total - right
            true = X.new_full((len(X_rows), 1), 1.0 - smoothing)
            if gate is not None and copied is not None:
                chance = right - log_total
                generated = gate[rows].log() + chance
                either = torch.logaddexp(generated, copied[rows].log())
                losses[rows] = -either
                d_gate[rows] = (smoothing - 1.0) * torch.exp(chance - either)
                d_copied[rows] = (smoothing - 1.0) * torch.exp(-either)
                true *= torch.exp(generated - either)[:, None]
            # The gradient of a logit is `share * odds`, less what is true of it.
            share = (true + smoothing) / total
            torch.mul(product(odds, W.t()), share, out=dX[rows])
            dX[rows] -= true * W[chosen[:, 0]] + smoothing / len(W) * total_W
            dW += product(odds.t(), (X_rows * share).t())
            dW.index_add_(0, chosen[:, 0], true * X_rows, alpha=-1)
            db.addmv_(odds.t(), share[:, 0])
            db.index_add_(0, chosen[:, 0], true[:, 0], alpha=-1)
        dW -= smoothing / len(W) * X.sum(dim=0)
        db -= smoothing / len(W) * len(X)
        gradients = [dX, dW, db, *([] if gate is None else [d_gate, d_copied])]
        ctx.save_for_backward(*gradients)
        ctx.mark_non_differentiable(losses)
        return (1.0 - smoothing) * losses.sum() + smoothing * even, losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        dX, dW, db, *others = (each * d_loss for each in ctx.saved_tensors)
        return dX, dW, db, None, None, *(others or (None, None))
