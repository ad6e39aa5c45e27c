"""A packaged pipeline is installed and loaded like any other."""

import subprocess
import sys

import pytest
import spacy
import srsly

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),  # spaCy's own
]


def test_a_wheel_requires_this_package_and_loads(model, factory, run_spacy, tmp_path):
    (tmp_path / "out").mkdir()
    args = ["--build", "wheel", "--name", "tiny", "--version", "1.2.3"]
    run_spacy("package", model, tmp_path / "out", *args)
    built = tmp_path / "out" / "en_tiny-1.2.3"
    requirements = srsly.read_json(built / "meta.json")["requirements"]
    assert any(name.startswith("spacy-rnn") for name in requirements)

    wheel = next((built / "dist").glob("*.whl"))
    target = tmp_path / "site"
    install = ["pip", "install", "--no-deps", "--no-index", "--target"]
    subprocess.run(
        [sys.executable, "-m", *install, str(target), str(wheel)],
        check=True,
        timeout=300,
    )
    script = "import en_tiny; print(en_tiny.load()('warm soup').cats)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(spacy.load(model)("warm soup").cats)
