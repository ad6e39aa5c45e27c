"""Models that were made for another component."""

import re

import pytest
import spacy
from single_components import ANNOTATION
from small_writer import small_model
from spacy.training import Example

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
