"""A run that goes on where it was interrupted."""

import io
import os
import random
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from spacy.training.loop import train as train_by_spacy
from thinc.api import SGD, Adam, Linear, RAdam, chain

from spacy_rnn.training import run
from spacy_rnn.training.loop import train
from spacy_rnn.training.run import Run
from spacy_rnn.training.weights import get_weights, restore_weights
from tests.training.conftest import (
    CONFIG,
    SENTIMENT,
    make_nlp,
    read_checkpoint,
    read_folder,
)

MODELS = ("model-best", "model-last")
N_KILLS = 20
TAGGED = str(SENTIMENT.parent / "entities" / "dev.jsonl")
# spaCy's `ner` draws from Python's generator, which shuffling draws from as well.
ENTITIES = (
    CONFIG.replace('"rnn_textcat", "textcat"', '"ner"').partition(
        "[components.rnn_textcat]"
    )[0]
    + """
[components.ner]
factory = "ner"

[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 16
maxout_pieces = 2
use_upper = true

[components.ner.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 16
upstream = "tok2vec"

[corpora]"""
    + CONFIG.partition("[corpora]")[2]
    .replace('TextCorpus.v1"', 'TokenCorpus.v1"\nentity_column = "ner"')
    .replace("cats_score", "ents_f")
)
TRANSLATIONS = str(SENTIMENT.parent / "translation" / "dev.jsonl")
# Dropout of an encoder-decoder and of its pieces, and the pieces that it has learned.
WRITING = (
    CONFIG.replace('"tok2vec", "rnn_textcat", "textcat"', '"rnn_translator"').partition(
        "[components.tok2vec]"
    )[0]
    + """
[components.rnn_translator]
factory = "rnn_translator"
beam_width = 1
max_length = 9

[components.rnn_translator.model]
@architectures = "spacy-rnn.Seq2Seq.v1"
width = 8
hidden_width = 8
dropout = 0.2

[components.rnn_translator.model.encode]
@architectures = "spacy-rnn.RNNEncoder.v1"
width = 8

[components.rnn_translator.model.subwords]
@architectures = "spacy-rnn.Subwords.v1"
size = 400
piece_dropout = 0.2

[corpora]"""
    + CONFIG.partition("[corpora]")[2]
    .replace('TextCorpus.v1"', 'PairCorpus.v1"\nsource_column = "en"')
    .replace('source_column = "en"', 'source_column = "en"\ntarget_column = "de"')
    .replace("cats_score", "chrf")
)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of a run that was not interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train(make_nlp({}), folder, stdout=io.StringIO())
    return folder


@pytest.fixture
def kill_before_saving(monkeypatch):
    """Return a function that lets runs end, as if killed, right after a step."""

    def kill_before_saving(last):
        def steps(self):
            for info, is_best in original(self):
                if info["step"] == last:
                    raise Killed
                yield info, is_best

        original = Run.steps
        monkeypatch.setattr(Run, "steps", steps)

    yield kill_before_saving
    monkeypatch.undo()


def check_equal(folder, expected_folder):
    for model in MODELS:
        expected = read_folder(expected_folder / model)
        found = read_folder(folder / model)
        assert found.keys() == expected.keys()
        for name in expected:
            assert found[name] == expected[name], f"{model}/{name}"


def test_a_run_writes_the_models_and_the_table_of_spacy_train(start, tmp_path):
    # spaCy's loop tells no schedule of the scores, so the rate has to stay as it is.
    overrides = {"training.optimizer.learn_rate.patience": 1000}
    ours = start("ours", overrides=overrides)
    theirs = io.StringIO()
    (tmp_path / "spacy").mkdir()
    train_by_spacy(make_nlp(overrides), tmp_path / "spacy", stdout=theirs)
    check_equal(tmp_path / "ours", tmp_path / "spacy")
    expected = theirs.getvalue().replace("spacy", "")
    assert ours.replace("ours", "").startswith(expected)


@pytest.mark.parametrize("last", [0, 3, 5, 13, 24])
def test_an_interrupted_run_ends_with_the_same_models(
    start, kill_before_saving, monkeypatch, tmp_path, whole, last
):
    kill_before_saving(last)
    with pytest.raises(Killed):
        start(checkpoint_frequency=3)
    monkeypatch.undo()
    start(resume=True, checkpoint_frequency=3)
    check_equal(tmp_path / "run", whole)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(
    start, tmp_path, whole
):
    start()
    check_equal(tmp_path / "run", whole)
    start("other", overrides={"training.seed": 4})
    weights = Path("model-last", "tok2vec", "model")
    assert (tmp_path / "other" / weights).read_bytes() != (whole / weights).read_bytes()


