"""Several processes learn what one learns; they are played by threads here."""

import signal
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import spacy
import torch
from spacy import util
from spacy.tokens import Doc
from spacy.training import Example
from spacy.training.initialize import init_nlp
from thinc.api import Config, PyTorchWrapper, Softmax_v2, chain, with_array

from spacy_rnn.gradients import (
    global_norm,
    gradient_arrays,
    measure,
    once_before_update,
)
from spacy_rnn.modules import hash_embed
from spacy_rnn.training.loop import train
from spacy_rnn.training.run import ALONE, Run
from tests.training.conftest import (
    SENTIMENT,
    make_nlp,
    read_checkpoint,
    read_folder,
)
from tests.training.fake_ranks import play, train_ranks

ROOT = Path(__file__).parents[2]
# Higher rates let rounding decide which piece of a maxout is the greatest.
SGD = {"@optimizers": "SGD.v1", "learn_rate": 0.005, "grad_clip": 10.0}
MIXED = """
[nlp]
lang = "en"
pipeline = ["tok2vec", "tagger", "textcat", "rnn_ner"]

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 16
depth = 1
embed_size = 100
window_size = 1
maxout_pieces = 2
subword_features = true

[components.tagger]
factory = "tagger"

[components.tagger.model]
@architectures = "spacy.Tagger.v2"

[components.tagger.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = 16
upstream = "tok2vec"

[components.textcat]
factory = "textcat"

[components.textcat.model]
@architectures = "spacy.TextCatBOW.v3"
length = 1000
ngram_size = 1
exclusive_classes = true
no_output_layer = false

[components.rnn_ner]
factory = "rnn_ner"

[corpora]

[corpora.train]
@readers = "mixed.v1"
n_docs = 40

[corpora.dev]
@readers = "mixed.v1"
n_docs = 2
"""
TEXTS = ["What a lovely warm soup.", "Slow, rude and cold!", "It is a chair.", ""]
TASKS = ["sentiment", "tagger", "ner", "summarizer", "translator", "mixed"]


@spacy.registry.readers("mixed.v1")
def read_mixed(n_docs: int):
    """Read sentences with entities, tags made of their words, and a label."""
    reader = spacy.registry.readers.get("spacy-rnn.TokenCorpus.v1")
    path = ROOT / "corpus" / "entities" / "train.jsonl"

    def read(nlp):
        for example in reader(str(path), entity_column="ner", limit=n_docs)(nlp):
            doc = example.reference
            for token in doc:
                token.tag_ = "short" if len(token) < 5 else "long"
            doc.cats = {"short": float(len(doc) < 12), "long": float(len(doc) >= 12)}
            yield example

    return read


def make_config(task, overrides):
    """Return the config of a task, small and without dropout, and with SGD."""
    path = ROOT / "configs" / f"{task}.cfg"
    config = Config().from_str(MIXED) if task == "mixed" else util.load_config(path)
    if task == "mixed":
        config = util.load_model_from_config(config, auto_fill=True).config
    config = config.interpolate()
    shrink(config["components"])
    for name, limit in {"train": 14, "dev": 1}.items():
        if task != "mixed":
            config["corpora"][name]["path"] = str(ROOT / config["paths"][name])
            config["corpora"][name]["limit"] = limit
    config["training"] |= {
        "optimizer": SGD,
        "dropout": 0.0,
        "patience": 0,
        "max_steps": 3,
        "eval_frequency": 100,
        "batcher": {"@batchers": "spacy.batch_by_sequence.v1", "size": 7},
        **overrides,
    }
    return config


def make_tagger(overrides):
    """Return the config of spaCy's tagger, which listens to its tok2vec."""
    config = make_config("mixed", overrides)
    config["nlp"]["pipeline"] = ["tok2vec", "tagger"]
    del config["components"]["textcat"], config["components"]["rnn_ner"]
    config["training"]["score_weights"] = {"tag_acc": 1.0}
    return config


