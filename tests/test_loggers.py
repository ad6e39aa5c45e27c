"""Gradients and gates that are written down in training."""

import io
import json
import math

import numpy as np
import pytest
from mixed_pipelines import make_nlp, run_loop, weights
from thinc.api import Adam, Model

from spacy_rnn import loggers
from spacy_rnn.callbacks import create_clip_gradients
from spacy_rnn.gradients import NonFiniteGradientError, gradient_arrays
from spacy_rnn.loggers import create_console_logger, create_gradient_logger

DEV = {
    "@readers": "spacy-rnn.TextCorpus.v1",
    "path": None,
    "labels": ["good", "bad"],
}
CELLS = ["layers.0.forward_cell", "layers.0.backward_cell"]


def silent(nlp, stdout=None, stderr=None):
    """A logger that does nothing."""
    return lambda info: None, lambda: None


@pytest.fixture
def make(tmp_path):
    """Make a pipeline with a dev corpus, and examples."""

    def make_with_dev(kind="ours"):
        nlp, examples = make_nlp(kind)
        rows = [{"text": eg.text, "label": "good"} for eg in examples]
        path = tmp_path / "dev.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = nlp.config
        config["corpora"] = {"dev": {**DEV, "path": str(path)}}
        nlp.config = config
        return nlp, examples

    return make_with_dev


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def train(nlp, batches, logger, **kwargs):
    log_step, finalize = logger(nlp, io.StringIO(), io.StringIO())
    try:
        run_loop(nlp, batches, log_step=log_step, **kwargs)
    finally:
        finalize()


def norms_by_hand(nlp, batches):
    """Norms of the components in each step, with nothing clipped."""
    optimizer, norms = Adam(0.01, grad_clip=0.0), []
    for batch in batches:
        nlp.update(batch, sgd=False, drop=0.0)
        norms.append({})
        for name, pipe in nlp.pipeline:
            gradients = [each.ravel() for each in gradient_arrays(pipe.model)]
            norms[-1][name] = np.linalg.norm(np.concatenate(gradients))
        for _, pipe in nlp.pipeline:
            pipe.finish_update(optimizer)
    return norms


@pytest.mark.parametrize("kind", ["ours", "spacy"])
def test_norms_are_written_every_so_many_steps(make, kind, tmp_path):
    nlp, examples = make(kind)
    batches = [examples, examples[:2], examples[1:]] * 2
    logger = create_gradient_logger(tmp_path / "log.jsonl", 2, 0, silent)
    train(nlp, batches, logger)
    lines = read(tmp_path / "log.jsonl")
    assert [line["step"] for line in lines] == [0, 2, 4]
    norms = norms_by_hand(make(kind)[0], batches)
    for line in lines:
        found = {name: each["norm"] for name, each in line["components"].items()}
        assert found == pytest.approx(norms[line["step"]], rel=1e-3)


def test_norms_of_layers_and_parameters_make_up_those_of_the_component(make, tmp_path):
    nlp, examples = make()
    logger = create_gradient_logger(tmp_path / "log.jsonl", 1, 0, silent)
    train(nlp, [examples], logger)
    (line,) = read(tmp_path / "log.jsonl")
    tok2vec = line["components"]["tok2vec"]
    assert (
        "layers.0.forward_cell.weight_hh_l0" in tok2vec["layers"]["lstm"]["parameters"]
    )
    for component in line["components"].values():
        layers = component["layers"].values()
        squares = sum(layer["norm"] ** 2 for layer in layers)
        assert math.sqrt(squares) == pytest.approx(component["norm"], rel=1e-3)
        for layer in layers:
            squares = sum(norm**2 for norm in layer["parameters"].values())
            assert math.sqrt(squares) == pytest.approx(layer["norm"], rel=1e-3)