@pytest.mark.parametrize("averages", [True, False])
@pytest.mark.parametrize("optimizer", [Adam, RAdam, SGD])
def test_an_optimizer_goes_on_with_what_it_remembers(optimizer, averages):
    def make():
        model = chain(Linear(2, 3), Linear(1, 2)).initialize()
        return model, optimizer(0.1, use_averages=averages)

    def step(model, optimizer, layers):
        for layer in layers:
            model.layers[layer].inc_grad("b", np.full(2 - layer, 0.5, dtype="f"))
        model.finish_update(optimizer)
        optimizer.step_schedules()

    (model, first), (twin, second) = make(), make()
    for _ in range(3):
        step(model, first, [0])
        second.step_schedules()  # schedules are in a checkpoint, too
    restore_weights({"pipe": twin}, second, get_weights({"pipe": model}, first))
    for layers in ([0, 1], [1], [0]):
        step(model, first, layers)
        step(twin, second, layers)
        assert twin.to_bytes() == model.to_bytes()
    if averages:
        kept = [list(each.averages.values()) for each in (first, second)]
        assert_array_equal(np.hstack(kept[0]), np.hstack(kept[1]))


def test_every_score_is_reported_once_replayed_ones_included(start, monkeypatch):
    reports = []
    monkeypatch.setattr(run, "report_score", lambda *each: reports.append(each))
    start(overrides={"training.max_steps": 11})
    first = list(reports)
    assert [step for _, step in first] == [0, 5, 10]
    reports.clear()
    start(resume=True, overrides={"training.max_steps": 16})
    assert reports[:3] == first
    assert [step for _, step in reports] == [0, 5, 10, 15]


def test_a_run_that_came_to_its_end_can_go_on_to_a_later_one(start, tmp_path, whole):
    start(overrides={"training.max_steps": 11})
    start(resume=True)
    check_equal(tmp_path / "run", whole)


@pytest.mark.parametrize(
    ("config", "data"),
    [
        pytest.param(ENTITIES, TAGGED, id="entities"),
        pytest.param(WRITING, TRANSLATIONS, id="writing", marks=pytest.mark.slow),
    ],
)
def test_pipes_that_draw_random_numbers_go_on_with_the_same(
    config, data, kill_before_saving, monkeypatch, tmp_path
):
    def start(folder, **options):
        overrides = {"training.max_steps": 24, "paths.train": data}
        nlp = make_nlp(overrides | {"paths.dev": data}, config)
        train(nlp, tmp_path / folder, stdout=io.StringIO(), **options)

    start("whole")
    kill_before_saving(22)
    with pytest.raises(Killed):
        start("run")
    draws = read_checkpoint(tmp_path / "run" / "checkpoint").draws
    assert (len(draws) > 1) == (config is ENTITIES)
    monkeypatch.undo()
    start("run", resume=True)
    check_equal(tmp_path / "run", tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="starts runs by fork")
@pytest.mark.parametrize(
    ("config", "data"),
    [
        pytest.param(CONFIG, str(SENTIMENT / "dev.jsonl"), id="classification"),
        pytest.param(WRITING, TRANSLATIONS, id="writing"),
    ],
)
def test_a_run_killed_at_any_moment_ends_with_the_same_models(config, data, tmp_path):
    context = get_context("fork")

    def start(folder, resume=False):
        options = {"resume": resume, "checkpoint_frequency": 1}
        overrides = {"paths.train": data, "paths.dev": data}
        process = context.Process(
            target=train,
            args=(make_nlp(overrides, config), tmp_path / folder),
            kwargs=options | {"stdout": io.StringIO()},
        )
        process.start()
        return process

    def finish(process):
        process.join()
        assert process.exitcode == 0

    began = time.perf_counter()
    finish(start("whole"))
    duration = time.perf_counter() - began
    moments = random.Random(0)
    for number in map(str, range(N_KILLS)):
        process = start(number)
        time.sleep(moments.uniform(0.0, duration))
        process.kill()
        process.join()
        finish(start(number, resume=True))
        check_equal(tmp_path / number, tmp_path / "whole")