def shrink(block):
    for name, value in block.items():
        if isinstance(value, dict):
            shrink(value)
        elif name.endswith("dropout"):
            block[name] = 0.0
        elif name in ("width", "hidden_width", "char_width"):
            block[name] = max(8, value // 8)
        elif name == "cell":
            block[name] = "gru"  # oneDNN compiles an LSTM for each shape of a block
        elif name == "rows":
            block[name] = [200] * len(value) if isinstance(value, list) else 2000


def state_of(nlp):
    """Return all parameters of a pipeline, and what layers learned beside them."""
    weights, learned = {}, {}
    for name, pipe in nlp.pipeline:
        for i, node in enumerate(pipe.model.walk() if hasattr(pipe, "model") else []):
            for parameter in node.param_names:
                if node.has_param(parameter):
                    weights[name, i, parameter] = node.get_param(parameter).copy()
            for shim in node.shims:
                for parameter, tensor in shim._model.named_parameters():
                    weights[name, i, parameter] = tensor.detach().numpy().copy()
            if "table" in node.attrs:
                learned[name, i] = node.attrs["table"].keys
            if "value_counts" in node.attrs:
                counts = node.attrs["value_counts"]
                learned[name, i] = np.stack([counts.table.keys, counts.counts])
    return weights, learned


def learn(nlp, ranks=ALONE):
    """Make all steps of a run, and write nothing."""
    run = Run(nlp, ranks=ranks)
    with run.together.exchanging(run.learned):
        return [info for info, _ in run.steps()]


def check_equal_to_one_process(config, size, *, atol=1e-6):
    """Train in one process and in several, and return what the first rank called.

    Losses are compared where they are added up, at the evaluation after the first step.
    """
    alone = init_nlp(config)
    before, _ = state_of(alone)
    expected_losses = learn(alone)[0]["losses"]
    weights, learned = state_of(alone)
    assert max(abs(weights[key] - before[key]).max() for key in before) > 1e-3
    results = play(
        size, lambda ranks: (ranks, nlp := init_nlp(config), learn(nlp, ranks))
    )
    # Sentences of summaries are shared out only nearly as tokens are.
    near = 0.2 if "rnn_summarizer" in alone.pipe_names else 1e-4
    for _, nlp, infos in results:
        assert infos[0]["losses"] == pytest.approx(expected_losses, rel=near)
        found, found_learned = state_of(nlp)
        assert found.keys() == weights.keys()
        for key, expected in weights.items():
            np.testing.assert_allclose(found[key], expected, rtol=0, atol=atol)
        assert found_learned.keys() == learned.keys()
        for key, expected in learned.items():
            np.testing.assert_array_equal(found_learned[key], expected)
    return results[0][0].calls


@pytest.mark.parametrize("task", TASKS)
def test_ranks_learn_what_one_process_learns(task):
    calls = check_equal_to_one_process(make_config(task, {}), 2)
    assert Counter(calls)["add"] == 4  # one exchange a step


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("task", TASKS)
def test_ranks_learn_what_one_process_learns_in_many_steps(task, size):
    config = make_config(task, {"max_steps": 50})
    if task != "mixed":
        config["corpora"]["train"]["limit"] = 0
    check_equal_to_one_process(config, size)


class SmoothMaxout:
    """What stands for a maxout, and decides nothing."""

    @staticmethod
    def apply(X, pieces):
        return torch.logsumexp(torch.stack(X.chunk(pieces, dim=1)), dim=0)


@pytest.mark.slow
def test_with_adam_scores_are_those_of_one_process_unless_rounding_decides(monkeypatch):
    """Which of two pieces is the greatest: the gradient of that has no small errors."""
    monkeypatch.setattr(hash_embed, "Maxout", SmoothMaxout)
    adam = util.load_config(ROOT / "configs" / "sentiment.cfg")["training"]["optimizer"]

    def predict(size=1, **overrides):
        config = make_config("sentiment", {"optimizer": adam, "max_steps": 50})
        config["components"]["rnn_textcat"]["model"]["pooling"] = ["mean", "attention"]
        config["training"] |= overrides
        config["corpora"]["train"]["limit"] = 0

        def work(ranks):
            learn(nlp := init_nlp(config), ranks)
            return np.array([list(doc.cats.values()) for doc in nlp.pipe(TEXTS)])

        return play(size, work)[0]

    expected = predict()
    parts = abs(predict(accumulate_gradient=2) - expected).max()
    for size in (2, 4):
        assert abs(predict(size) - expected).max() < min(1e-4, parts)


@spacy.registry.readers("uneven.v1")
def read_uneven():
    """Read ten documents, some of them empty, which make uneven batches of three."""
    words = ["soup", "was", "never", "so", "good", "as", "this", "bread", "today"]
    lengths = [0, 5, 0, 0, 0, 9, 1, 2, 3, 1]

    def read(nlp):
        for i, length in enumerate(lengths):
            doc = Doc(nlp.vocab, words=words[:length])
            doc.cats = {"odd": float(i % 2), "even": float(1 - i % 2)}
            for token in doc:
                token.tag_ = "short" if len(token) < 4 else "long"
            yield Example(Doc(nlp.vocab, words=words[:length]), doc)

    return read


def make_uneven(n_docs):
    """Return a config of batches with so many documents, some of which are empty."""
    config = make_config("sentiment", {"max_epochs": 2, "max_steps": 0})
    bag = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True}
    tagger = make_config("tagger", {})["components"]["rnn_tagger"]
    textcat = {"factory": "textcat", "model": bag | {"length": 64, "ngram_size": 1}}
    textcat["model"]["no_output_layer"] = False
    config["components"] |= {"textcat": textcat, "rnn_tagger": tagger}
    config["nlp"]["pipeline"] = ["rnn_textcat", "textcat", "rnn_tagger"]
    config["corpora"] = dict.fromkeys(["train", "dev"], {"@readers": "uneven.v1"})
    config["training"]["batcher"]["size"] = n_docs
    config["training"]["score_weights"] = {"cats_score": 1.0}
    return config


