"""An encoder-decoder as a Thinc layer."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats1d, Floats2d

from spacy_rnn.layers.arrays import as_tensor
from spacy_rnn.layers.batches import concatenate, no_docs, split, to_device
from spacy_rnn.layers.source_pieces import DocPieces, doc_pieces, select
from spacy_rnn.layers.subwords import SPACE, Spelling, draw_spelling, learn
from spacy_rnn.layers.torch_layer import run, torch_layer
from spacy_rnn.modules.pieces import END, Pieces
from spacy_rnn.modules.seq2seq import Seq2Seq as TorchSeq2Seq
from spacy_rnn.types import (
    Attention,
    DecoderCell,
    EncoderT,
    Seq2SeqT,
    SubwordsT,
    Tok2VecT,
)


def Seq2Seq(
    tok2vec: Tok2VecT | None,
    encode: EncoderT,
    subwords: SubwordsT,
    target_subwords: SubwordsT | None,
    *,
    width: int,
    hidden_width: int,
    cell: DecoderCell,
    attention: Attention,
    tied: bool,
    copying: bool,
    coverage: bool,
    coverage_loss: float,
    label_smoothing: float,
    max_source: int,
    dropout: float,
) -> Seq2SeqT:
    """Write texts about documents, see `build_seq2seq`."""
    build = partial(
        TorchSeq2Seq,
        width=width,
        hidden_width=hidden_width,
        cell=cell,
        attention=attention,
        tied=tied,
        copying=copying,
        coverage=coverage,
    )
    network = torch_layer(
        "decoder",
        build,
        forward_network,
        dims={"nO": None, "source": None, "memory": None, "tokens": None},
        attrs={
            "dropout_rate": dropout,
            "training": {"smoothing": label_smoothing, "coverage_loss": coverage_loss},
        },
    )
    parts: dict[str, Model | None] = {
        "tok2vec": tok2vec,
        "encode": encode,
        "subwords": subwords,
        "target_subwords": target_subwords,
        "network": network,
    }
    layers = [part for part in parts.values() if part is not None]
    return Model(
        "seq2seq",
        forward,
        init=init,
        layers=layers,
        refs=parts,
        attrs={
            "max_source": max_source,
            "copying": copying,
            "learn_pieces": learn_pieces,
            "count_pieces": count_pieces,
        },
    )


def forward_network(model: Model, X: Any, is_train: bool) -> Any:
    raise NotImplementedError("a part of seq2seq, which calls its module")


def target_of(model: Seq2SeqT) -> SubwordsT:
    """Return what cuts the targets into pieces."""
    own = model.maybe_get_ref("target_subwords")
    return model.get_ref("subwords") if own is None else own


def forward(
    model: Seq2SeqT, inputs: tuple[list[Doc], Sequence[str | None]], is_train: bool
) -> tuple[Floats1d, Callable[[Floats1d], list[Doc]]]:
    if not isinstance(inputs, tuple):  # documents alone, as spaCy's `debug model` has
        inputs = inputs, [None] * len(inputs)
    docs, texts = inputs
    network = model.get_ref("network")
    network.get_param("W")  # a KeyError here tells spaCy that nothing is initialized
    spelling, target_spelling = draw_spellings(model, is_train)
    pieces, has_both, known = find_pairs(model, docs, texts, spelling)
    if not known:
        return model.ops.alloc1f(len(docs)), learn_nothing(model, docs, is_train)
    source = select(pieces, has_both)
    memory, backprop_memory = encode_source(model, docs, source, is_train)
    target = target_pieces(known, target_spelling)
    losses, backprop_loss = score_texts(model, memory, source, target, is_train)
    Y = model.ops.alloc1f(len(docs))
    Y[model.ops.xp.asarray(np.flatnonzero(has_both))] = losses

    def backprop(dY: Any) -> list[Doc]:
        # The gradient was made for all texts alike.
        backprop_memory(backprop_loss(dY[:1].sum()))
        return []

    return Y, backprop


def draw_spellings(model: Seq2SeqT, is_train: bool) -> tuple[Spelling, Spelling]:
    """Choose how sources and targets are cut: alike, if they have one vocabulary."""
    source, own = model.get_ref("subwords"), model.maybe_get_ref("target_subwords")
    spelling = draw_spelling(source, is_train)
    return spelling, spelling if own is None else draw_spelling(own, is_train)


def find_pairs(
    model: Seq2SeqT, docs: list[Doc], texts: Sequence[str | None], spelling: Spelling
) -> tuple[DocPieces, np.ndarray, list[str]]:
    """Return the pieces of documents, which have some and a text, and those texts."""
    pieces = doc_pieces(spelling, docs, model.attrs["max_source"])
    has_both = (pieces.lengths > 0) & np.array([bool(text) for text in texts], bool)
    known = [text for text, has in zip(texts, has_both, strict=True) if text and has]
    return pieces, has_both, known


def count_pieces(model: Seq2SeqT, docs: list[Doc], texts: Sequence[str | None]) -> int:
    """Count the pieces that are learned, over which the loss is a mean."""
    spelling, target_spelling = draw_spellings(model, is_train=False)
    _, _, known = find_pairs(model, docs, texts, spelling)
    return int(target_pieces(known, target_spelling).lengths.sum())


def target_pieces(texts: list[str], spelling: Spelling) -> DocPieces:
    """Cut texts into pieces, and add to each the one that ends it."""
    encoded = [[*each, END] for each in spelling([SPACE + text for text in texts])]
    flat = np.array([piece for each in encoded for piece in each], dtype=np.int64)
    lengths = np.array([len(each) for each in encoded], dtype=np.int64)
    return DocPieces(flat, lengths, np.empty(0, dtype=np.int64))


def learn_nothing(
    model: Seq2SeqT, docs: list[Doc], is_train: bool
) -> Callable[[Floats1d], list[Doc]]:
    """Return the backward pass of documents of which nothing is to be learned.

    A tok2vec that others listen to waits for the gradient of each of them.
    """
    tok2vec = model.maybe_get_ref("tok2vec")
    if tok2vec is None:
        return no_docs
    Xs, backprop = tok2vec(docs, is_train)
    return lambda dY: backprop([model.ops.alloc2f(*X.shape) for X in Xs])


def score_texts(
    model: Seq2SeqT,
    memory: Floats2d,
    source: DocPieces,
    target: DocPieces,
    is_train: bool,
) -> tuple[Floats1d, Callable[[Any], Floats2d]]:
    """Find how improbable the texts are, see `forward`.

    Args:
        model: The model.
        memory: The encoded pieces of sources, end to end. Shape (N, memory width).
        source: The pieces.
        target: Those of the text of each source.
        is_train: Whether a backward pass may follow.

    Returns:
        The loss of each text, shape (texts,), and a function that takes the gradient of
        their sum and returns that of the memory.
    """
    network = model.get_ref("network")
    options = network.attrs["training"] if is_train else {}
    Y, backprop_network = run(
        network,
        as_tensor(memory).requires_grad_(is_train),
        part="loss",
        source=on_device(network, source),
        target=on_device(network, target),
        dropout=rate(network, is_train),
        is_train=is_train,
        **options,
    )

    def backprop(d_loss: Any) -> Floats2d:
        dY = model.ops.alloc1f(len(Y))
        dY[0] = d_loss
        return backprop_network(dY)

    return Y[1:] / len(target.pieces), backprop


def rate(network: Model, is_train: bool) -> float:
    return (network.attrs["dropout_rate"] or 0.0) if is_train else 0.0


def on_device(network: Model, pieces: DocPieces) -> Pieces:
    """Move pieces to where the network is."""
    return Pieces(
        to_device(network, pieces.pieces),
        torch.from_numpy(pieces.lengths),
        to_device(network, pieces.token_of),
    )


def encode_source(
    model: Seq2SeqT, docs: list[Doc], pieces: DocPieces, is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], None]]:
    """Encode the pieces of documents.

    Returns:
        What the encoder makes of them, shape (N, memory width), and the backward pass.
    """
    network, encode = model.get_ref("network"), model.get_ref("encode")
    tok2vec = model.maybe_get_ref("tok2vec")
    X, n_tokens = model.ops.alloc2f(0, 0), np.zeros(0, dtype=np.int64)
    if tok2vec is not None:
        Xs, backprop_tokens = tok2vec(docs, is_train)
        X, n_tokens = concatenate(model, Xs, network.get_dim("tokens"))
    vectors, backprop_embed = run(
        network,
        as_tensor(X).requires_grad_(is_train and tok2vec is not None),
        part="embed",
        source=on_device(network, pieces),
        dropout=rate(network, is_train),
        is_train=is_train,
    )
    Ys, backprop_encode = encode(split(vectors, pieces.lengths), is_train)
    memory, _ = concatenate(model, Ys, network.get_dim("memory"))

    def backprop(d_memory: Floats2d) -> None:
        dXs = backprop_encode(split(d_memory, pieces.lengths))
        d_tokens = backprop_embed(concatenate(model, dXs, vectors.shape[1])[0])
        if tok2vec is not None:
            backprop_tokens(split(d_tokens, n_tokens))

    return memory, backprop


def learn_pieces(
    model: Seq2SeqT, pairs: Callable[[], Iterable[tuple[str, str]]]
) -> None:
    """Learn pieces of the words of sources and targets.

    Args:
        model: The model.
        pairs: Yields sources with their targets.
    """
    subwords, target = model.get_ref("subwords"), model.maybe_get_ref("target_subwords")
    if target is None:
        learn(subwords, (text for pair in pairs() for text in pair))
        return
    learn(subwords, (source for source, _ in pairs()))
    learn(target, (text for _, text in pairs()))


def init(
    model: Seq2SeqT, X: tuple[list[Doc], Sequence[str]] | None = None, Y: Any = None
) -> None:
    tok2vec, encode = model.maybe_get_ref("tok2vec"), model.get_ref("encode")
    network, subwords = model.get_ref("network"), model.get_ref("subwords")
    target, token_width = model.maybe_get_ref("target_subwords"), 0
    if tok2vec is not None:
        tok2vec.initialize(X=None if X is None else X[0])
        token_width = tok2vec.get_dim("nO")
    width = network.attrs["torch_module"].build.keywords["width"]
    encode.initialize(X=[model.ops.alloc2f(1, width)])
    dims = {
        "memory": encode.get_dim("nO"),
        "tokens": token_width,
        "nO": len(target_of(model).attrs["vocabulary"]),
        "source": 0 if target is None else len(subwords.attrs["vocabulary"]),
    }
    network.set_param("W", None)  # pieces may have been learned anew
    for name, size in dims.items():
        network.set_dim(name, size, force=True)
    network.initialize()
