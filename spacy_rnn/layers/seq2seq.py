"""An encoder-decoder as a Thinc layer."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc
from thinc.api import Model
from thinc.types import Floats1d
from torch import Tensor

from spacy_rnn.layers.batches import concatenate, count, split, to_device
from spacy_rnn.layers.source_pieces import DocPieces, doc_pieces
from spacy_rnn.layers.subwords import SPACE, learn
from spacy_rnn.layers.torch_layer import as_array, as_tensor, explain_memory, run, torch_layer
from spacy_rnn.modules.seq2seq import END, Pieces
from spacy_rnn.modules.seq2seq import Seq2Seq as TorchSeq2Seq
from spacy_rnn.ragged import RaggedList
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
    model: Seq2SeqT = Model(
        "seq2seq",
        forward,
        init=init,
        layers=layers,
        refs=parts,
        attrs={
            "max_source": max_source,
            "learn_pieces": learn_pieces,
        },
    )
    return model


def forward_network(model: Model, X: Any, is_train: bool) -> Any:
    raise NotImplementedError("a part of seq2seq, which calls its module")


def target_of(model: Seq2SeqT) -> SubwordsT:
    """Return what cuts the targets into pieces."""
    found = model.maybe_get_ref("target_subwords") or model.get_ref("subwords")
    return found


def forward(
    model: Seq2SeqT, inputs: tuple[list[Doc], Sequence[str | None]], is_train: bool
) -> tuple[Floats1d, Callable[[Floats1d], list[Doc]]]:
    docs, targets = inputs
    network = model.get_ref("network")
    network.get_param("W")  # a KeyError here tells spaCy that nothing is initialized
    pieces = doc_pieces(model.get_ref("subwords"), docs, model.attrs["max_source"])
    has_both = np.array([bool(each) for each in targets], dtype=bool)
    has_both &= pieces.lengths > 0
    pieces = select(pieces, has_both)
    memory, source, backprop_memory = encode_source(model, docs, pieces, is_train)
    losses = np.zeros(len(docs), dtype="f")
    n_pieces, backprop_loss = 0, None
    if has_both.any():
        known = [each for each, is_kept in zip(targets, has_both, strict=True) if is_kept]
        encoded = target_of(model).predict([SPACE + str(each) for each in known])
        lengths = np.array([len(each) + 1 for each in encoded])
        flat = np.concatenate([[*each, END] for each in encoded])
        n_pieces = len(flat)
        target = as_pieces(network, DocPieces(flat, lengths, flat))
        options = network.attrs["training"] if is_train else {}
        Y, backprop_loss = run(
            network,
            as_tensor(memory).requires_grad_(is_train),
            part="loss",
            source=source,
            target=target,
            dropout=rate(network, is_train),
            is_train=is_train,
            **options,
        )
        losses = model.ops.alloc1f(len(docs))
        losses[model.ops.xp.asarray(np.flatnonzero(has_both))] = Y[1:]

    def backprop(d_losses: Floats1d) -> list[Doc]:
        if backprop_loss is None:
            backprop_memory(model.ops.alloc2f(*memory.shape))
            return []
        dY = model.ops.alloc1f(1 + int(has_both.sum()))
        dY[0] = 1.0
        backprop_memory(backprop_loss(dY))
        return []

    return losses / max(n_pieces, 1), backprop


def rate(network: Model, is_train: bool) -> float:
    return (network.attrs["dropout_rate"] or 0.0) if is_train else 0.0


def select(pieces: DocPieces, kept: np.ndarray) -> DocPieces:
    """Leave out the pieces of some documents."""
    of_kept = np.repeat(kept, pieces.lengths)
    return DocPieces(
        pieces.pieces[of_kept], pieces.lengths[kept], pieces.token_of[of_kept]
    )


def as_pieces(network: Model, pieces: DocPieces) -> Pieces:
    """Move pieces to where the network is."""
    return Pieces(
        to_device(network, pieces.pieces),
        torch.from_numpy(pieces.lengths),
        to_device(network, pieces.token_of),
    )


def encode_source(
    model: Seq2SeqT, docs: list[Doc], pieces: DocPieces, is_train: bool
) -> tuple[Any, Pieces, Callable[[Any], None]]:
    """Encode the pieces of documents.

    Returns:
        What the encoder makes of them, shape (N, memory width), the pieces, and the
        backward pass.
    """
    network, encode = model.get_ref("network"), model.get_ref("encode")
    tok2vec = model.maybe_get_ref("tok2vec")
    X, backprop_tokens = model.ops.alloc2f(0, 0), None
    if tok2vec is not None:
        Xs, backprop_tokens = tok2vec(docs, is_train)
        X, n_tokens = concatenate(model, Xs, network.get_dim("tokens"))
    source = as_pieces(network, pieces)
    tokens = as_tensor(X)
    vectors, backprop_embed = run(
        network,
        tokens.requires_grad_(is_train and tok2vec is not None),
        part="embed",
        source=source,
        dropout=rate(network, is_train),
        is_train=is_train,
    )
    Ys, backprop_encode = encode(split(vectors, pieces.lengths), is_train)
    memory, _ = concatenate(model, Ys, network.get_dim("memory"))

    def backprop(d_memory: Any) -> None:
        dXs = backprop_encode(split(d_memory, pieces.lengths))
        dX, _ = concatenate(model, dXs, vectors.shape[1])
        d_tokens = backprop_embed(dX)
        if backprop_tokens is not None:
            backprop_tokens(split(d_tokens, n_tokens))

    return memory, source, backprop


def learn_pieces(model: Seq2SeqT, pairs: Callable[[], Iterable[tuple[str, str]]]) -> None:
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
    docs = None if X is None else X[0]
    tok2vec, encode = model.maybe_get_ref("tok2vec"), model.get_ref("encode")
    network, subwords = model.get_ref("network"), model.get_ref("subwords")
    target, token_width = model.maybe_get_ref("target_subwords"), 0
    if tok2vec is not None:
        tok2vec.initialize(X=docs)
        token_width = tok2vec.get_dim("nO")
    width = network.attrs["torch_module"].build.keywords["width"]
    encode.initialize(X=[model.ops.alloc2f(1, width)])
    network.set_dim("memory", encode.get_dim("nO"))
    network.set_dim("tokens", token_width)
    network.set_dim("nO", len(target_of(model).attrs["vocabulary"]))
    network.set_dim("source", 0 if target is None else len(subwords.attrs["vocabulary"]))
    network.initialize()
