"""What each token contributes to a score, by integrated gradients."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from spacy.tokens import Doc
from thinc.api import Model, set_dropout_rate
from thinc.types import Floats2d
from thinc.util import to_numpy

from spacy_rnn.layers.gates import watch_inputs
from spacy_rnn.layers.rnn import Training, find_encoders
from spacy_rnn.ragged import RaggedList, flatten

TOLERANCE = 0.01  # of the difference that contributions have to add up to, or, where
CANCELLED = 0.01  # that is less than so much of all of them, of this
POINTS = 16  # on the way from the baseline to the text
PARTS = 8  # of a way that needs more; each has four points, and may be halved again
HALVINGS = 20
MOST_PARTS = 2048
AT_ONCE = 4096  # tokens of all points that are gone through at once

# Takes what a model says of a batch, and which of the explained predictions its rows
# are for; returns the score of each, and the gradient of their sum, in the same form.
LogOdds = Callable[[Any, Sequence[int]], tuple[np.ndarray, Any]]


@dataclass
class Contributions:
    """What the tokens of a document contribute to a score, in nats.

    Attributes:
        tokens: Of each token; their sum is `score` less `baseline`. Shape (tokens,).
        score: Of the document.
        baseline: Of a document of as many tokens, all of them unknown.
        attention: Weights of attention, each summing to 1, by what they are of:
            "words", shape (tokens,), of each sentence if there is "sentences" too,
            shape (sentences,). Empty where the model has no attention.
    """

    tokens: np.ndarray
    score: float
    baseline: float
    attention: dict[str, np.ndarray]


@dataclass
class LinearPart:
    """A part of a model whose score is a sum over the tokens.

    Attributes:
        tokens: What each token adds to each score. Shape (tokens, K) for each document.
        bias: What no token adds. Shape (B, K).
        share: What it contributes to the scores of the whole, in (0, 1).
    """

    tokens: list[np.ndarray]
    bias: np.ndarray
    share: float


def contributions(
    model: Model,
    docs: Sequence[Doc],
    log_odds: LogOdds,
    *,
    embed: Model | None = None,
    linear: LinearPart | None = None,
) -> list[Contributions]:
    """Share scores out among the tokens (Sundararajan et al., 2017).

    On the straight way from a baseline to the vectors that a model's embedding makes,
    gradients are averaged, by Gauss-Legendre quadrature. Where the contributions don't
    add up to the difference of the scores, the way is halved again and again, in those
    parts of it that are to blame. All is in float32: in bfloat16, it is a stairway.

    Args:
        model: From documents to scores, with an embedding within it. It is used up: its
            gradients and settings change, so it should be a copy.
        docs: The documents of the predictions to explain; one may come several times.
        log_odds: Says which scores.
        embed: The embedding. If None, that of the model's `tok2vec`.
        linear: Another part of the model, whose scores are averaged with these.
    """
    path = Path(model, find_embed(model) if embed is None else embed)
    path.enter(docs, log_odds, linear)
    attention = path.attend()
    score, baseline = path.scores_at(1.0), path.scores_at(0.0)
    found = path.integrate()
    for i, doc in enumerate(docs):
        tolerance = tolerance_of(found[i], score[i] - baseline[i])
        if abs(found[i].sum() - (score[i] - baseline[i])) > tolerance:
            path.enter([doc], log_odds, linear, [i])
            found[i] = path.refine(tolerance)
    return [
        Contributions(*each)
        for each in zip(found, score, baseline, attention, strict=True)
    ]


def tolerance_of(tokens: np.ndarray, difference: float) -> float:
    """Say how far contributions may be from adding up to a difference."""
    return TOLERANCE * max(abs(difference), CANCELLED * float(np.abs(tokens).sum()))


class Path:
    """The straight way of a batch from its baseline to its vectors.

    The baseline of a token is a vector of zeros, which `word_dropout` makes of a token
    in training: one of which nothing is known.
    """

    def __init__(self, model: Model, embed: Model) -> None:
        self.model, self.embed = model, embed
        set_dropout_rate(model, 0.0)
        for encoder in find_encoders(model):  # which may cut gradients off
            encoder.attrs["training"] = Training()
        width = self.embed.maybe_get_dim("nO")  # which `with_segments` asks for
        start: Model = Model("path", step, attrs={"path": self}, dims={"nO": width})
        model.replace_node(self.embed, start)

    def enter(
        self,
        docs: Sequence[Doc],
        log_odds: LogOdds,
        linear: LinearPart | None,
        which: Sequence[int] | None = None,
    ) -> None:
        """Take up a batch; `which` says where its documents stood in the first one."""
        self.docs, self.log_odds, self.linear = list(docs), log_odds, linear
        self.which = range(len(docs)) if which is None else which
        self.vectors: RaggedList | None = None
        self.gradients: list[Floats2d] = []

    def scores_at(self, point: float) -> np.ndarray:
        """Find the scores at a point, in [0, 1]. Shape (B,)."""
        return self._predict([point])[0]

    def integrate(self) -> list[np.ndarray]:
        """Find the contributions of each document's tokens."""
        lengths = [len(doc) for doc in self.docs]
        points, weights = np.polynomial.legendre.leggauss(POINTS)
        total = np.tensordot(weights / 2.0, self._gradients((points + 1.0) / 2.0), 1)
        return np.split(total, np.cumsum(lengths)[:-1])

    def refine(self, tolerance: float) -> np.ndarray:
        """Find the contributions of the tokens of one document. Shape (tokens,).

        How much the score rises in each part is known, so it is seen where more points
        are needed.

        Args:
            tolerance: How far they may be from adding up.
        """
        starts, widths = np.arange(PARTS) / PARTS, np.full(PARTS, 1.0 / PARTS)
        parts, errors = self._integrate_parts(starts, widths)
        for _ in range(HALVINGS):  # gradients tell nothing of a jump
            if abs(errors.sum()) <= tolerance or len(parts) > MOST_PARTS:
                break
            wrong = np.abs(errors) > tolerance / len(errors)
            start, width = starts[wrong], widths[wrong] / 2.0
            new = np.append(start, start + width), np.append(width, width)
            replaced = zip(
                (starts, widths, parts, errors),
                (*new, *self._integrate_parts(*new)),
                strict=True,
            )
            starts, widths, parts, errors = (
                np.concatenate([old[~wrong], each]) for old, each in replaced
            )
        return parts.sum(axis=0)

    def _integrate_parts(
        self, starts: np.ndarray, widths: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find contributions in parts of the way of one document.

        Returns:
            Those of each part, shape (parts, tokens), and how far they are from how
            much the score rises there. Shape (parts,).
        """
        points, weights = np.polynomial.legendre.leggauss(4)
        grid = starts[:, None] + widths[:, None] * (points + 1.0) / 2.0
        gradients = self._gradients(grid.ravel()).reshape(*grid.shape, -1)
        parts = np.einsum("ipn,p,i->in", gradients, weights / 2.0, widths)
        edges, where = np.unique([starts, starts + widths], return_inverse=True)
        before, after = self._scores(edges)[where.reshape(2, -1)]
        return parts, parts.sum(axis=1) - (after - before)

    def attend(self) -> list[dict[str, np.ndarray]]:
        """Find the weights of attention at the end of the way, by document."""
        lengths = [len(doc) for doc in self.docs]
        found: list[dict[str, np.ndarray]] = [{} for _ in lengths]
        with ExitStack() as stack:
            inputs = {
                node: stack.enter_context(watch_inputs(node))
                for node in self.model.walk()
                if "attend" in node.attrs
            }
            self.scores_at(1.0)
        for node, Xs in inputs.items():
            kind, weights = node.attrs["attention_of"], node.attrs["attend"](node, Xs)
            if kind == "words":  # of sentences, where there are any
                flat = np.concatenate([np.zeros(0), *weights])
                weights = np.split(flat, np.cumsum(lengths)[:-1])
            for each, of_doc in zip(found, weights, strict=True):
                each[kind] = of_doc
        return found

    def _predict(
        self, points: Sequence[float] | np.ndarray
    ) -> tuple[np.ndarray, Any, Callable]:
        """Score the batch at some points, one after the other."""
        self.points = points
        which = [*self.which] * len(points)
        Y, backprop = self.model.begin_update(self.docs * len(points))
        if self.linear is not None:
            Y = self.linear.share * self._linear_scores() + (1 - self.linear.share) * Y
        return *self.log_odds(Y, which), backprop

    def _linear_scores(self) -> Any:
        assert self.linear is not None
        tokens = np.array([self.linear.tokens[i].sum(axis=0) for i in self.which])
        bias = self.linear.bias[list(self.which)]
        scores: Any = np.concatenate([bias + point * tokens for point in self.points])
        return self.model.ops.asarray2f(scores)

    def _at_once(self, points: np.ndarray) -> list[np.ndarray]:
        """Part points into as many as are gone through at once."""
        n_points = max(1, AT_ONCE // max(1, sum(len(doc) for doc in self.docs)))
        return np.split(points, range(n_points, len(points), n_points))

    def _scores(self, points: np.ndarray) -> np.ndarray:
        """Score one document at some points. Shape (P,)."""
        return np.concatenate(
            [self._predict(some)[0] for some in self._at_once(points)]
        )

    def _gradients(self, points: np.ndarray) -> np.ndarray:
        """Find contributions at some points, for a way of length 1. Shape (P, N)."""
        return np.concatenate([self._gradient(some) for some in self._at_once(points)])

    def _gradient(self, points: np.ndarray) -> np.ndarray:
        _, gradient, backprop = self._predict(points)
        found = np.zeros((len(points), sum(len(doc) for doc in self.docs)))
        if self.linear is not None:
            rows = to_numpy(gradient).reshape(len(points), len(self.docs), -1)
            tokens = [self.linear.tokens[i] for i in self.which]
            parts = [rows[:, i] @ x.T for i, x in enumerate(tokens)]
            found += self.linear.share * np.concatenate(parts, axis=1)
            gradient = (1 - self.linear.share) * gradient
        backprop(gradient)
        assert self.vectors is not None
        X, dX = self.vectors.data, flatten(self.model.ops, self.gradients).data
        return found + to_numpy((X * dX.reshape(len(points), *X.shape)).sum(axis=2))


def find_embed(model: Model) -> Model:
    """Find the layer of a component's model that makes vectors of tokens by themselves.

    Where token vectors come in one step, it's the layer that makes those.
    """
    tok2vec = model.get_ref("tok2vec")
    if tok2vec.has_ref("embed"):
        return tok2vec.get_ref("embed")
    # A copy, which `replace_listeners` makes, doesn't know its parts by name.
    return tok2vec.layers[0] if ">>" in tok2vec.name else tok2vec


def step(
    model: Model, docs: list[Doc], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Doc]]]:
    """Stand in for the embedding, at a point of the way."""
    path: Path = model.attrs["path"]
    if path.vectors is None:
        once = docs[: len(docs) // len(path.points)]
        path.vectors = flatten(model.ops, path.embed.predict(once))
    vectors, points = path.vectors, path.points

    def backprop(dXs: list[Floats2d]) -> list[Doc]:
        path.gradients = dXs
        return []

    data = model.ops.xp.concatenate([point * vectors.data for point in points])
    lengths = np.tile(vectors.lengths, len(points))
    return RaggedList(data.astype("f"), lengths), backprop
