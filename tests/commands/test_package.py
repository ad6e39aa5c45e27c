"""A packaged pipeline is installed and loaded like any other."""

import json
import subprocess
import sys

import pytest
import spacy
import srsly
from small_writer import FACTORIES, TEXTS, fit, make_examples, make_nlp, written
from spacy.training import Example

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),  # spaCy's own
]


@pytest.fixture
def install(run_spacy, tmp_path):
    """Package a model, install its wheel into a folder, and run code there."""

    def package(model, code):
        (tmp_path / "out").mkdir()
        args = ["--build", "wheel", "--name", "tiny", "--version", "1.2.3"]
        run_spacy("package", model, tmp_path / "out", *args)
        built = tmp_path / "out" / "en_tiny-1.2.3"
        requirements = srsly.read_json(built / "meta.json")["requirements"]
        assert any(name.startswith("spacy-rnn") for name in requirements)
        wheel = next((built / "dist").glob("*.whl"))
        target = tmp_path / "site"
        command = ["pip", "install", "--no-deps", "--no-index", "--target"]
        subprocess.run(
            [sys.executable, "-m", *command, str(target), str(wheel)],
            check=True,
            timeout=300,
        )
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import json, en_tiny; nlp = en_tiny.load(); {code}",
            ],
            env={"PYTHONPATH": str(target)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return package


@pytest.fixture
def summarizer(tmp_path):
    """A pipeline that has learned to take one sentence."""
    nlp = spacy.blank("en")
    nlp.add_pipe("nltk_sentencizer")
    pipe = nlp.add_pipe("rnn_summarizer", config={"budget": 1})
    reference = nlp.make_doc("It rained. Dr. Lee will build a bridge. Nobody came.")
    reference.spans["summary"] = [reference[3:11]]
    predicted = nlp.get_pipe("nltk_sentencizer")(reference.copy())
    examples = [Example(predicted, reference)]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(20):
        pipe.update(examples, sgd=optimizer)
    nlp.to_disk(tmp_path / "model")
    return tmp_path / "model"


def test_a_wheel_requires_this_package_and_loads(model, install):
    cats = install(model, "print(json.dumps(nlp('warm soup').cats))")
    assert cats == spacy.load(model)("warm soup").cats


def test_a_summarizer_from_a_wheel_makes_the_same_summaries(summarizer, install):
    text = "It rained. Dr. Lee will build a bridge. Nobody came."
    doc = spacy.load(summarizer)(text)
    assert doc._.summary == "Dr. Lee will build a bridge."
    found = install(
        summarizer,
        f"doc = nlp({text!r}); "
        "print(json.dumps([doc._.summary, doc.spans['summary'].attrs]))",
    )
    assert found == [doc._.summary, doc.spans["summary"].attrs]


@pytest.mark.parametrize("name", FACTORIES)
def test_what_writes_texts_writes_the_same_from_a_wheel(name, tmp_path, install):
    extension = FACTORIES[name]
    nlp = make_nlp(name)
    fit(nlp, make_examples(nlp, extension))
    nlp.to_disk(tmp_path / "model")
    code = (
        f"docs = nlp.pipe({TEXTS}); print(json.dumps([d._.{extension} for d in docs]))"
    )
    assert install(tmp_path / "model", code) == written(nlp, extension=extension)
