"""Text classifiers."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from spacy.tokens import Doc
from thinc.api import Dropout, Linear, Model, chain, resizable
from thinc.layers.resizable import resize_linear_weighted, resize_model

from spacy_rnn.checks import check_rate, check_share
from spacy_rnn.layers.contributions import (
    Contributions,
    LogOdds,
    contributions,
    find_embed,
)
from spacy_rnn.layers.opinion_pool import OpinionPool, linear_part
from spacy_rnn.layers.pool import Pool, reads_both_ways
from spacy_rnn.layers.probabilities import NEW_LABEL_BIAS, Probabilities
from spacy_rnn.types import Pooling, PoolT, ScorerT, Tok2VecT


def build_textcat(
    tok2vec: Tok2VecT,
    exclusive_classes: bool,
    pooling: list[Pooling],
    dropout: float = 0.0,
    linear_model: ScorerT | None = None,
    linear_share: float = 0.8,
    nO: int | None = None,
) -> ScorerT:
    """Build a text classifier on token vectors.

    Args:
        tok2vec: Makes the token vectors.
        exclusive_classes: Whether exactly one label is right (softmax) or any number of
            them (logistic).
        pooling: One or several of "last", "mean", "max" and "attention", each at most
            once. "last" is the final state: where the encoder is one of ours with two
            directions, the backward half is taken from the first token.
        dropout: Probability, in [0, 1), of zeroing a feature of the pooled vector. Only
            in training, where `[training] dropout` replaces it.
        linear_model: A model without an output layer, such as
            `spacy-rnn.BagOfNgrams.v1`, whose scores are averaged with the network's.
            The two are trained apart, each by its own cross-entropy.
        linear_share: What it contributes to the average, in (0, 1).
        nO: Number of labels, if known.

    Raises:
        ValueError: If `pooling` is empty, unknown or repeats itself, or a rate is out
            of range.
    """
    width = tok2vec.maybe_get_dim("nO")
    pool = Pool(width, pooling=pooling, bidirectional=reads_both_ways(tok2vec))
    return build_classifier(
        [tok2vec, pool],
        None if width is None else width * len(pooling),
        tok2vec=tok2vec,
        pool=pool,
        exclusive_classes=exclusive_classes,
        dropout=dropout,
        linear_model=linear_model,
        linear_share=linear_share,
        nO=nO,
    )


def build_classifier(
    doc2vec: list[Model],
    width: int | None,
    *,
    tok2vec: Tok2VecT,
    pool: PoolT,
    exclusive_classes: bool,
    dropout: float,
    linear_model: ScorerT | None,
    linear_share: float,
    nO: int | None,
) -> ScorerT:
    """Build a text classifier on document vectors.

    Args:
        doc2vec: Layers that make the document vectors, shape (B, width), in a chain.
        width: Their width, if known.
        tok2vec: The part of `doc2vec` that makes token vectors.
        pool: The part of it that pools those.
        exclusive_classes: See `build_textcat`, and so for the others.
        dropout: Of the document vectors.
        linear_model: Scores documents by their words.
        linear_share: What it contributes to the average.
        nO: Number of labels, if known.

    Raises:
        ValueError: If a rate is out of range.
    """
    check_rate("dropout", dropout)
    check_share("linear_share", linear_share)
    scorer = network = build_network(doc2vec, width, dropout, nO)
    if linear_model is not None:
        scorer = OpinionPool(
            linear_model, network, share=linear_share, exclusive=exclusive_classes
        )
    model: ScorerT = chain(scorer, Probabilities(exclusive=exclusive_classes))
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("pool", pool)
    model.set_ref("output_layer", network.layers[-1].layers[0])
    if nO is not None:
        model.set_dim("nO", nO)
    model.attrs["multi_label"] = not exclusive_classes
    model.attrs["resize_output"] = resize_output
    model.attrs["explain"] = explain
    model.attrs["follow"] = follow
    return model


def follow(model: ScorerT, upstream: Tok2VecT) -> None:
    """Pool the token vectors of another component as those of its encoder."""
    model.get_ref("pool").attrs["bidirectional"] = reads_both_ways(upstream)


def explain(
    model: ScorerT, docs: Sequence[Doc], log_odds: LogOdds
) -> list[Contributions]:
    """Find what the tokens contribute to the scores of both parts, see `contributions`.

    A linear model of spaCy's adds nothing to what tokens contribute.
    """
    scorer, embed = model.layers[0], find_embed(model)
    if scorer.name != "opinion_pool":
        return contributions(scorer, docs, log_odds, embed=embed)
    _, network = scorer.layers
    linear = linear_part(scorer, docs)
    return contributions(network, docs, log_odds, embed=embed, linear=linear)


def build_network(
    doc2vec: list[Model], width: int | None, dropout: float, nO: int | None
) -> ScorerT:
    """Score documents by their vectors. Shape (B, K)."""
    output_layer: Model = resizable(
        Linear(nO, width),
        resize_layer=partial(
            resize_linear_weighted, fill_defaults={"W": 0.0, "b": NEW_LABEL_BIAS}
        ),
    )
    network: ScorerT = chain(*doc2vec, Dropout(dropout), output_layer)
    network.attrs["resize_output"] = resize_network
    return network


def resize_network(network: ScorerT, new_nO: int) -> ScorerT:
    resize_model(network.layers[-1], new_nO)
    return network


def resize_output(model: ScorerT, new_nO: int) -> ScorerT:
    """Make room for more labels. The scores of the old ones stay as they are."""
    scorer, old_nO = model.layers[0], model.maybe_get_dim("nO")
    branches = scorer.layers if scorer.name == "opinion_pool" else [scorer]
    for branch in branches:
        branch.attrs["resize_output"](branch, new_nO)
    for node in (model, scorer, *branches):
        node.set_dim("nO", new_nO, force=True)
    if len(branches) > 1 and old_nO is not None:
        lower_new_labels(branches[0], old_nO)
    model.set_ref("output_layer", branches[-1].layers[-1].layers[0])
    return model


def lower_new_labels(linear_model: ScorerT, old_nO: int) -> None:
    """Start new labels of spaCy's linear models as low as those of ours."""
    output_layer = linear_model.maybe_get_ref("output_layer")
    if output_layer is not None and output_layer.has_param("b"):
        b: Any = output_layer.get_param("b")
        b[old_nO:] = NEW_LABEL_BIAS
        output_layer.set_param("b", b)
