"""Libraries that are installed on request, imported where they are used."""

from importlib import import_module
from typing import Any


def need(library: str, extra: str) -> Any:
    """Import a library of an extra.

    Raises:
        ImportError: If it isn't installed, with the command that does.
    """
    try:
        return import_module(library)
    except ModuleNotFoundError as error:
        if error.name != library.partition(".")[0]:
            raise
        raise ImportError(
            f"{error.name} is not installed: pip install 'spacy-rnn[{extra}]'"
        ) from None
