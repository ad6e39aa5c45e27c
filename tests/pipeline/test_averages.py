"""Averaged weights: what is evaluated and saved with `use_averages = true`."""

import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_model_from_config
from thinc.api import Adam, Config


@pytest.fixture
def averaged(make_nlp, make_examples, factory):
    """A trained pipeline, and an optimizer that knows its averages."""
    nlp = make_nlp(factory)
    examples = make_examples(nlp, factory)
    nlp.initialize(lambda: examples)
    optimizer = Adam(0.02, use_averages=True)
    for _ in range(4):
        nlp.update(examples, sgd=optimizer)
    return nlp, optimizer


def test_averages_are_in_force_only_inside_use_params(averaged, texts, scores_of):
    nlp, optimizer = averaged
    before = scores_of(nlp, texts)
    with nlp.use_params(optimizer.averages):
        inside = scores_of(nlp, texts)
        averaged_model = nlp.to_bytes()
    assert abs(inside - before).max() > 1e-3
    assert_array_equal(scores_of(nlp, texts), before)
    assert_array_equal(scores_of(nlp.from_bytes(averaged_model), texts), inside)


def test_every_weight_has_an_average(averaged, factory):
    nlp, optimizer = averaged
    for node in nlp.get_pipe(factory).model.walk():
        for name in node.param_names:
            assert (node.id, name) in optimizer.averages


def test_torch_weights_alone_change_predictions_when_averaged(
    averaged, texts, scores_of, factory
):
    nlp, optimizer = averaged
    before = scores_of(nlp, texts)
    for node in nlp.get_pipe(factory).model.walk():
        key = (node.id, "W")
        if "torch_module" in node.attrs and key in optimizer.averages:
            with nlp.use_params({key: optimizer.averages[key]}):
                assert abs(scores_of(nlp, texts) - before).max() > 0
            assert_array_equal(scores_of(nlp, texts), before)


def test_training_goes_on_from_the_weights_not_the_averages(
    averaged, texts, scores_of, make_examples, factory
):
    nlp, optimizer = averaged
    weights = nlp.get_pipe(factory).model.to_bytes()
    with nlp.use_params(optimizer.averages):
        scores_of(nlp, texts)
    assert nlp.get_pipe(factory).model.to_bytes() == weights


CONFIG = """
[paths]
data = DATA

[nlp]
lang = "en"
pipeline = []

[components]

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.data}

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.data}

[training]
max_steps = 31
eval_frequency = 30
dropout = 0.2

[training.optimizer]
@optimizers = "kept_adam.v1"

[training.logger]
@loggers = "silent.v1"
"""


def test_model_best_holds_the_averages(make_nlp, make_examples, factory, tmp_path):
    kept = []

    @spacy.registry.optimizers("kept_adam.v1")
    def keep_adam():
        kept.append(Adam(0.01, use_averages=True))
        return kept[-1]

    @spacy.registry.loggers("silent.v1")
    def be_silent():
        return lambda nlp, *args: (lambda info: None, lambda: None)

    start = make_nlp(factory)
    docs = [example.reference for example in make_examples(start, factory)]
    DocBin(docs=docs).to_disk(tmp_path / "data.spacy")
    path = str(tmp_path / "data.spacy")
    config = Config().from_str(CONFIG, overrides={"paths.data": path})
    config["nlp"]["pipeline"] = [factory]
    config["components"][factory] = start.config["components"][factory]
    nlp = init_nlp(load_model_from_config(config, auto_fill=True).config)
    _, best = train(nlp, tmp_path)
    model = nlp.get_pipe(factory).model
    saved = spacy.load(best).get_pipe(factory).model
    differences = []
    for node, saved_node in zip(model.walk(), saved.walk(), strict=True):
        for name in node.param_names:
            average = kept[-1].averages[node.id, name]
            assert_allclose(saved_node.get_param(name), average, atol=1e-6)
            differences.append(abs(average - node.get_param(name)).max())
    assert max(differences) > 1e-3
