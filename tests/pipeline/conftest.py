"""Small pipelines, which the tests of the components share."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import spacy
from single_components import make_pipeline
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import fix_random_seed

LABELS = ["good", "bad", "odd"]
TEXTS = [
    "We loved the warm soup.",
    "The staff were rude and slow!",
    "A purple goat sang opera",
]
TRUTHS = {
    "rnn_textcat": [{"good"}, {"bad"}, {"odd"}],
    "rnn_textcat_multilabel": [{"good"}, {"bad", "odd"}, set()],
}
TAGGED = [
    {
        "words": ["She", "likes", "green", "eggs", "!"],
        "tags": ["PRP", "VBZ", "JJ", "NNS", "."],
        "pos": ["PRON", "VERB", "ADJ", "NOUN", "PUNCT"],
        "morphs": ["Case=Nom|Number=Sing", "Tense=Pres", "", "Number=Plur", ""],
    },
    {
        "words": ["Eat", "blue", "ham"],
        "tags": ["VB", "JJ", "NN"],
        "pos": ["VERB", "ADJ", "NOUN"],
        "morphs": ["Mood=Imp", "", "Number=Sing"],
    },
]
ENTITIES = [
    (
        ["Ada", "Byron", "left", "New", "York", "City", "for", "Bern", "."],
        ["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "I-LOC", "O", "B-LOC", "O"],
    ),
    (["So", "Bern", "met", "Ada"], ["O", "B-LOC", "O", "B-PER"]),
    (["Nobody", "stayed", "there", "!"], ["O", "O", "O", "O"]),
]
PEERS = {"rnn_textcat": "textcat", "rnn_textcat_multilabel": "textcat_multilabel"}


def tiny_tok2vec(width: int = 8, **encode) -> dict:
    return {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": "spacy-rnn.MultiHashEmbed.v1",
            "width": 12,
            "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
            "rows": [200, 100, 100, 100],
            "include_static_vectors": False,
        },
        "encode": {
            "@architectures": "spacy-rnn.RNNEncoder.v1",
            "width": width,
            "depth": 1,
            **encode,
        },
    }


def tiny_linear_model(factory: str) -> dict | None:
    default_model = Language.get_factory_meta(factory).default_config["model"]
    linear_model = default_model.get("linear_model")
    return linear_model and {**linear_model, "rows": 500}


def tiny_model(factory: str, **settings) -> dict:
    return {
        "@architectures": "spacy-rnn.TextCat.v1",
        "exclusive_classes": "multilabel" not in factory,
        "pooling": ["max", "attention"],
        "tok2vec": tiny_tok2vec(),
        "linear_model": tiny_linear_model(factory),
        **settings,
    }


def tiny_tagger(**settings) -> dict:
    return {
        "@architectures": "spacy-rnn.Tagger.v1",
        "tok2vec": tiny_tok2vec(),
        **settings,
    }


def tiny_crf(**settings) -> dict:
    return {
        "@architectures": "spacy-rnn.CRFTagger.v1",
        "tok2vec": tiny_tok2vec(),
        **settings,
    }


@pytest.fixture(autouse=True)
def _same_start():
    fix_random_seed(0)


@pytest.fixture(params=["rnn_textcat", "rnn_textcat_multilabel"])
def factory(request) -> str:
    return request.param


@pytest.fixture
def peer(factory) -> str:
    """Name of the component of spaCy that does the same."""
    return PEERS[factory]


@pytest.fixture
def texts() -> list[str]:
    return list(TEXTS)


@pytest.fixture(scope="session")
def make_model() -> Callable:
    """Describe a small model for a factory: `make_model(factory, **settings)`."""
    return tiny_model


@pytest.fixture(scope="session")
def make_tok2vec() -> Callable:
    """Describe a small tok2vec: `make_tok2vec(width, **encode)`."""
    return tiny_tok2vec


@pytest.fixture(scope="session")
def make_tagger() -> Callable:
    """Describe a small model that labels tokens: `make_tagger(**settings)`."""
    return tiny_tagger


@pytest.fixture(scope="session")
def make_tagged() -> Callable:
    """Make examples with tags, parts of speech and features: `make_tagged(nlp)`.

    `make_tagged(nlp, rows)` makes them of other rows.
    """

    def make(nlp: Language, rows: Iterable[dict] = TAGGED) -> list[Example]:
        examples = []
        for row in rows:
            annotation = dict(row)
            doc = Doc(nlp.vocab, words=annotation.pop("words"))
            examples.append(Example.from_dict(doc, annotation))
        return examples

    return make


@pytest.fixture(scope="session")
def make_ner() -> Callable:
    """Make a pipeline of a small entity recognizer: `make_ner(**config)`."""

    def make(**config) -> Language:
        nlp = spacy.blank("en")
        nlp.add_pipe("rnn_ner", config={"model": tiny_crf(), **config})
        return nlp

    return make


@pytest.fixture(scope="session")
def make_entities() -> Callable:
    """Make examples: `make_entities(nlp)`, or of other words and tags.

    `make_entities(nlp, rows, key="chunks")` makes them with a group of spans.
    """

    def make(
        nlp: Language, rows: Iterable = ENTITIES, key: str | None = None
    ) -> list[Example]:
        examples = []
        for words, tags in rows:
            doc = Doc(nlp.vocab, words=words, ents=tags)
            if key is not None:
                doc.spans[key] = doc.ents
                doc.set_ents([], default="missing")
            examples.append(Example(Doc(nlp.vocab, words=words), doc))
        return examples

    return make


@pytest.fixture(scope="session")
def make_nlp() -> Callable:
    """Make a pipeline of one small component: `make_nlp(factory, lang, **config)`."""

    def make(factory: str, lang: str = "en", **config) -> Language:
        nlp = spacy.blank(lang)
        textcat = factory.startswith("rnn_textcat")
        model = tiny_model(factory) if textcat else tiny_tagger()
        config.setdefault("model", model)
        nlp.add_pipe(factory, config=config)
        return nlp

    return make


@pytest.fixture(scope="session")
def make_examples() -> Callable:
    """Make examples: `make_examples(nlp, factory)` or `make_examples(nlp, pairs)`."""

    def make(nlp: Language, source: str | Iterable[tuple[str, dict]]) -> list[Example]:
        if isinstance(source, str):
            truths = TRUTHS["rnn_textcat" + "_multilabel" * ("multi" in source)]
            cats = [{label: float(label in t) for label in LABELS} for t in truths]
            source = zip(TEXTS, cats, strict=True)
        return [
            Example.from_dict(nlp.make_doc(text), {"cats": cats})
            for text, cats in source
        ]

    return make


@pytest.fixture(scope="session")
def fit() -> Callable:
    """Train a pipeline: `fit(nlp, examples, steps)`."""

    def train(
        nlp: Language,
        examples: list[Example],
        steps: int = 25,
        *,
        initialize: bool = True,
        learn_rate: float = 0.02,
        **kwargs,
    ):
        optimizer = (
            nlp.initialize(lambda: examples) if initialize else nlp.create_optimizer()
        )
        optimizer.learn_rate = learn_rate
        for _ in range(steps):
            nlp.update(examples, sgd=optimizer, **kwargs)
        return optimizer

    return train


@pytest.fixture(scope="session")
def scores_of() -> Callable:
    """Predict: `scores_of(nlp, texts)`, shape (texts, labels)."""

    def predict(nlp: Language, texts: list[str] = TEXTS) -> np.ndarray:
        return np.array([list(doc.cats.values()) for doc in nlp.pipe(texts)])

    return predict


@pytest.fixture(scope="session")
def saved(tmp_path_factory, make_nlp, make_examples, fit) -> dict:
    """Folders of trained pipelines, by factory."""
    folders = {}
    for factory in TRUTHS:
        fix_random_seed(0)
        nlp = make_nlp(factory)
        fit(nlp, make_examples(nlp, factory))
        folders[factory] = tmp_path_factory.mktemp(factory) / "model"
        nlp.to_disk(folders[factory])
    return folders


@pytest.fixture(scope="module")
def shared(saved) -> dict:
    """Trained pipelines by factory, for tests that only read."""
    return {factory: spacy.load(path) for factory, path in saved.items()}


@pytest.fixture
def trained(saved, factory) -> Language:
    """A trained pipeline, freshly loaded."""
    return spacy.load(saved[factory])


@pytest.fixture(scope="session")
def saved_ner(tmp_path_factory, make_ner, make_entities, fit) -> Path:
    """Folder of a trained pipeline."""
    fix_random_seed(0)
    nlp = make_ner()
    fit(nlp, make_entities(nlp), 20)
    path = tmp_path_factory.mktemp("rnn_ner") / "model"
    nlp.to_disk(path)
    return path


@pytest.fixture
def trained_ner(saved_ner) -> Language:
    """A trained pipeline, freshly loaded."""
    return spacy.load(saved_ner)


@pytest.fixture
def make_pipe(make_nlp, make_tok2vec) -> Callable:
    """Make a pipeline of any one component, and an example: `make_pipe(factory)`."""
    return partial(make_pipeline, make_nlp=make_nlp, make_tok2vec=make_tok2vec)
