"""A small pipeline, with a component that does as the text says."""

import os

import spacy
from spacy.training import Example

CODE = """
import os
from spacy.language import Language

@Language.component("obey")
def obey(doc):
    if "fail" in doc.text:
        raise ValueError("as you say")
    if "die" in doc.text:
        os._exit(9)
    return doc
"""
ROWS = [
    ("Ada likes soup.", [(0, 3, "PERSON")], "good"),
    ("Bob hates soup.", [(0, 3, "PERSON")], "bad"),
]


def make_pipeline(folder):
    """Save a pipeline and the code that it needs. Return the paths of both."""
    code = folder / "code.py"
    code.write_text(CODE)
    spacy.util.import_file("python_code", code)
    nlp = spacy.blank("en")
    for name in ("rnn_ner", "rnn_textcat"):
        nlp.add_pipe(name)
    examples = []
    for text, ents, label in ROWS:
        cats = {name: float(name == label) for name in ("good", "bad")}
        annotation = {"entities": ents, "cats": cats}
        examples.append(Example.from_dict(nlp.make_doc(text), annotation))
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(10):
        nlp.update(examples, sgd=optimizer)
    nlp.add_pipe("obey")
    nlp.to_disk(folder / "model")
    return folder / "model", code


class Obedient:
    """An annotator that has no pipeline to load."""

    def __call__(self, table):
        (text,) = table["text"].to_pylist()
        if "fail" in text:
            raise OSError("as you say")
        if "die" in text:
            os._exit(9)
        return table
