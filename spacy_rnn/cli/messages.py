"""What is the user's to mend, said in one message instead of a traceback."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from spacy.cli._util import parse_config_overrides
from spacy.util import ENV_VARS
from wasabi import msg

# RuntimeError: torch's, for a size that a setting asks for
THE_USERS = (ValueError, OSError, ImportError, LookupError, RuntimeError)


@contextmanager
def one_message(
    title: str, *, verbose: bool = False, spell: Callable[[str], str] = str
) -> Iterator[None]:
    """Let a command end with the message of an error, and status 1.

    Args:
        title: What could not be done.
        verbose: Whether to show the traceback after it.
        spell: Puts names of settings in the command's own words.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read has seen enough
    except THE_USERS as error:
        is_quoted = isinstance(error, KeyError) and error.args
        lines = [str(error.args[0] if is_quoted else error)]
        lines += getattr(error, "__notes__", [])
        msg.fail(title)
        print_lines(spell("\n".join(lines)).splitlines())
        if verbose:
            raise
        raise typer.Exit(1) from None


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, each of which begins anew, which no text of a message does."""
    for line in lines:
        msg.text(line)


def as_options(message: str) -> str:
    """Put settings of a reader as options of a command that has them."""
    return re.sub(r'\berrors = "(\w+)"', r"--errors \1", message)


def without_settings(message: str) -> str:
    """Leave out what settings of a reader could do, where there are none."""
    return re.sub(
        r'[.;] errors = "\w+" (leaves it out|reads it as U\+FFFD)', "", message
    )


def as_overrides(message: str) -> str:
    """Put settings of a reader, as a config writes them, as those of a command."""
    return re.sub(r'\b(errors|max_size) = "?(\w+)"?', r"--corpora.dev.\1 \2", message)


def parse_overrides(
    ctx: typer.Context, env_var: str | None = ENV_VARS.CONFIG_OVERRIDES
) -> dict[str, Any]:
    """Read the settings of a config that follow the options of a command.

    Args:
        ctx: The command's context.
        env_var: The environment variable that may have more of them, None for none.
    """
    for arg in ctx.args:
        if arg.startswith("--") and "." not in arg:
            raise typer.BadParameter(f"no such option: {arg}")
    return parse_config_overrides(list(ctx.args), env_var)
