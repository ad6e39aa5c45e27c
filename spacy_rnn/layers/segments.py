"""Documents cut into segments, each of which is read by itself."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
from spacy.tokens import Doc, Span
from thinc.api import Model
from thinc.types import Floats2d

from spacy_rnn.layers.batches import concatenate, split
from spacy_rnn.ragged import count
from spacy_rnn.types import Tok2VecT

Cut = Callable[[Doc], list[Span]]  # into segments that tile the document
SegmentsT = Model[list[Doc], tuple[list[Floats2d], np.ndarray]]


def sentences(doc: Doc) -> list[Span]:
    """Cut a document into its sentences.

    Raises:
        ValueError: If it has no sentence boundaries.
    """
    if not doc.has_annotation("SENT_START"):
        raise ValueError(
            f"The document {doc.text[:60]!r} has no sentence boundaries. Put "
            f"'nltk_sentencizer' or 'sentencizer' before this component, and for "
            f"training name it in [training] annotating_components."
        )
    return list(doc.sents)


def chunks(doc: Doc, *, size: int) -> list[Span]:
    """Cut a document into its sentences, or where it has no boundaries into chunks.

    Args:
        doc: The document.
        size: Tokens in a chunk; the last one may have fewer.
    """
    if doc.has_annotation("SENT_START"):
        return list(doc.sents)
    return [doc[start : start + size] for start in range(0, len(doc), size)]


def with_segments(tok2vec: Tok2VecT, cut: Cut) -> SegmentsT:
    """Make the token vectors of each segment of documents.

    A segment's vectors do not depend on the others, for `tok2vec` gets segments in the
    place of documents. One that listens to another component gets the documents, for
    which that component has made vectors.

    Args:
        tok2vec: Makes the vectors.
        cut: Cuts a document into segments.

    Returns:
        A layer that yields one array per segment, those of all documents in a row, and
        how many segments each document has, shape (B,).
    """
    nodes = list(tok2vec.walk())
    listens = any("listener" in node.name for node in nodes)
    return Model(
        f"with_segments({tok2vec.name})",
        forward,
        init=init,
        layers=[tok2vec],
        dims={"nO": tok2vec.maybe_get_dim("nO")},
        # `whole` is saved: what listened once keeps reading documents when
        # `replace_listeners` puts a copy of the other component's model in its place.
        attrs={
            "whole": listens,
            "as_docs": not all(map(reads_spans, nodes)),
            "cut": cut,
        },
    )


def reads_spans(layer: Model) -> bool:
    """Tell whether a layer takes a span for a document: ours do, spaCy's don't.

    Those of Thinc get neither.
    """
    return layer._func.__module__.startswith(("spacy_rnn.", "thinc."))


def forward(
    model: SegmentsT, docs: list[Doc], is_train: bool
) -> tuple[tuple[list[Floats2d], np.ndarray], Callable[[list[Floats2d]], list[Doc]]]:
    tok2vec: Any = model.layers[0]
    cut, whole = model.attrs["cut"], model.attrs["whole"]
    per_doc = [cut(doc) for doc in docs]
    segments = list(chain.from_iterable(per_doc))
    parts: list[Any] = docs if whole else segments
    if model.attrs["as_docs"] and not whole:
        parts = [segment.as_doc() for segment in segments]
    Xs, backprop_tok2vec = tok2vec(parts, is_train)
    X, lengths = concatenate(model, Xs, tok2vec.get_dim("nO"))

    def backprop(dXs: list[Floats2d]) -> list[Doc]:
        if whole:
            dXs = split(concatenate(model, dXs, X.shape[1])[0], lengths)
        backprop_tok2vec(dXs)
        return []

    return (split(X, count(segments)), count(per_doc)), backprop


def init(model: SegmentsT, X: list[Doc] | None = None, Y: Any = None) -> None:
    tok2vec: Any = model.layers[0]
    # In whole: before training, documents may have no sentence boundaries yet.
    tok2vec.initialize(X=X)
    if tok2vec.has_dim("nO"):
        model.set_dim("nO", tok2vec.get_dim("nO"), force=True)
