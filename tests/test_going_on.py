"""The page about going on with a trained model, done from its top to its end."""

import re
import shlex
from pathlib import Path

import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "going_on.md"
BLOCK = re.compile(r"([^\n]*)\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FEW_STEPS = ["--training.max_steps", "4", "--training.eval_frequency", "2"]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Follow the page in a folder. Return what came of each of its blocks."""
    folder = tmp_path_factory.mktemp("going_on")
    for name in ("configs", "corpus"):
        (folder / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield [follow(*found) for found in BLOCK.findall(PAGE.read_text("utf8"))]


def follow(line, kind, body):
    """Write a file that the line above the block names, or run the block."""
    if kind == "bash":
        return [run(command) for command in body.splitlines()]
    if kind == "python":
        scope = {"__name__": "__main__"}
        exec(compile(body, str(PAGE), "exec"), scope)
        return scope
    (name,) = re.findall(r"`([\w.]+)`:$", line)
    Path(name).write_text(body, encoding="utf8")
    return name


def run(command):
    """Run a command, a training in a few steps."""
    python, flag, module, *arguments = shlex.split(command)
    assert (python, flag, module) == ("python", "-m", "spacy")
    if arguments[0] == "train":
        arguments += FEW_STEPS
    spacy.registry.cli.get_all()
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_new_label_is_learned_in_python(outputs):
    scopes = [output for output in outputs if isinstance(output, dict)]
    found = [(each.text, each.label_) for each in scopes[-1]["doc"].ents]
    assert ("Arrow", "VEHICLE") in found


@pytest.mark.usefixtures("outputs")
@pytest.mark.parametrize("name", ["vehicles-in-python", "more/model-best"])
def test_labels_old_and_new_are_in_what_was_saved(name):
    labels = spacy.load(Path("training", name)).get_pipe("rnn_ner").labels
    assert {"PERSON", "PLACE", "VEHICLE"} <= set(labels)


@pytest.mark.usefixtures("outputs")
def test_training_goes_on_from_the_source_and_leaves_what_is_frozen():
    source, trained, frozen = (
        spacy.load(Path("training", name)).get_pipe("rnn_ner").model.to_bytes()
        for name in ("vehicles", "more/model-best", "both/model-best")
    )
    assert trained != source
    assert frozen == trained


def test_the_evaluation_on_the_old_data_has_the_old_labels(outputs):
    printed = "".join(
        text for each in outputs if isinstance(each, list) for text in each
    )
    assert "PLACE" in printed
