"""Several embeddings as one, for `embed` in `spacy.Tok2Vec.v2`."""

from typing import Any

from thinc.api import Model

from spacy_rnn.layers.stacked import Stacked
from spacy_rnn.types import Tok2VecT


# A config's blocks in a mapping are checked while they are dicts still, so that a more
# precise type of `embeds` would refuse them.
def build_stacked_embed(embeds: dict[str, Any]) -> Tok2VecT:
    """Build an embedding whose vectors are those of several ones, side by side.

    In a config the block [….embed.embeds] needs a header of its own, above those of the
    embeddings, such as [….embed.embeds.words].

    Args:
        embeds: Embeddings, models from documents to an array per document, by names of
            your choice. Their vectors stand in the sorted order of the names, so that a
            saved model is the same however its config is written.

    Raises:
        ValueError: If there is no embedding, or one of them isn't a model.
    """
    if not embeds:
        raise ValueError(
            "embeds needs at least one embedding, in a block of its own below "
            "[...embeds], such as [...embeds.words]"
        )
    for name, embed in embeds.items():
        if not isinstance(embed, Model):
            raise ValueError(
                f"embeds.{name} has to be an embedding, in a block with an "
                f"@architectures, but it is {embed!r}"
            )
    return Stacked([embeds[name] for name in sorted(embeds)])
