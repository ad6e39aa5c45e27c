"""The guide, done from the top of each page to its end."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from pages import ROOT, blocks, follow

PAGES = [
    ROOT / "docs" / "guide" / f"{name}.md"
    for name in ("classifier", "entities", "summarizer", "translator")
]
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning",  # spaCy's own, in its command package
    "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning",
)
PACKAGES = {
    "classifier": "reviews",
    "entities": "names",
    "summarizer": "digest",
    "translator": "dolmetscher",
}
LONG = {"translator"}  # what has learned nothing writes as much as it may


def last_package(page):
    name = PACKAGES[page.stem]
    folder = Path("training", page.stem, f"en_{name}-1.0.0")
    return folder / "dist" / f"en_{name}-1.0.0.tar.gz"


def test_the_pages_can_be_followed_one_after_the_other_in_one_folder():
    pages = [page.read_text("utf8") for page in PAGES]
    outputs = [path for page in pages for path in re.findall(r"--output (\S+)", page)]
    assert outputs
    assert len(set(outputs)) == len(outputs)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow if page.stem in LONG else ())
        for page in PAGES
    ],
    ids=lambda page: page.stem,
)
def test_a_page_packages_and_loads_a_pipeline_and_writes_to_one_folder(page, tmp_path):
    steps = 20 if page.stem == "entities" else 4  # calibration needs some entities
    *_, last = follow(page, tmp_path, steps=steps)
    assert (tmp_path / last_package(page)).exists()
    assert f"en_{PACKAGES[page.stem]}" in last
    assert {path.name for path in tmp_path.iterdir()} == {
        "configs",
        "corpus",
        "training",
    }


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment of its own with this package, as a user has it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    constraints = ["-c", str(ROOT / "constraints.txt")]
    command = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        *constraints,
        f"{ROOT}[seq2seq]",
    ]
    subprocess.run(command, check=True, timeout=1200)
    return folder


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the pages are for a shell")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_work_in_a_fresh_environment(page, environment, tmp_path):
    for name in ("configs", "corpus"):
        (tmp_path / name).symlink_to(ROOT / name)
    programs = os.pathsep.join([str(environment / "bin"), os.environ["PATH"]])
    done = []
    for _, kind, body in blocks(page):
        commands = [["bash", "-c", line] for line in body.splitlines()]
        for command in [["python", "-c", body]] if kind == "python" else commands:
            done.append(
                subprocess.run(
                    command,
                    cwd=tmp_path,
                    env={"PATH": programs, "HOME": str(tmp_path)},
                    check=True,
                    timeout=1800,
                    capture_output=True,
                    text=True,
                )
            )
    assert (tmp_path / last_package(page)).exists()
    assert done[-1].stdout.strip()
