"""Train and save the model that later versions have to load: python make.py."""

from pathlib import Path

import spacy
import srsly
from spacy.training import Example
from thinc.api import fix_random_seed

HERE = Path(__file__).parent
TEXTS = {
    "A warm room and a lovely view.": "positive",
    "Kind staff, and good bread!": "positive",
    "Cold soup and a rude waiter.": "negative",
    "The lamp broke on the first day.": "negative",
    "The train leaves at nine.": "neutral",
    "There are two chairs in the hall.": "neutral",
}
ASKED = [*TEXTS, "", "A lovely lamp, but cold.", "¿Qué? 😀"]
MODEL = {
    "@architectures": "spacy-rnn.TextCat.v1",
    "exclusive_classes": True,
    "pooling": ["last", "mean", "max", "attention"],
    "linear_model": {"@architectures": "spacy-rnn.BagOfNgrams.v1", "rows": 256},
    "tok2vec": {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": "spacy-rnn.MultiHashEmbed.v1",
            "width": 6,
            "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
            "rows": [60, 30, 30, 30],
            "include_static_vectors": False,
        },
        "encode": {
            "@architectures": "spacy-rnn.RNNEncoder.v1",
            "width": 8,
            "depth": 2,
            "residual": True,
            "layer_norm": True,
        },
    },
}


def main() -> None:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_textcat", config={"model": MODEL})
    labels = sorted(set(TEXTS.values()))
    examples = [
        Example.from_dict(
            nlp.make_doc(text),
            {"cats": {name: float(name == label) for name in labels}},
        )
        for text, label in TEXTS.items()
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(HERE / "model", exclude=["tokenizer"])
    scores = {doc.text: doc.cats for doc in nlp.pipe(ASKED)}
    srsly.write_json(HERE / "scores.json", scores)


if __name__ == "__main__":
    main()
