"""The scores of a conditional random field as a Thinc layer."""

from collections.abc import Callable
from typing import Any

from thinc.api import Model
from thinc.types import Floats2d

from spacy_rnn.layers.affine import affine, init_affine
from spacy_rnn.layers.batches import concatenate, split
from spacy_rnn.types import CRFT, CRFScores

# A tag that is added after training starts out with a probability of about 1e-7, so the
# sequences of the others stay as they are; training still reaches it.
NEW_TAG_BIAS = -16.0
SHARED = ("transitions", "start", "end")  # what all documents have in common


def CRF(nO: int | None = None, nI: int | None = None) -> CRFT:
    """Score tag sequences: a linear layer for the tokens, a weight for each transition.

    The transitions, and a weight for each tag at the start and at the end of a
    document, are zero before training.

    Args:
        nO: Number of tags.
        nI: Width of the token vectors.
    """
    return Model(
        "crf",
        forward,
        init=init,
        dims={"nO": nO, "nI": nI},
        params=dict.fromkeys(("W", "b", *SHARED)),
    )


def forward(
    model: CRFT, Xs: list[Floats2d], is_train: bool
) -> tuple[CRFScores, Callable[[CRFScores], list[Floats2d]]]:
    model.get_param("W")  # a KeyError here tells spaCy that nothing is initialized
    X, lengths = concatenate(model, Xs, model.get_dim("nI"))
    Y, backprop_affine = affine(model, X, is_train)
    shared: list[Any] = [model.get_param(name).copy() for name in SHARED]

    def backprop(d_scores: CRFScores) -> list[Floats2d]:
        for name in SHARED:
            model.inc_grad(name, getattr(d_scores, name))
        dY, _ = concatenate(model, d_scores.emissions, model.get_dim("nO"))
        return split(backprop_affine(dY), lengths)

    return CRFScores(split(Y, lengths), *shared), backprop


def init(model: CRFT, X: Any = None, Y: Any = None) -> None:
    init_affine(model, X, Y)
    nO = model.get_dim("nO")
    model.set_param("transitions", model.ops.alloc2f(nO, nO))
    model.set_param("start", model.ops.alloc1f(nO))
    model.set_param("end", model.ops.alloc1f(nO))


def resize_crf(model: CRFT, new_nO: int) -> CRFT:
    """Return a layer with more tags, that gives the old ones the same scores."""
    resized = CRF(new_nO, model.maybe_get_dim("nI"))
    resized.ops = model.ops
    if not model.has_param("W"):
        return resized
    resized.initialize()
    for name in model.param_names:
        old: Any = model.get_param(name)
        new: Any = resized.get_param(name)
        new.fill(NEW_TAG_BIAS if name == "b" else 0.0)
        new[tuple(slice(size) for size in old.shape)] = old
    return resized