@pytest.mark.parametrize(("n_docs", "size"), [(1, 2), (3, 4)])
def test_uneven_batches_and_empty_texts_teach_the_same(n_docs, size):
    check_equal_to_one_process(make_uneven(n_docs), size)


def test_parts_of_batches_teach_the_same():
    overrides = {"accumulate_gradient": 2}
    check_equal_to_one_process(make_config("tagger", overrides), 2)


def test_gradients_are_clipped_by_the_norm_of_the_whole_batch():
    clip = {"@callbacks": "spacy-rnn.clip_gradients.v1", "max_norm": 0.5}
    overrides = {"before_update": clip, "optimizer": SGD | {"grad_clip": 0.0}}
    check_equal_to_one_process(make_tagger(overrides), 2)


@spacy.registry.architectures("shim.v1")
def build_shim(tok2vec, nO=None):
    """Build a tagger on a module of torch in Thinc's own wrapper."""
    module = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh())
    output = Softmax_v2(nO, 8)
    model = chain(tok2vec, with_array(chain(PyTorchWrapper(module), output)))
    model.set_ref("tok2vec", tok2vec)
    model.set_ref("output_layer", output)
    return model


def test_gradients_of_torch_modules_in_shims_are_added():
    config = make_tagger({})
    config["components"]["tagger"]["model"]["@architectures"] = "shim.v1"
    del config["components"]["tagger"]["model"]["normalize"]
    check_equal_to_one_process(config, 2)


