"""Small components that write texts, and pairs for them."""

import spacy
from spacy.training import Example
from thinc.api import fix_random_seed

FACTORIES = {
    "rnn_translator": "translation",
    "rnn_abstractive_summarizer": "summary",
}
PAIRS = [
    ("The dog sleeps.", "Der Hund schläft."),
    ("A cat sleeps in the house.", "Eine Katze schläft im Haus."),
    ("The cat sees the dog!", "Die Katze sieht den Hund!"),
    ("Anna reads", "Anna liest"),
]
TEXTS = [source for source, _ in PAIRS]


def small_model(**settings):
    return {
        "@architectures": "spacy-rnn.Seq2Seq.v1",
        "width": 24,
        "hidden_width": 24,
        "encode": {"@architectures": "spacy-rnn.RNNEncoder.v1", "width": 24},
        "subwords": {"@architectures": "spacy-rnn.Subwords.v1", "size": 330},
        **settings,
    }


def make_nlp(factory="rnn_translator", model=None, **config):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, config={"model": model or small_model(), **config})
    return nlp


def make_examples(nlp, extension="translation", pairs=PAIRS):
    examples = []
    for source, target in pairs:
        reference = nlp.make_doc(source)
        reference._.set(extension, target)
        examples.append(Example(nlp.make_doc(source), reference))
    return examples


def fit(nlp, examples, steps=60, optimizer=None, **kwargs):
    optimizer = optimizer or nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    losses = {}
    for _ in range(steps):
        losses = {}
        nlp.update(examples, sgd=optimizer, losses=losses, **kwargs)
    return losses


def written(nlp, texts=TEXTS, extension="translation", **kwargs):
    return [doc._.get(extension) for doc in nlp.pipe(texts, **kwargs)]
