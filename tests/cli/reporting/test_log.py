"""The logs of console loggers are read."""

import io
import json

import pytest
import spacy

from spacy_rnn.cli.reporting.log import read_log
from spacy_rnn.loggers import create_console_logger


def make_info(step, score):
    return {
        "epoch": 0,
        "step": step,
        "losses": {"rnn_textcat": 1.5 - step / 100},
        "other_scores": {"cats_score": score, "speed": 12345.0},
        "score": score,
    }


@pytest.fixture
def logged(tmp_path):
    """Return what a run of three evaluations printed, and its JSONL file."""
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_textcat")
    path, stream = tmp_path / "log.jsonl", io.StringIO()
    nlp.config["training"] = {
        **nlp.config["training"],
        "score_weights": {"cats_score": 1.0, "speed": 0.0},
    }
    setup = create_console_logger(output_file=path)
    log_step, finalize = setup(nlp, stream, stream)
    for step, score in ((0, 0.25), (20, 0.5), (40, 0.75)):
        log_step(make_info(step, score))
        log_step(None)
    finalize()
    printed = tmp_path / "printed.log"
    printed.write_text("ℹ Using CPU\n\n" + stream.getvalue() + "✔ Saved pipeline\n")
    return printed, path


def test_what_was_printed_says_the_same_as_the_file(logged):
    printed, file = map(read_log, logged)
    assert printed.steps == file.steps == [0, 20, 40]
    assert printed.final == file.final == [0.25, 0.5, 0.75]
    assert printed.scores == file.scores == {"cats_score": [0.25, 0.5, 0.75]}
    assert [*printed.losses.values()] == [*file.losses.values()] == [[1.5, 1.3, 1.1]]


def test_of_two_runs_in_a_log_the_second_counts(logged):
    for path in logged:
        path.write_text(path.read_text() * 2)
        assert read_log(path).steps == [0, 20, 40]


def test_a_last_line_that_is_being_written_is_left_out(logged):
    _, path = logged
    path.write_text(path.read_text() + '{"step": 60, "sco')
    assert read_log(path).steps == [0, 20, 40]


WORD = '{"step": "word", "score": 1, "losses": {}, "scores": {}}'


@pytest.mark.parametrize("text", ["[1]", "{}", WORD, "nonsense"])
def test_foreign_lines_of_a_file_are_refused_with_their_place(logged, text):
    _, path = logged
    path.write_text(path.read_text() + text + "\n")
    with pytest.raises(ValueError, match=r"log.jsonl:4: expected a line of a console"):
        read_log(path)


@pytest.mark.parametrize("text", ["", "Nothing.\n", json.dumps([1])])
def test_a_file_without_evaluations_is_refused(tmp_path, text):
    path = tmp_path / "log"
    path.write_text(text)
    with pytest.raises(ValueError, match="there is no evaluation in it"):
        read_log(path)


def test_columns_whose_names_are_shortened_alike_are_told_apart(tmp_path):
    nlp, stream = spacy.blank("en"), io.StringIO()
    for name in ("rnn_textcat", "rnn_tagger"):
        nlp.add_pipe(name)
    nlp.add_pipe("rnn_ner", name="ner")
    log_step, _ = create_console_logger()(nlp, stream, stream)
    info = make_info(0, 0.5)
    log_step(info | {"losses": {"rnn_textcat": 1.5, "rnn_tagger": 2.5, "ner": 3.5}})
    path = tmp_path / "printed.log"
    path.write_text(stream.getvalue())
    losses = read_log(path).losses
    assert [*losses.values()] == [[1.5], [2.5], [3.5]]
    first, second, _ = losses
    assert second == f"{first} (2)"
    whole = {"rnn_textcat": [1.5], "rnn_tagger": [2.5], "ner": [3.5]}
    assert read_log(path, ["tok2vec", *nlp.pipe_names]).losses == whole
    assert read_log(path, ["rnn_textcat"]).losses == losses  # whose is which?
