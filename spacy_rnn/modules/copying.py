"""Copying pieces of a source (See et al., 2017), token by token.

Pieces are copied from the beginning of a token on, and one that is inside a token only
behind the ones before it. So no words are made of pieces of several. What attention
gives to pieces that can't be copied is given to the vocabulary.
"""

import torch
from torch import Tensor

from spacy_rnn.modules.decoder_loop import Source
from spacy_rnn.modules.steps import SortedSteps


def may_follow(copied: Tensor, starts: Tensor) -> Tensor:
    """Say which pieces can be copied now.

    Args:
        copied: Whether the last pieces of a text are those of a token from its
            beginning to this piece. Shape (R, S).
        starts: Whether a piece begins a token. Shape (R, S).
    """
    behind = torch.zeros_like(copied)
    behind[:, 1:] = copied[:, :-1]
    return behind | starts


def track_copies(source: Source, steps: SortedSteps, last: Tensor) -> Tensor:
    """Say which pieces can be copied at each step of known texts. Shape (N, S).

    Args:
        source: The sources.
        steps: Where the rows stand.
        last: The piece before each row. Shape (N,).
    """
    allowed = source.starts.new_empty(len(last), source.starts.shape[1])
    copied = torch.zeros_like(source.starts)
    for rows, size in zip(steps.slices, steps.sizes, strict=True):
        starts, pieces = source.starts[:size], source.pieces[:size]
        is_last = pieces == last[rows, None]
        copied = may_follow(copied[:size], starts) & is_last
        allowed[rows] = may_follow(copied, starts)
    return allowed


def copy_of(odds: Tensor, shares: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Decide between generating and copying.

    Args:
        odds: Log odds of generating. Shape (R, 1).
        shares: How much is read of each piece of the source. Shape (R, S).
        allowed: Whether it can be copied. Shape (R, S).

    Returns:
        The probability of generating, shape (R,), and that of copying each piece, shape
        (R, S).
    """
    copying = torch.sigmoid(-odds) * shares
    copies = copying * allowed
    # Not one minus their sum, of which rounding would leave nothing, or less.
    generating = torch.sigmoid(odds)[:, 0] + (copying * ~allowed).sum(dim=1)
    return generating, copies


def keep_words(
    log_probs: Tensor, source: Source, copied: Tensor, inside: Tensor
) -> None:
    """Bar what would go on with a word of the source as it doesn't go on there.

    So a copied "Russell" doesn't become a "Russellation".

    Args:
        log_probs: Of each piece next, changed. Shape (R, V).
        source: The sources. As many rows belong to each of them.
        copied: Whether the last pieces of a text are those of a token from its
            beginning to this piece. Shape (R, S).
        inside: Pieces that go on with a word. Shape (W,).
    """
    rows = copied.any(dim=1).nonzero()[:, 0]
    of_row = rows // (len(copied) // len(source.pieces))
    starts, pieces = source.starts[of_row], source.pieces[of_row]
    goes_on = may_follow(copied[rows], starts) & ~starts
    kept = log_probs[rows].gather(1, pieces).masked_fill_(~goes_on, -torch.inf)
    barred = log_probs[rows].index_fill_(1, inside, -torch.inf)
    log_probs[rows] = barred.scatter_reduce_(1, pieces, kept, "amax")
