"""Models that were made for another component."""

import re

import pytest
import spacy
from single_components import ANNOTATION
from small_writer import small_model
from spacy.training import Example
from spacy.util import registry
from thinc.api import (
    Softmax,
    chain,
    list2ragged,
    reduce_mean,
    softmax_activation,
    with_array,
)

from spacy_rnn.layers.ngrams import Ngrams

FITTING = {
    "rnn_textcat": {"spacy-rnn.TextCat.v1"},
    "rnn_textcat_multilabel": {"spacy-rnn.TextCat.v1"},
    "rnn_tagger": {"spacy-rnn.Tagger.v1", "spacy.Tagger.v2"},
    "rnn_morphologizer": {"spacy-rnn.Tagger.v1", "spacy.Tagger.v2"},
    "rnn_ner": {"spacy-rnn.CRFTagger.v1", "spacy-rnn.Tagger.v1", "spacy.Tagger.v2"},
    "rnn_summarizer": {"spacy-rnn.SentenceScorer.v1"},
    "rnn_translator": {"spacy-rnn.Seq2Seq.v1"},
    "rnn_abstractive_summarizer": {"spacy-rnn.Seq2Seq.v1"},
}
ON_TOKEN_VECTORS = {
    "spacy-rnn.TextCat.v1": {"exclusive_classes": True, "pooling": ["max"]},
    "spacy-rnn.Tagger.v1": {},
    "spacy.Tagger.v2": {},
    "spacy-rnn.CRFTagger.v1": {},
    "spacy-rnn.SentenceScorer.v1": {},
    "spacy.TransitionBasedParser.v2": {
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 8,
        "maxout_pieces": 2,
        "use_upper": True,
    },
    "spacy.SpanCategorizer.v1": {
        "reducer": {"@layers": "spacy.mean_max_reducer.v1", "hidden_size": 8},
        "scorer": {"@layers": "spacy.LinearLogistic.v1"},
    },
}
OTHERS = {
    "spacy-rnn.Seq2Seq.v1": small_model(),
    "spacy-rnn.BagOfNgrams.v1": {"rows": 9},
    "spacy.Tok2VecListener.v1": {"width": 8},
}
# What those go by that predict the same as another.
CALLED = {
    "spacy.Tagger.v2": "spacy-rnn.Tagger.v1",
    "spacy.Tok2VecListener.v1": "spacy.Tok2Vec.v2",
}


@pytest.mark.parametrize(
    ("factory", "architecture"),
    [
        (factory, architecture)
        for factory, fitting in FITTING.items()
        for architecture in (*ON_TOKEN_VECTORS, *OTHERS, "spacy.Tok2Vec.v2")
        if architecture not in fitting
    ],
)
def test_a_model_for_another_component_is_refused_with_what_would_fit(
    make_tok2vec, factory, architecture
):
    model = OTHERS.get(architecture, make_tok2vec())
    if architecture in ON_TOKEN_VECTORS:
        model = {"tok2vec": make_tok2vec(), **ON_TOKEN_VECTORS[architecture]}
    config = {"model": {**model, "@architectures": architecture}}
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, name="mine", config=config)
    annotation = ANNOTATION.get(factory, {})
    example = Example.from_dict(nlp.make_doc("Ada saw Bern ."), annotation)
    with pytest.raises(ValueError, match="'mine' has to predict") as caught:
        nlp.initialize(lambda: [example])
    wanted, given = str(caught.value).split(". It predicts ")
    named = set(re.findall(r"spacy-rnn\.\w+\.v\d", wanted))
    assert named == FITTING[factory] - CALLED.keys()
    assert CALLED.get(architecture, architecture) in given


def tagger_of_parts(encoder):
    model = chain(encoder, with_array(Softmax(nI=encoder.get_dim("nO"))))
    model.set_ref("encode", encoder)
    return model


def classifier_of_parts(encoder):
    reducer, softmax = reduce_mean(), Softmax(nI=encoder.get_dim("nO"))
    model = chain(encoder, list2ragged(), reducer, softmax)
    for name, part in {"encode": encoder, "reducer": reducer}.items():
        model.set_ref(name, part)
    model.set_ref("softmax", softmax)
    return model


def classifier_of_ngrams(encoder):
    ngrams = Ngrams(ngram_size=1, attr="LOWER", rows=9, ngram_dropout=0.0)
    return chain(ngrams, softmax_activation())


@pytest.mark.parametrize(
    ("factory", "make_model"),
    [
        ("rnn_tagger", tagger_of_parts),
        ("rnn_textcat", classifier_of_parts),
        ("rnn_textcat", classifier_of_ngrams),
    ],
)
def test_a_model_of_an_own_architecture_may_have_parts_of_any_name(
    make_tok2vec, factory, make_model
):
    encoder = registry.resolve({"encoder": make_tok2vec()})["encoder"]
    nlp = spacy.blank("en")
    nlp.add_pipe(factory).model = make_model(encoder)
    doc = nlp.make_doc("Ada saw Bern .")
    example = Example.from_dict(doc, ANNOTATION[factory])
    nlp.initialize(lambda: [example])
    assert nlp.update([example])[factory] > 0.0
