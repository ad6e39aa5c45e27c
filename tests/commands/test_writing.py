"""spaCy's commands, and ours, with the components that write texts."""

import pytest
import spacy
import srsly
from small_writer import FACTORIES, PAIRS, TEXTS, written

CONFIG = """
[paths]
train = "DATA"
dev = "DATA"

[nlp]
lang = "en"
pipeline = ["FACTORY"]

[components]

[components.FACTORY]
factory = "FACTORY"

[components.FACTORY.model]
@architectures = "spacy-rnn.Seq2Seq.v1"
width = 24
hidden_width = 24

[components.FACTORY.model.encode]
@architectures = "spacy-rnn.RNNEncoder.v1"
width = 24

[components.FACTORY.model.subwords]
@architectures = "spacy-rnn.Subwords.v1"
size = 330

[corpora]

[corpora.train]
@readers = "spacy-rnn.PairCorpus.v1"
path = ${paths.train}
extension = "EXTENSION"

[corpora.dev]
@readers = "spacy-rnn.PairCorpus.v1"
path = ${paths.dev}
extension = "EXTENSION"

[training]
max_steps = 50
eval_frequency = 25
dropout = 0.0

[training.optimizer]
@optimizers = "Adam.v1"
learn_rate = 0.02
"""
SCORES = {
    "rnn_translator": ["bleu", "chrf", "exact_match"],
    "rnn_abstractive_summarizer": ["rouge_1_f", "rouge_2_f", "rouge_l_f"],
}


@pytest.fixture(
    scope="module",
    params=[
        "rnn_translator",
        pytest.param("rnn_abstractive_summarizer", marks=pytest.mark.slow),
    ],
)
def factory(request):
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory, run_spacy, factory):
    """A folder with pairs, a complete config and a model that was trained with it."""
    folder = tmp_path_factory.mktemp(factory)
    rows = [{"source": source, "target": target} for source, target in PAIRS]
    srsly.write_jsonl(folder / "data.jsonl", rows)
    text = CONFIG.replace("DATA", str(folder / "data.jsonl"))
    text = text.replace("FACTORY", factory).replace("EXTENSION", FACTORIES[factory])
    (folder / "base.cfg").write_text(text)
    run_spacy("init", "fill-config", folder / "base.cfg", folder / "full.cfg")
    run_spacy("train", folder / "full.cfg", "--output", folder / "training")
    return folder


def test_train_leaves_a_model_that_has_learned(folder, factory):
    nlp = spacy.load(folder / "training" / "model-best")
    expected = [target for _, target in PAIRS]
    assert written(nlp, extension=FACTORIES[factory]) == expected
    assert written(nlp, extension=FACTORIES[factory], n_process=2) == expected
    for name in SCORES[factory]:
        assert nlp.meta["performance"][name] == pytest.approx(1.0)


def test_both_commands_evaluate_and_write_the_same_scores(folder, factory, run_spacy):
    model = folder / "training" / "model-best"
    data = folder / "data.jsonl"
    run_spacy("rnn", "evaluate", model, data, "--output", folder / "ours.json")
    nlp = spacy.load(model)
    corpus = spacy.registry.readers.get("spacy-rnn.PairCorpus.v1")
    docs = [eg.reference for eg in corpus(data, extension=FACTORIES[factory])(nlp)]
    binary = spacy.tokens.DocBin(docs=docs, store_user_data=True)
    binary.to_disk(folder / "data.spacy")
    args = ("--output", folder / "spacys.json")
    run_spacy("evaluate", model, folder / "data.spacy", *args)
    ours, theirs = (srsly.read_json(folder / f"{n}.json") for n in ("ours", "spacys"))
    for name in SCORES[factory]:
        assert ours[name] == theirs[name] == pytest.approx(1.0)


def test_a_vocabulary_that_is_too_small_is_refused_before_anything_is_written(
    folder, factory, run_spacy, tmp_path
):
    key = f"--components.{factory}.model.subwords.size"
    with pytest.raises(AssertionError) as caught:
        run_spacy("train", folder / "full.cfg", "--output", tmp_path / "out", key, 270)
    assert "No vocabulary of 270 pieces" in str(caught.value.__cause__)
    assert not list((tmp_path / "out").glob("model*"))


def test_a_text_with_nothing_but_spaces_is_none(folder, factory):
    nlp = spacy.load(folder / "training" / "model-best")
    assert written(nlp, [" ", *TEXTS[:1], ""], FACTORIES[factory]) == [
        *("", PAIRS[0][1], "")
    ]
