"""A small pipeline of any one component, with an example for it."""

from small_writer import small_model
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed

WORDS = ["Ada", "saw", "Bern", "."]
ANNOTATION = {
    "rnn_textcat": {"cats": {"good": 1.0, "bad": 0.0}},
    "rnn_textcat_multilabel": {"cats": {"good": 1.0, "bad": 0.0}},
    "rnn_tagger": {"tags": ["NNP", "VBD", "NNP", "."]},
    "rnn_morphologizer": {"pos": ["PROPN", "VERB", "PROPN", "PUNCT"]},
    "rnn_ner": {"entities": ["U-PER", "O", "U-LOC", "O"]},
    "rnn_summarizer": {"sent_starts": [1, 0, 1, 0]},
    "rnn_translator": {},
}


def make_pipeline(factory, make_nlp, make_tok2vec, **config):
    """Make a pipeline of one component, ready to be trained, and an example for it."""
    models = {
        "rnn_summarizer": {
            "@architectures": "spacy-rnn.SentenceScorer.v1",
            "tok2vec": make_tok2vec(),
        },
        "rnn_translator": small_model(copying=True),
    }
    fix_random_seed(0)
    if factory in models:
        config["model"] = models[factory]
    nlp = make_nlp(factory, **config)
    starts = [True, False, True, False]
    doc = Doc(nlp.vocab, words=WORDS, sent_starts=starts)
    example = Example.from_dict(doc, ANNOTATION[factory])
    gold = example.reference
    gold.spans["summary"] = [gold[0:2]]
    if factory == "rnn_translator":
        gold._.translation = "Bern"
    nlp.initialize(lambda: [example])
    return nlp, example
