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
FEW_STEPS = ["--training.max_steps", "4", "--training.eval_frequency", "2"]
BLOCK = re.compile(r"([^\n]*)\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """List the blocks of a page: the line above, the kind, and what is in it."""
    return BLOCK.findall(page.read_text("utf8"))


def follow(page, folder):
    """Follow a page in a folder that has the configs and corpora of a clone.

    Yields what came of each block: the output of each of its commands, the names that
    its Python defines, or the name of the file that it shows.
    """
    for name in ("configs", "corpus"):
        (folder / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        for line, kind, body in blocks(page):
            yield follow_block(page, line, kind, body)


def follow_block(page, line, kind, body):
    """Write a file that the line above the block names, or run the block."""
    if kind == "bash":
        return [run(command) for command in body.splitlines()]
    if kind == "python":
        scope = {"__name__": "__main__"}
        exec(compile(body, str(page), "exec"), scope)
        return scope
    (name,) = re.findall(r"`([\w.]+)`:$", line)
    Path(name).write_text(body, encoding="utf8")
    return name


def run(command):
    """Run a command, a training in a few steps."""
    python, flag, module, *arguments = shlex.split(command)
    assert (python, flag) == ("python", "-m")
    if module != "spacy":
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout
    if "train" in arguments[:2]:
        arguments += FEW_STEPS
    spacy.registry.cli.get_all()
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output