def test_whoever_waits_for_gradients_sees_those_of_the_whole_batch():
    def watch(nlp, ranks=ALONE):
        def note():
            once_before_update(first, note)  # as loggers do, from step to step
            norms.append(float(global_norm(measure(gradient_arrays(first)))))

        run, norms = Run(nlp, ranks=ranks), []
        first = next(iter(run.models.values()))
        with run.together.exchanging(run.learned):
            once_before_update(first, note)
            assert [info["step"] for info, _ in run.steps()] == [0, 1, 2, 3]
        return norms

    config = make_tagger({})
    expected = watch(init_nlp(config))
    for found in play(2, lambda ranks: watch(init_nlp(config), ranks)):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"training.seed": 4}, r"training\.seed: 3 on rank 0, 4 on rank 1"),
        ({"training.max_steps": 5}, r"training\.max_steps: 24 on rank 0, 5 on rank 1"),
        ({"paths.train": str(SENTIMENT / "dev.jsonl")}, "path: 'content .* on rank 1"),
    ],
    ids=["config", "end", "data"],
)
def test_ranks_that_disagree_are_told_where(tmp_path, overrides, message):
    nlps = iter([make_nlp({}), make_nlp(overrides)])
    with pytest.raises(ValueError, match=message):
        train_ranks(2, lambda: next(nlps), tmp_path)
    assert not list(tmp_path.glob("model-*"))


def test_ranks_without_a_seed_would_begin_with_different_weights(tmp_path):
    nlp = make_nlp({})
    nlp.config["training"]["seed"] = None
    with pytest.raises(ValueError, match="seed is null"):
        train_ranks(2, lambda: nlp, tmp_path)


def test_weights_that_come_to_differ_are_noticed(monkeypatch):
    def spoil(nlp, ranks):
        run = Run(nlp, ranks=ranks)
        layer = next(node for node in run.models["tagger"].walk() if node.param_names)
        with run.together.exchanging(run.learned):
            for info, _ in run.steps():
                if info["step"] == 1 and not ranks.is_first:
                    layer.get_param(layer.param_names[0]).flat[0] += 1.0

    config = make_tagger({"eval_frequency": 3})
    with pytest.raises(ValueError, match="weights of t.*: [0-9]+ on rank 0"):
        play(2, lambda ranks: spoil(init_nlp(config), ranks))


def test_a_signal_to_one_rank_stops_all_after_the_same_step(tmp_path, monkeypatch):
    def steps(self):
        for info, is_best in original(self):
            if info["step"] == 2 and not self.ranks.is_first:
                self.together.interrupts.received = signal.SIGTERM
            yield info, is_best

    original = Run.steps
    monkeypatch.setattr(Run, "steps", steps)
    finished, _ = train_ranks(2, lambda: make_nlp({}), tmp_path)
    assert finished == [False, False]
    assert read_checkpoint(tmp_path / "checkpoint").next_step == 4


class Killed(Exception):
    pass


def test_a_run_of_several_ranks_goes_on_with_the_same_bytes(tmp_path, monkeypatch):
    def start(folder, **options):
        overrides = {"training.max_steps": 5, "training.eval_frequency": 100}
        make, path = partial(make_nlp, overrides), tmp_path / folder
        return train_ranks(2, make, path, checkpoint_frequency=2, **options)

    def steps(self):
        for info, is_best in original(self):
            if info["step"] == 4:
                raise Killed
            yield info, is_best

    _, whole = start("whole")
    original = Run.steps
    monkeypatch.setattr(Run, "steps", steps)
    with pytest.raises(Killed):
        start("run")
    monkeypatch.undo()
    assert read_checkpoint(tmp_path / "run" / "checkpoint").next_step == 4
    with pytest.raises(ValueError, match="number of ranks: 2 in the checkpoint, 1 now"):
        train(make_nlp({}), tmp_path / "run", resume=True)
    _, printed = start("run", resume=True)
    assert "before step 4" in printed
    for name in ("model-best", "model-last"):
        found = read_folder(tmp_path / "run" / name)
        assert found == read_folder(tmp_path / "whole" / name)
