"""A small run on real sentences, with what makes going on hard.

A shared encoder, sub-batches, schedules that count steps, dropout and averages.
"""

import io
from pathlib import Path

import pytest
import srsly
from spacy import util
from spacy.training.initialize import init_nlp
from thinc.api import Config

from spacy_rnn.training.checkpoint import DIGEST_SIZE, MAGIC, Checkpoint
from spacy_rnn.training.loop import train

SENTIMENT = Path(__file__).parents[2] / "corpus" / "sentiment"

CONFIG = """
[paths]
train = null
dev = null

[nlp]
lang = "en"
pipeline = ["tok2vec", "rnn_textcat", "textcat"]

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy-rnn.HashEmbedRNN.v1"
width = 16
embed_size = 200
depth = 1
dropout = 0.2

[components.rnn_textcat]
factory = "rnn_textcat"

[components.rnn_textcat.model]
@architectures = "spacy-rnn.TextCat.v1"
exclusive_classes = true

[components.rnn_textcat.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 16
upstream = "tok2vec"

[components.textcat]
factory = "textcat"

[components.textcat.model]
@architectures = "spacy.TextCatBOW.v3"
exclusive_classes = true
length = 1000
ngram_size = 1
no_output_layer = false

[corpora]

[corpora.train]
@readers = "spacy-rnn.TextCorpus.v1"
path = ${paths.train}
limit = 60

[corpora.dev]
@readers = "spacy-rnn.TextCorpus.v1"
path = ${paths.dev}
limit = 20

[training]
seed = 3
dropout = 0.1
accumulate_gradient = 2
max_steps = 24
eval_frequency = 5
patience = 0

[training.batcher]
@batchers = "spacy.batch_by_words.v1"
discard_oversize = false
tolerance = 0.2

[training.batcher.size]
@schedules = "compounding.v1"
start = 60
stop = 400
compound = 1.1

[training.optimizer]
@optimizers = "Adam.v1"
use_averages = true

[training.optimizer.learn_rate]
@schedules = "spacy-rnn.plateau.v1"
initial_rate = 0.01
patience = 0

[training.score_weights]
cats_score = 1.0
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that trains into a folder and returns what was printed."""

    def start(folder="run", *, overrides=None, **options):
        nlp = make_nlp(overrides or {})
        stdout = io.StringIO()
        train(nlp, tmp_path / folder, stdout=stdout, stderr=stdout, **options)
        return stdout.getvalue()

    return start


def make_nlp(overrides, text=CONFIG):
    config = Config().from_str(
        text,
        overrides={
            "paths.train": str(SENTIMENT / "train.jsonl"),
            "paths.dev": str(SENTIMENT / "dev.jsonl"),
        }
        | overrides,
    )
    return init_nlp(util.load_model_from_config(config, auto_fill=True).config)


def read_folder(path):
    """Return the content of every file of a folder."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file()
    }


def read_checkpoint(path):
    """Return a checkpoint, whichever run it is of."""
    content = srsly.msgpack_loads(path.read_bytes()[len(MAGIC) + DIGEST_SIZE :])
    return Checkpoint.load(path, content["identity"])
