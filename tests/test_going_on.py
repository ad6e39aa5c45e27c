"""The page about going on with a trained model, done from its top to its end."""

from pathlib import Path

import pytest
import spacy
from pages import ROOT, follow


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Follow the page in a folder. Return what came of each of its blocks."""
    folder = tmp_path_factory.mktemp("going_on")
    outputs = list(follow(ROOT / "docs" / "going_on.md", folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield outputs


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
