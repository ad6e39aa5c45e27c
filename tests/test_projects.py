"""Each project goes from raw data to a package, by weasel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import srsly
from weasel.schemas import ProjectConfigSchema, validate

ROOT = Path(__file__).parent.parent
PROJECTS = sorted((ROOT / "projects").glob("*/project.yml"))
QUICK = "textcat"  # the one that is run whole wherever tests are run


@pytest.fixture(params=PROJECTS, ids=lambda path: path.parent.name)
def project(request):
    return srsly.read_yaml(request.param)


def test_a_project_is_valid(project):
    assert validate(ProjectConfigSchema, project) == []


def test_every_step_is_of_the_workflow_or_tidies_up(project):
    names = [command["name"] for command in project["commands"]]
    assert [*project["workflows"]["all"], "clean"] == names


def test_projects_say_the_same_in_the_same_steps():
    """What differs between them is the data, the task and what a task has beside."""
    own = ("config", "tune", "calibrate")
    scripts = {}
    for path in PROJECTS:
        for command in srsly.read_yaml(path)["commands"]:
            if command["name"] not in own:
                text = " ".join(command["script"])
                for model in ("calibrated", "tuned", "training/model-best"):
                    text = text.replace(f" {model} ", " MODEL ")
                scripts.setdefault(command["name"], set()).add(text)
    assert {name: len(found) for name, found in scripts.items()} == dict.fromkeys(
        scripts, 1
    )


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(path.parent.name, marks=[] if path.parent.name == QUICK else slow)
        for slow in [pytest.mark.slow]
        for path in PROJECTS
    ],
)
def test_a_project_runs_from_raw_data_to_a_package(name, tmp_path):
    (tmp_path / "corpus").symlink_to(ROOT / "corpus")
    folder = tmp_path / "projects" / name
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "projects" / name / "project.yml", folder)
    weasel(folder, "assets")
    steps = ["--vars.steps", "100"]
    weasel(folder, "run", "all", ".", *steps)
    assert list(folder.glob("packages/*/dist/*.tar.gz"))
    assert (folder / "metrics" / "report.html").stat().st_size
    again = weasel(folder, "run", "all", ".", *steps)
    assert "Skipping 'train': nothing changed" in again


def weasel(folder, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", "weasel", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
