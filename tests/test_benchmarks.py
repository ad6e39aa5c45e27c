"""The benchmarks read, hide, score and count as they say."""

import gzip
import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
SCRIPTS = (
    "accuracy",
    "crf_cost",
    "memory",
    "sentences",
    "speed",
    "tagging_accuracy",
    "tagging_speed",
    "tokenizers",
)
CONLLU = """\
# newdoc id = a
# text = He can't.
1\tHe\the\tPRON\tPRP\t_\t2\tnsubj\t_\t_
2-3\tcan't\t_\t_\t_\t_\t_\t_\t_\t_
2\tca\tcan\tAUX\tMD\t_\t0\troot\t_\t_
3\tn't\tnot\tPART\tRB\t_\t2\tadvmod\t_\t_
3.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t_\t_
4\t.\t.\tPUNCT\t.\t_\t2\tpunct\t_\t_

# newdoc id = b
1\tNo\tno\tINTJ\tUH\t_\t0\troot\t_\t_
"""


@pytest.fixture
def benchmark(monkeypatch):
    """Return a function that imports a file of the folder, which is no package."""
    pytest.importorskip("sklearn")
    pytest.importorskip("torchcrf")
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_benchmark_can_be_imported_and_says_how_to_run_it(benchmark, name):
    script = benchmark(name)
    assert f"python benchmarks/{name}.py" in script.__doc__
    assert callable(script.main)


def test_words_of_conllu_are_the_syntactic_ones(benchmark, tmp_path):
    data = benchmark("tagging_data")
    path = tmp_path / "xx-ud-train.conllu.gz"
    path.write_bytes(gzip.compress(CONLLU.encode()))
    assert data.read_part(tmp_path, "train", "upos") == [
        data.Sentence(["He", "ca", "n't", "."], ["PRON", "AUX", "PART", "PUNCT"], 0),
        data.Sentence(["No"], ["INTJ"], 1),
    ]
    assert data.read_part(tmp_path, "train", "xpos")[1].tags == ["UH"]


def test_developing_on_training_data_leaves_the_rest_alone(benchmark):
    read_split = benchmark("tagging_data").read_split
    train, dev, test = read_split(None, "bundled_entities")
    fewer, held_out, nothing = read_split(None, "bundled_entities", tune=True)
    assert fewer + held_out == train
    assert len(held_out) == len(train) // 10
    assert test == nothing == []
    assert held_out != dev


def test_half_of_the_annotation_is_hidden_and_chunks_in_whole(benchmark):
    data = benchmark("tagging_data")
    tags = ["O", "B-X", "I-X", "I-X", "B-Y", "O"] * 1000
    sentence = data.Sentence(["word"] * len(tags), tags)
    (hidden,) = data.hide_half([sentence], "-")
    assert len(tags) * 0.45 < hidden.tags.count("-") < len(tags) * 0.55
    for i, (tag, after) in enumerate(zip(tags, hidden.tags, strict=True)):
        assert after in (tag, "-")
        if tag.startswith("I-"):
            assert (after == "-") == (hidden.tags[i - 1] == "-")
    (outside,) = data.hide_half([sentence], "O")
    assert [tag if tag != "-" else "O" for tag in hidden.tags] == outside.tags


def test_spans_are_right_in_whole_and_with_their_labels(benchmark):
    span_f1 = benchmark("tagging_training").span_f1
    gold = [["B-X", "I-X", "O", "B-Y"], ["O"]]
    assert span_f1(gold, gold) == 1.0
    assert span_f1(gold, [["B-X", "I-X", "O", "B-X"], ["O"]]) == 0.5
    assert span_f1(gold, [["I-X", "I-X", "O", "O"], ["B-Y"]]) == 0.5
    assert span_f1(gold, [["B-X", "O", "O", "O"], ["O"]]) == 0.0
    assert span_f1([["O"]], [["O"]]) == 0.0


def test_batches_are_filled_up_to_a_number_of_words(benchmark):
    batches_by_words = benchmark("timing").batches_by_words
    assert batches_by_words([3, 3, 4, 11, 2, 9], 10) == [[0, 1, 2], [3], [4]]


def test_plain_pytorch_learns(benchmark):
    plain, data = benchmark("plain_torch"), benchmark("tagging_data")
    words = ["ada", "left", "bern", "."] * 2
    tags = ["B-X", "O", "B-Y", "O"] * 2
    sentences = [data.Sentence(words[:n], tags[:n]) for n in (8, 5, 3)]
    for crf in (True, False):
        model, vocabulary = plain.train_plain(
            sentences, lambda *_: 0.0, crf=crf, seed=0, epochs=1
        )
        step = plain.make_step(model)
        batch = vocabulary.encode(sentences), vocabulary.encode_tags(sentences)
        for _ in range(60):
            step(*batch)
        found = plain.predict(model, vocabulary, sentences, 2)
        assert found == [sentence.tags for sentence in sentences]