def test_norms_are_those_before_clipping(make, tmp_path):
    nlp, examples = make()
    nlp.get_pipe("rnn_textcat").cfg["max_gradient_norm"] = 1e-3
    logger = create_gradient_logger(tmp_path / "log.jsonl", 1, 0, silent)
    train(nlp, [examples], logger, before_update=create_clip_gradients(1e-2))
    (line,) = read(tmp_path / "log.jsonl")
    (norms,) = norms_by_hand(make()[0], [examples])
    found = {name: each["norm"] for name, each in line["components"].items()}
    assert found == pytest.approx(norms, rel=1e-3)


def test_cells_of_a_shared_tok2vec_are_looked_at(make, tmp_path):
    nlp, examples = make()
    logger = create_gradient_logger(tmp_path / "log.jsonl", 1, 3, silent)
    train(nlp, [examples], logger)
    (line,) = read(tmp_path / "log.jsonl")
    cells = line["components"]["tok2vec"]["layers"]["lstm"]["cells"]
    assert list(cells) == CELLS
    longest = max(len(example.predicted) for example in examples[:3])
    for cell in cells.values():
        assert set(cell["low"]) == set(cell["high"]) == {"input", "forget", "output"}
        assert all(0.0 <= each <= 1.0 for each in [*cell["low"].values()])
        assert len(cell["gradient"]) == longest
    assert "cells" not in line["components"]["rnn_textcat"]["layers"]["linear"]


def test_training_is_the_same_with_the_logger(make, tmp_path):
    (nlp, examples), (plain, _) = make(), make()
    batches = [examples, examples[:2]] * 3
    logger = create_gradient_logger(tmp_path / "log.jsonl", 2, 4, silent)
    train(nlp, batches, logger)
    run_loop(plain, batches)
    for old, new in zip(weights(plain), weights(nlp), strict=True):
        assert (old == new).all()
    assert nlp.get_pipe("tok2vec").to_bytes() == plain.get_pipe("tok2vec").to_bytes()
    assert {type(pipe.model) for _, pipe in nlp.pipeline} == {Model}


def test_the_sample_is_not_changed(make, tmp_path):
    nlp, _ = make()
    sample = loggers.read_sample(nlp, 4)
    log = loggers.GradientLog(nlp, tmp_path / "log.jsonl", 1, sample)
    first, second = log.look_at_cells(), log.look_at_cells()
    log.close()
    assert first == second
    assert len(sample) == 4
    assert not any(doc.cats or doc.has_annotation("TAG") for doc in sample)


def test_a_step_that_failed_gets_its_line(make, tmp_path):
    nlp, examples = make()
    for layer in nlp.get_pipe("rnn_textcat").model.walk():
        if layer.name == "linear":
            layer.get_param("W").fill(np.inf)
    logger = create_gradient_logger(tmp_path / "log.jsonl", 1, 4, silent)
    with pytest.raises(NonFiniteGradientError), np.errstate(all="ignore"):
        train(nlp, [examples], logger, before_update=create_clip_gradients(1.0))
    (line,) = read(tmp_path / "log.jsonl")
    assert line["step"] == 0
    assert line["components"]["rnn_textcat"]["norm"] is None
    assert line["components"]["tagger"]["norm"] > 0


def test_lines_are_added_to_a_file_that_is_there(make, tmp_path):
    path = tmp_path / "folder" / "log.jsonl"
    for _ in range(2):
        nlp, examples = make()
        train(nlp, [examples] * 2, create_gradient_logger(path, 1, 0, silent))
    assert [line["step"] for line in read(path)] == [0, 1, 0, 1]


@pytest.mark.parametrize("begun", ['{"ste', '{"step": 7, "components": {"a"'])
def test_a_line_that_was_begun_is_left_out(make, tmp_path, begun):
    path = tmp_path / "log.jsonl"
    for i in range(2):
        nlp, examples = make()
        train(nlp, [examples] * 2, create_gradient_logger(path, 1, 0, silent))
        if i == 0:
            path.write_text(path.read_text() + begun)
    assert [line["step"] for line in read(path)] == [0, 1, 0, 1]


