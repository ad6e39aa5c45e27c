"""Settings of an example, which are also options of its command line."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import field, fields
from math import inf
from typing import Any


def setting(default: Any, text: str, *, least: float = 0, below: float = inf) -> Any:
    """Describe a setting, if a number at least the one and below the other."""
    metadata = {"help": f"{text} (%(default)s)", "least": least, "below": below}
    return field(default=default, metadata=metadata)


def check(settings: Any) -> None:
    """Raise a ValueError for a number that is out of its range."""
    for each in fields(settings):
        value = getattr(settings, each.name)
        least, below = each.metadata["least"], each.metadata["below"]
        if not isinstance(value, str) and not least <= value < below:
            to = f" and below {below:g}" if below < inf else ""
            option = f"--{each.name.replace('_', '-')}"
            raise ValueError(f"{option} has to be at least {least:g}{to}: {value}")


def run_command(
    name: str, text: str | None, kind: Any, run: Callable, argv: list[str] | None
) -> None:
    """Run an example with the settings of its command line, or say what is wrong."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=text, formatter_class=raw)
    for each in fields(kind):
        options: Any = {"type": each.type, "default": each.default}
        options["help"] = each.metadata["help"]
        parser.add_argument(f"--{each.name.replace('_', '-')}", **options)
    try:
        settings = kind(**vars(parser.parse_args(argv)))
        check(settings)
        run(settings)
    except (OSError, ValueError) as error:
        sys.exit(f"{name}: {error}")
