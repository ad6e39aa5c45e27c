"""A page of the documentation, done from its top to its end."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from spacy.cli._util import app
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"([^\n]*)\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """List the blocks of a page: the line above, the kind, and what is in it."""
    return BLOCK.findall(page.read_text("utf8"))


def follow(page, folder, *, steps=4):
    """Follow a page in a folder that has the configs and corpora of a clone.

    Trainings are over after a few steps.

    Yields what came of each block: the output of each of its commands, the names that
    its Python defines, or the name of the file that it shows.
    """
    for name in ("configs", "corpus"):
        (folder / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        for line, kind, body in blocks(page):
            yield follow_block(page, line, kind, body, steps)


def follow_block(page, line, kind, body, steps):
    """Write a file that the line above the block names, or run the block."""
    if kind == "bash":
        return [run(command, steps) for command in body.splitlines()]
    if kind == "python":
        scope = {"__name__": "__main__"}
        exec(compile(body, str(page), "exec"), scope)
        return scope
    (name,) = re.findall(r"`([\w.]+)`:$", line)
    Path(name).write_text(body, encoding="utf8")
    return name


def run(command, steps):
    """Run a command, a training in so many steps."""
    program, *arguments = shlex.split(command)
    if arguments[:2] != ["-m", "spacy"]:
        program = sys.executable if program == "python" else program
        done = subprocess.run([program, *arguments], check=True, capture_output=True)
        return done.stdout
    del arguments[:2]
    if "train" in arguments[:2]:
        arguments += ["--training.max_steps", str(steps)]
        arguments += ["--training.eval_frequency", str(steps // 2)]
    spacy.registry.cli.get_all()
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output
