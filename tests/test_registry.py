"""The index of the package: what `setup.cfg` says is there can be found by its name."""

import json
from importlib import metadata

import catalogue
import pytest
import spacy
from registered import REQUIRED, SAVED, read_entry_points, read_registered

COMMANDS = "spacy_cli"  # spaCy loads these itself, it has no registry of them


ENTRY_POINTS = [
    pytest.param(group, name, place, id=f"{group}-{name}")
    for group, name, place in read_entry_points()
]
BEFORE = [
    pytest.param(group, name, arguments, id=f"{group}-{name}")
    for group, names in json.loads(SAVED.read_text("utf8")).items()
    for name, arguments in names.items()
]


@pytest.fixture(scope="module")
def registered():
    return read_registered()


@pytest.mark.parametrize(("group", "name", "place"), ENTRY_POINTS)
def test_an_entry_point_is_installed(group, name, place):
    installed = {
        entry.name: entry.value for entry in metadata.entry_points(group=group)
    }
    assert installed.get(name) == place, (
        f"{name} isn't among the installed entry points of {group}. Install the "
        f"package once more: pip install -e ."
    )


@pytest.mark.parametrize(("group", "name", "place"), ENTRY_POINTS)
def test_a_registered_name_leads_to_its_function(group, name, place):
    (entry,) = (e for e in metadata.entry_points(group=group) if e.name == name)
    function = entry.load()
    if group == COMMANDS:
        from spacy.cli import app

        assert function in [typer.typer_instance for typer in app.registered_groups]
        return
    registry = group.removeprefix("spacy_").removeprefix("thinc_")
    if registry == "factories":
        assert spacy.blank("en").get_factory_meta(name).factory == name
        return
    assert spacy.registry.get(registry, name) is function


@pytest.mark.parametrize(("group", "name", "arguments"), BEFORE)
def test_what_was_registered_takes_what_it_took(registered, group, name, arguments):
    today = registered[group][name]
    assert {key: today.get(key, "lost") for key in arguments} == arguments
    new = today.keys() - arguments.keys()
    assert [key for key in new if today[key] == REQUIRED] == []


@pytest.mark.parametrize(("group", "name", "place"), ENTRY_POINTS)
def test_names_are_formed_as_the_documentation_says(group, name, place):
    if group in (COMMANDS, "spacy_factories"):
        assert name == name.lower()
    else:
        prefix, _, version = name.split(".")
        assert prefix == "spacy-rnn"
        assert version[0] == "v"
        assert version[1:].isdigit()


def test_there_is_something_to_test():
    assert len(ENTRY_POINTS) >= 8


def test_an_unknown_name_is_refused():
    with pytest.raises((catalogue.RegistryError, ValueError), match="RNNEncoder.v0"):
        spacy.registry.get("architectures", "spacy-rnn.RNNEncoder.v0")