def test_what_the_logger_has_not_written_stays(make, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("Notes.\nMore notes")
    nlp, examples = make()
    train(nlp, [examples], create_gradient_logger(path, 1, 0, silent))
    assert path.read_text().startswith("Notes.\nMore notes")


def test_a_line_can_be_read_at_once(make, tmp_path):
    nlp, examples = make()
    path, seen = tmp_path / "log.jsonl", []

    def watching(nlp, stdout, stderr):
        return lambda info: seen.append(len(read(path)) if path.exists() else 0), list

    train(nlp, [examples] * 3, create_gradient_logger(path, 1, 0, watching))
    assert seen == [0, 1, 2]


@pytest.mark.parametrize(("every", "sample"), [(0, 1), (-1, 1), (1, -1)])
def test_numbers_out_of_range_are_refused(every, sample):
    with pytest.raises(ValueError, match="has to be"):
        create_gradient_logger("log.jsonl", every, sample)


@pytest.fixture
def reported(monkeypatch):
    """The scores that schedules are told of."""
    scores = []
    monkeypatch.setattr(loggers, "report_score", lambda *each: scores.append(each))
    return scores


def test_schedules_are_told_of_each_score(make, tmp_path, reported):
    nlp, _ = make()
    logger = create_gradient_logger(tmp_path / "log.jsonl", logger=silent)
    log_step, finalize = logger(nlp, io.StringIO(), io.StringIO())
    log_step({"step": 0, "score": 0.5})
    log_step(None)
    log_step({"step": 2, "score": 0.25})
    finalize()
    assert reported == [(0.5, 0), (0.25, 2)]


def test_the_logger_beside_it_gets_its_streams_and_is_closed(make, tmp_path):
    nlp, _ = make()
    stdout, stderr, seen = io.StringIO(), io.StringIO(), []

    def setup(*args):
        seen.extend(args)
        return seen.append, lambda: seen.append("closed")

    logger = create_gradient_logger(tmp_path / "log.jsonl", logger=setup)
    log_step, finalize = logger(nlp, stdout, stderr)
    log_step(None)
    finalize()
    assert seen == [nlp, stdout, stderr, None, "closed"]


def test_replayed_steps_count_but_are_not_written(make, tmp_path):
    nlp, examples = make()
    logger = create_gradient_logger(tmp_path / "log.jsonl", 2, 0, silent)
    log_step, finalize = logger(nlp, io.StringIO(), io.StringIO())
    for step in range(8):
        if step >= 5:
            nlp.update(examples, sgd=False)
        for _, pipe in nlp.pipeline:
            pipe.finish_update(Adam(0.01))
        if step >= 5:
            log_step(None)
    finalize()
    assert [line["step"] for line in read(tmp_path / "log.jsonl")] == [6]


def test_the_console_logger_prints_what_that_of_spacy_prints(make, reported):
    nlp, _ = make()
    info = {
        "epoch": 1,
        "step": 20,
        "losses": {"tok2vec": 1.5, "rnn_textcat": 2.5, "tagger": 3.0},
        "other_scores": {"tag_acc": 0.5},
        "score": 0.25,
    }
    printed = []
    setups = [
        create_console_logger(),
        loggers.registry.get("loggers", "spacy.ConsoleLogger.v3")(),
    ]
    for setup in setups:
        stdout = io.StringIO()
        log_step, finalize = setup(nlp, stdout, io.StringIO())
        log_step(None)
        log_step(info)
        finalize()
        printed.append(stdout.getvalue())
    assert printed[0] == printed[1]
    assert reported == [(0.25, 20)]


def test_a_config_can_name_the_logger_beside_it(tmp_path):
    block = {
        "@loggers": "spacy-rnn.GradientLogger.v1",
        "path": str(tmp_path / "log.jsonl"),
        "every": 5,
        "logger": {"@loggers": "spacy.ConsoleLogger.v3", "progress_bar": "eval"},
    }
    resolved = loggers.registry.resolve({"logger": block})["logger"]
    assert callable(resolved)
    filled = loggers.registry.fill({"logger": block})["logger"]
    assert filled["sample"] == 8
