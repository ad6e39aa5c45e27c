"""spaCy's command line in this process, and a model that was trained with it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import spacy
import srsly
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

LABELS = ["good", "bad", "odd"]
ROWS = [
    ("We loved the warm soup.", {"good"}),
    ("Great soup, we loved it!", {"good"}),
    ("The staff were rude.", {"bad"}),
    ("Rude and slow staff, never again", {"bad"}),
    ("A purple goat sang opera", {"odd"}),
    ("The goat sang in purple", {"odd"}),
]
CONFIG = """
[paths]
train = "TRAIN"
dev = "TRAIN"
vectors = null
init_tok2vec = null

[nlp]
lang = "en"
pipeline = ["FACTORY"]

[components]

[components.FACTORY]
factory = "FACTORY"

[components.FACTORY.model]
@architectures = "spacy-rnn.TextCat.v1"
exclusive_classes = EXCLUSIVE
pooling = ["max", "last"]

[components.FACTORY.model.tok2vec]
@architectures = "spacy.Tok2Vec.v2"

[components.FACTORY.model.tok2vec.embed]
@architectures = "spacy-rnn.MultiHashEmbed.v1"
width = 12
attrs = ["NORM", "PREFIX"]
rows = [200, 100]
include_static_vectors = false

[components.FACTORY.model.tok2vec.encode]
@architectures = "spacy-rnn.RNNEncoder.v1"
width = 8
cell = "gru"

[corpora]

[corpora.train]
@readers = "spacy-rnn.TextCorpus.v1"
path = ${paths.train}

[corpora.dev]
@readers = "spacy-rnn.TextCorpus.v1"
path = ${paths.dev}

[training]
max_steps = 40
eval_frequency = 20
dropout = 0.0

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.02
use_averages = true

[initialize]
vectors = ${paths.vectors}
init_tok2vec = ${paths.init_tok2vec}
"""


@pytest.fixture(scope="session", params=["rnn_textcat", "rnn_textcat_multilabel"])
def factory(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def run_spacy() -> Callable[..., str]:
    """Run a command, as `python -m spacy` does: `run_spacy("train", path)`."""
    spacy.registry.cli.get_all()

    def run(*args: object, exit_code: int = 0) -> str:
        result = CliRunner().invoke(app, [str(arg) for arg in args])
        if result.exit_code and result.exception and not exit_code:
            raise AssertionError(result.output) from result.exception
        assert result.exit_code == exit_code, result.output
        return result.output

    return run


@pytest.fixture(scope="session")
def folder(tmp_path_factory, factory) -> Path:
    """A folder with data.jsonl, data.spacy and base.cfg."""
    folder = tmp_path_factory.mktemp(factory)
    srsly.write_jsonl(
        folder / "data.jsonl",
        [{"text": text, "labels": sorted(labels)} for text, labels in ROWS],
    )
    nlp, docs = spacy.blank("en"), DocBin()
    for text, labels in ROWS:
        doc = nlp(text)
        doc.cats = {label: float(label in labels) for label in LABELS}
        docs.add(doc)
    docs.to_disk(folder / "data.spacy")
    config = CONFIG.replace("TRAIN", str(folder / "data.jsonl"))
    config = config.replace("FACTORY", factory)
    config = config.replace("EXCLUSIVE", str("multi" not in factory).lower())
    (folder / "base.cfg").write_text(config)
    return folder


@pytest.fixture(scope="session")
def config(folder, run_spacy) -> Path:
    """A complete config."""
    run_spacy("init", "fill-config", folder / "base.cfg", folder / "full.cfg")
    return folder / "full.cfg"


@pytest.fixture(scope="session")
def model(folder, config, run_spacy) -> Path:
    """A model that `spacy train` has trained."""
    run_spacy("train", config, "--output", folder / "training")
    return folder / "training" / "model-best"
