"""Gradients clipped over all components of a pipeline."""

from pathlib import Path

import numpy as np
import pytest
import spacy
from mixed_pipelines import ENCODERS, make_nlp, run_loop, weights
from spacy.cli.train import train
from spacy.training.loop import subdivide_batch
from thinc.api import Adam, Config

from spacy_rnn.callbacks import create_clip_gradients
from spacy_rnn.gradients import NonFiniteGradientError

MAX_NORM = 0.05


def clip_by_hand(nlp, batches, accumulate_gradient):
    """The slow way, written out."""
    optimizer = Adam(0.01, grad_clip=0.0)
    norms = []
    for batch in batches:
        for part in subdivide_batch(batch, accumulate_gradient):
            nlp.update(part, sgd=False, drop=0.0)
        layers = [layer for _, pipe in nlp.pipeline for layer in pipe.model.walk()]
        gradients = [
            layer.get_grad(name)
            for layer in layers
            for name in layer.param_names
            if layer.has_grad(name)
        ]
        square = sum((each.astype("float64") ** 2).sum() for each in gradients)
        norms.append(np.sqrt(square))
        for each in gradients:
            each *= min(1.0, MAX_NORM / norms[-1])
        for _, pipe in nlp.pipeline:
            pipe.finish_update(optimizer)
    return norms


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("accumulate_gradient", [1, 3])
def test_training_is_that_of_gradients_clipped_by_hand(kind, accumulate_gradient):
    nlp, examples = make_nlp(kind)
    by_hand, _ = make_nlp(kind)
    plain, _ = make_nlp(kind)
    batches = [examples, examples[:3], examples[1:]] * 2
    run_loop(nlp, batches, accumulate_gradient, create_clip_gradients(MAX_NORM))
    norms = clip_by_hand(by_hand, batches, accumulate_gradient)
    assert min(norms) > MAX_NORM
    for old, new in zip(weights(by_hand), weights(nlp), strict=True):
        np.testing.assert_allclose(new, old, rtol=1e-5, atol=1e-6)
    run_loop(plain, batches, accumulate_gradient, None)
    differences = [
        abs(old - new).max()
        for old, new in zip(weights(plain), weights(nlp), strict=True)
    ]
    assert max(differences) > 1e-3


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_large_norm_changes_nothing(kind):
    (nlp, examples), (plain, _) = make_nlp(kind), make_nlp(kind)
    run_loop(nlp, [examples] * 3, 1, create_clip_gradients(1e6))
    run_loop(plain, [examples] * 3, 1, None)
    for old, new in zip(weights(plain), weights(nlp), strict=True):
        assert (old == new).all()


def test_frozen_components_are_left_out():
    nlp, examples = make_nlp("spacy")
    config = nlp.config
    config["training"]["frozen_components"] = ["textcat"]
    nlp.config = config
    before_update = create_clip_gradients(MAX_NORM)
    nlp.update(examples, sgd=False, exclude=["textcat"])
    before_update(nlp, {"step": 0, "epoch": 0})
    seen = []
    nlp.get_pipe("tok2vec").finish_update(
        lambda key, W, dW, **_: (W, seen.append((dW**2).sum()) or dW)
    )
    nlp.get_pipe("tagger").finish_update(
        lambda key, W, dW, **_: (W, seen.append((dW**2).sum()) or dW)
    )
    assert np.sqrt(sum(seen)) == pytest.approx(MAX_NORM, rel=1e-4)


def test_no_component_is_updated_with_a_gradient_that_is_not_a_number():
    nlp, examples = make_nlp("ours")
    before = [each.copy() for each in weights(nlp)]
    nlp.update(examples, sgd=False)
    model = nlp.get_pipe("rnn_textcat").model
    layer = next(layer for layer in model.walk() if layer.has_grad("W"))
    layer.get_grad("W").fill(np.nan)
    create_clip_gradients(0.0)(nlp, {"step": 0, "epoch": 0})
    with pytest.raises(NonFiniteGradientError, match="'rnn_textcat'"):
        nlp.get_pipe("tok2vec").finish_update(Adam(0.01))
    for old, new in zip(before, weights(nlp), strict=True):
        assert (old == new).all()


def test_a_negative_norm_is_refused():
    with pytest.raises(ValueError, match="max_norm has to be 0 or more"):
        create_clip_gradients(-1.0)


CONFIG = """
[nlp]
lang = "en"
pipeline = []

[components]

[corpora]

[corpora.train]
@readers = "spacy-rnn.TextCorpus.v1"
path = "corpus/sentiment/dev.jsonl"
limit = 20

[corpora.dev]
@readers = "spacy-rnn.TextCorpus.v1"
path = "corpus/sentiment/dev.jsonl"
limit = 5

[training]
max_steps = 3
eval_frequency = 2

[training.logger]
@loggers = "spacy.ConsoleLogger.v3"
"""
CALLBACK = {"@callbacks": "spacy-rnn.clip_gradients.v1", "max_norm": 0.01}


def train_with(kind, folder, **training):
    """Train a pipeline with spaCy's command, in a new folder."""
    nlp, _ = make_nlp(kind)
    nlp.remove_pipe("tagger")
    config = nlp.config.merge(Config().from_str(CONFIG))
    config["nlp"]["pipeline"] = nlp.pipe_names
    config["training"] |= training
    config["training"]["score_weights"] = {"cats_score": 1.0}
    folder.mkdir()
    config.to_disk(folder / "config.cfg")
    train(folder / "config.cfg", folder)


@pytest.mark.parametrize("kind", ENCODERS)
def test_nothing_more_is_saved(kind, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(Path(__file__).parent.parent)
    train_with(kind, tmp_path / "plain")
    train_with(kind, tmp_path / "clipped", before_update=CALLBACK)
    files = {}
    for name in ("plain", "clipped"):
        folder = tmp_path / name / "model-best"
        paths = [path for path in folder.rglob("*") if path.is_file()]
        files[name] = {str(p.relative_to(folder)): p.stat().st_size for p in paths}
    ignored = {"config.cfg", "meta.json"}
    plain, clipped = (
        {name: size for name, size in files[key].items() if name not in ignored}
        for key in ("plain", "clipped")
    )
    assert plain == clipped
    nlp = spacy.load(tmp_path / "clipped" / "model-best")
    assert set(nlp("Warm soup").cats) == {"positive", "negative"}
