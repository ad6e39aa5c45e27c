"""Which models a component can do with."""

from typing import Any, Protocol

from thinc.api import Model

ONE_LABEL = (
    "exactly one label of a text (exclusive_classes = true), as spacy-rnn.TextCat.v1 "
    "does"
)
ANY_LABELS = (
    "any number of labels of a text (exclusive_classes = false), as "
    "spacy-rnn.TextCat.v1 does"
)
TAGS = "the tag of each token by itself, as spacy-rnn.Tagger.v1 does"
TAG_SEQUENCES = "sequences of tags, as spacy-rnn.CRFTagger.v1 does"
SENTENCES = "which sentences make a summary, as spacy-rnn.SentenceScorer.v1 does"
NEW_TEXTS = "a new text, as spacy-rnn.Seq2Seq.v1 does"
STEPS = "the steps of a parser, as spacy.TransitionBasedParser.v2 does"
SPANS = "the labels of suggested spans, as spacy.SpanCategorizer.v1 does"
VECTORS = "vectors of tokens only, as spacy.Tok2Vec.v2 does"
NO_PROBABILITIES = (
    "scores of labels that are no probabilities, as spacy-rnn.BagOfNgrams.v1 does"
)
OTHER = None  # it may predict what is needed, by an architecture of its own


class Component(Protocol):
    """A component, and the kinds of models that it can do with."""

    name: str
    model: Any
    model_kinds: tuple[str | None, ...]


def check_model(pipe: Component) -> None:
    """Raise a ValueError for a component with a model that is made for another one.

    Some would train and only be wrong: labels that share a sum of 1 can't all be right,
    and the other way round none has to be.
    """
    found = find_kind(pipe.model)
    if found not in pipe.model_kinds:
        wanted = " or ".join(kind for kind in pipe.model_kinds if kind is not None)
        raise ValueError(
            f"The model of '{pipe.name}' has to predict {wanted}. It predicts "
            f"{found or 'something else'}."
        )


def find_kind(model: Model) -> str | None:
    """Tell what a model predicts by what our architectures and spaCy's leave in it."""
    # A part's name alone says little, as models of other kinds may have such a part.
    last = model.layers[-1] if model.layers else model
    output_layer, softmax, encode = map(
        model.maybe_get_ref, ("output_layer", "softmax", "encode")
    )
    signs = {
        ONE_LABEL: model.attrs.get("multi_label") is False,
        ANY_LABELS: model.attrs.get("multi_label") is True,
        TAGS: softmax in last.layers,  # for each row of a list
        TAG_SEQUENCES: output_layer is not None and output_layer.name == "crf",
        SENTENCES: model.name == "sentence_scorer",
        NEW_TEXTS: "learn_pieces" in model.attrs,
        STEPS: model.name == "parser_model",
        SPANS: "extract_spans" in (layer.name for layer in model.layers),
        VECTORS: encode in (last, *last.layers) or model.name == "tok2vec-listener",
        NO_PROBABILITIES: last.name == "ngrams",
    }
    return next((kind for kind, is_there in signs.items() if is_there), OTHER)
