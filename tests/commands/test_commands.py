"""Each of spaCy's commands works with our components."""

import subprocess
import sys

import pytest
import spacy
import srsly
from spacy.tokens import DocBin
from spacy.util import load_config


def test_fill_config_completes_and_then_changes_nothing(config, run_spacy, tmp_path):
    run_spacy("init", "fill-config", config, tmp_path / "again.cfg")
    assert (tmp_path / "again.cfg").read_text() == config.read_text()
    encode = load_config(config)["components"].popitem()[1]["model"]["tok2vec"][
        "encode"
    ]
    assert encode["depth"] == 1


def test_debug_config_accepts_a_config(config, run_spacy):
    assert "Config is valid" in run_spacy("debug", "config", config)


def test_debug_config_names_a_typing_error(config, factory, run_spacy):
    key = f"--components.{factory}.model.tok2vec.encode.cell"
    output = run_spacy("debug", "config", config, key, "lstn", exit_code=1)
    assert "lstn" in output
    for cell in ("rnn_tanh", "rnn_relu", "lstm", "gru"):
        assert f"'{cell}'" in output


def test_train_leaves_a_model_that_has_learned(model, factory):
    nlp = spacy.load(model)
    assert nlp.get_pipe(factory).labels == ("bad", "good", "odd")
    for text, label in [("We loved the warm soup.", "good"), ("The goat sang", "odd")]:
        cats = nlp(text).cats
        assert max(cats, key=cats.get) == label
    assert nlp.meta["performance"]["cats_score"] == 1.0


def test_train_refuses_a_typing_error_before_it_starts(
    config, factory, run_spacy, tmp_path
):
    key = f"--components.{factory}.model.tok2vec.encode.width"
    with pytest.raises(AssertionError) as caught:
        run_spacy("train", config, "--output", tmp_path, key, 7)
    assert "has to be even, but it is 7" in str(caught.value.__cause__)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("factory", ["rnn_textcat"], indirect=True)
def test_evaluate_in_a_process_of_its_own(model, folder, tmp_path):
    command = [sys.executable, "-m", "spacy", "evaluate", str(model)]
    output = str(tmp_path / "scores.json")
    done = subprocess.run(
        [*command, str(folder / "data.spacy"), "--output", output],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    scores = srsly.read_json(output)
    assert scores["cats_score"] == 1.0
    assert set(scores["cats_f_per_type"]) == {"good", "bad", "odd"}
    assert "TEXTCAT" in done.stdout


def test_evaluate_scores_each_component(model, factory, folder, run_spacy, tmp_path):
    path = tmp_path / "scores.json"
    data = folder / "data.spacy"
    run_spacy("evaluate", model, data, "--per-component", "--output", path)
    assert srsly.read_json(path)[factory]["cats_score"] == 1.0


def test_benchmark_speed_reports_words_per_second(model, folder, run_spacy):
    data = folder / "data.spacy"
    output = run_spacy("benchmark", "speed", model, data, "--batches", 30)
    assert "words/s" in output


def test_find_threshold_tries_thresholds(model, factory, folder, run_spacy):
    where = [model, folder / "data.spacy", factory, "threshold"]
    output = run_spacy("find-threshold", *where, "cats_macro_f", "-n", 3)
    if factory == "rnn_textcat_multilabel":
        assert "Best threshold: 0.5 with cats_macro_f value of 1.0" in output
    else:
        assert "All scores are identical" in output  # the best label is right


def test_init_labels_writes_what_initialize_reads(config, factory, run_spacy, tmp_path):
    run_spacy("init", "labels", config, tmp_path)
    labels = tmp_path / f"{factory}.json"
    assert srsly.read_json(labels) == ["bad", "good", "odd"]
    srsly.write_json(labels, ["odd", "bad", "good"])
    filled = load_config(config)
    filled["initialize"]["components"][factory] = {
        "labels": {"@readers": "spacy.read_labels.v1", "path": str(labels)}
    }
    filled["training"]["max_steps"] = 1
    filled.to_disk(tmp_path / "labels.cfg")
    run_spacy("train", tmp_path / "labels.cfg", "--output", tmp_path / "training")
    nlp = spacy.load(tmp_path / "training" / "model-last")
    assert nlp.get_pipe(factory).labels == ("odd", "bad", "good")


def test_init_vectors_makes_a_table_that_training_reads(
    config, factory, run_spacy, tmp_path
):
    words = ["soup", "loved", "rude", "goat"]
    rows = [f"{word} {i}.5 -1.0 {i * i}.0" for i, word in enumerate(words)]
    (tmp_path / "vectors.txt").write_text("\n".join(["4 3", *rows]) + "\n")
    run_spacy("init", "vectors", "en", tmp_path / "vectors.txt", tmp_path / "vectors")
    embed = f"--components.{factory}.model.tok2vec.embed.include_static_vectors"
    run_spacy(
        *("train", config, "--output", tmp_path / "training", embed, "true"),
        *("--paths.vectors", tmp_path / "vectors", "--training.max_steps", 2),
    )
    nlp = spacy.load(tmp_path / "training" / "model-last")
    assert nlp.vocab.vectors.shape == (4, 3)
    assert sum(nlp("warm soup").cats.values()) > 0


def test_assemble_builds_from_trained_components(model, factory, run_spacy, tmp_path):
    (tmp_path / "assemble.cfg").write_text(f"""
[nlp]
lang = "en"
pipeline = ["sentencizer","{factory}"]

[components]

[components.sentencizer]
factory = "sentencizer"

[components.{factory}]
source = "{model}"
""")
    run_spacy(
        *("init", "fill-config", tmp_path / "assemble.cfg", tmp_path / "full.cfg")
    )
    run_spacy("assemble", tmp_path / "full.cfg", tmp_path / "model")
    text = "We loved the soup."
    assert spacy.load(tmp_path / "model")(text).cats == spacy.load(model)(text).cats


def test_apply_writes_annotated_documents(model, folder, run_spacy, tmp_path):
    run_spacy("apply", model, folder / "data.jsonl", tmp_path / "out.spacy")
    nlp = spacy.load(model)
    docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(nlp.vocab))
    assert len(docs) == 6
    for doc in docs:
        assert doc.cats == pytest.approx(nlp(doc.text).cats, abs=1e-6)


def test_debug_model_analyses_the_layers(config, factory, run_spacy):
    output = run_spacy("debug", "model", config, factory, "-DIM", "-P2", "-P3")
    assert "model looks good" in output
    assert "lstm" in output or "gru" in output


def test_debug_diff_config_shows_what_differs(config, run_spacy):
    assert "gru" in run_spacy("debug", "diff-config", config)


def test_every_factory_is_described(run_spacy):
    output = run_spacy("find-function", "spacy-rnn.TextCat.v1", "-r", "architectures")
    assert "architectures/textcat.py" in output.replace("\n", "")
