"""What is registered, with its arguments, as data: `python tests/registered.py`.

Run so, it renews `registered.json`, which `test_registry.py` compares with what is
there. Do that for a release only: configs of users name what is in the file.
"""

import inspect
import json
from configparser import ConfigParser
from enum import Enum
from importlib import import_module
from pathlib import Path

from spacy.language import Language
from typer.main import get_group

HERE = Path(__file__).parent
SAVED = HERE / "registered.json"
REQUIRED = "required"
GIVEN = {"nlp", "name"}  # what spaCy passes to a factory


def read_entry_points():
    """Yield the group, name and place of every entry point in `setup.cfg`."""
    parser = ConfigParser()
    parser.read(HERE.parent / "setup.cfg", encoding="utf8")
    for group, lines in parser["options.entry_points"].items():
        for line in lines.strip().splitlines():
            name, place = (part.strip() for part in line.split("=", 1))
            yield group, name, place


def load(place):
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def read_arguments(registered):
    """Return the default of each argument of a function or a class."""
    return {
        name: REQUIRED if each.default is each.empty else each.default
        for name, each in inspect.signature(registered).parameters.items()
        if each.kind is not each.VAR_KEYWORD
    }


def read_settings(name, factory):
    """Return the default of each setting of a component."""
    defaults = Language.get_factory_meta(name).default_config
    arguments = read_arguments(factory)
    return {key: arguments[key] for key in arguments if key not in GIVEN} | defaults


def read_options(command):
    """Return the default of each argument and option of a command."""
    return {
        each.opts[0]: REQUIRED if each.required else each.default
        for each in command.params
    }


def read_registered():
    """Return what is registered: the group, the name, each argument's default."""
    found = {}
    for group, name, place in read_entry_points():
        registered = load(place)
        if group == "spacy_cli":
            for title, command in get_group(registered).commands.items():
                found.setdefault(group, {})[f"{name} {title}"] = read_options(command)
        elif group == "spacy_factories":
            found.setdefault(group, {})[name] = read_settings(name, registered)
        else:
            found.setdefault(group, {})[name] = read_arguments(registered)
    return json.loads(json.dumps(found, default=as_written))  # as it is in the file


def as_written(value):
    return value.value if isinstance(value, Enum) else repr(value)


if __name__ == "__main__":
    SAVED.write_text(json.dumps(read_registered(), indent=1) + "\n", encoding="utf8")
