"""Small pipelines of spaCy's and our components, trained by spaCy's loop."""

import spacy
from spacy.training import Example
from spacy.training.loop import train_while_improving
from thinc.api import Adam, fix_random_seed

ROWS = [
    ("We loved the warm soup", "PRON VERB DET ADJ NOUN", "good"),
    ("Rude staff , slow", "ADJ NOUN PUNCT ADJ", "bad"),
    ("The soup was cold", "DET NOUN VERB ADJ", "bad"),
    ("Warm rooms !", "ADJ NOUN PUNCT", "good"),
]
ENCODERS = {
    "spacy": {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": 8,
        "depth": 1,
        "window_size": 1,
        "maxout_pieces": 2,
    },
    "ours": {"@architectures": "spacy-rnn.RNNEncoder.v1", "width": 8},
}
EMBED = {
    "@architectures": "spacy.MultiHashEmbed.v2",
    "width": 8,
    "attrs": ["NORM"],
    "rows": [50],
    "include_static_vectors": False,
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8, "upstream": "*"}
TAGGER = {"@architectures": "spacy.Tagger.v2", "tok2vec": LISTENER}
SPACY_TEXTCAT = {
    "@architectures": "spacy.TextCatBOW.v3",
    "exclusive_classes": True,
    "ngram_size": 1,
    "length": 64,
    "no_output_layer": False,
}
OUR_TEXTCAT = {
    "@architectures": "spacy-rnn.TextCat.v1",
    "exclusive_classes": True,
    "tok2vec": LISTENER,
    "linear_model": None,
}


def make_nlp(kind):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    tok2vec = {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": EMBED,
        "encode": ENCODERS[kind],
    }
    if kind == "ours":
        nlp.add_pipe("tok2vec", config={"model": tok2vec})
        nlp.add_pipe("rnn_textcat", config={"model": OUR_TEXTCAT})
        nlp.add_pipe("tagger", config={"model": TAGGER})
    else:
        nlp.add_pipe("textcat", config={"model": SPACY_TEXTCAT})
        nlp.add_pipe("tok2vec", config={"model": tok2vec})
        nlp.add_pipe("tagger", config={"model": TAGGER})
    examples = []
    for text, tags, label in ROWS:
        cats = {name: float(name == label) for name in ("good", "bad")}
        annotation = {"tags": tags.split(), "cats": cats}
        examples.append(Example.from_dict(nlp.make_doc(text), annotation))
    nlp.initialize(lambda: examples)
    return nlp, examples


def weights(nlp):
    return [
        layer.get_param(name)
        for _, pipe in nlp.pipeline
        for layer in pipe.model.walk()
        for name in layer.param_names
    ]


def run_loop(
    nlp, batches, accumulate_gradient=1, before_update=None, log_step=lambda _: None
):
    """Train on batches with spaCy's loop; without `log_step` nothing is logged."""
    loop = train_while_improving(
        nlp,
        Adam(0.01, grad_clip=0.0),
        [(0, batch) for batch in batches],
        lambda: (0.0, {}),
        dropout=0.0,
        eval_frequency=4,
        accumulate_gradient=accumulate_gradient,
        patience=0,
        max_steps=0,
        exclude=[],
        annotating_components=[],
        before_update=before_update,
    )
    for _, info, is_best in loop:
        log_step(info if is_best is not None else None)
