"""Processes, threads, memory and interruptions: what a service lives with."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import spacy
import srsly
from numpy.testing import assert_allclose
from spacy.cli.init_config import fill_config
from spacy.language import Language
from spacy.training import Example
from thinc.api import fix_random_seed

LABELS = ["good", "bad"]
PAIRS = [
    ("We loved the warm soup.", "good"),
    ("The staff were rude and slow!", "bad"),
    ("A kind nurse helped us", "good"),
    ("Cold room, dirty sheets", "bad"),
]
ENCODE = {"@architectures": "spacy-rnn.RNNEncoder.v1", "width": 16, "depth": 2}
EMBED = {
    "@architectures": "spacy-rnn.MultiHashEmbed.v1",
    "width": 12,
    "attrs": ["NORM", "PREFIX"],
    "rows": [500, 200],
    "include_static_vectors": False,
}
TOK2VEC = {"@architectures": "spacy.Tok2Vec.v2", "embed": EMBED, "encode": ENCODE}
MODEL = {
    "@architectures": "spacy-rnn.TextCat.v1",
    "exclusive_classes": True,
    "pooling": ["max", "attention", "last"],
    "tok2vec": TOK2VEC,
}
# In MB. Training moved by 0.1 in 270 updates. Distinct documents moved by 1.6 for each
# 20,000 of them, and by as much without any component: spaCy's own tables of strings.
# A leak of 8 kB per update, or of 80 bytes per document, comes to more than this.
FLAT_UPDATES = 2
FLAT_DOCUMENTS = 3 / 20_000
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="reads memory from /proc"
)
# Threads of several processes would wait for each other on a busy machine.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
PREAMBLE = """
import json, os, sys
from pathlib import Path

def memory():  # in MB
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

def settle():  # let the allocator give back what nobody holds
    import ctypes, gc
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
"""


def make_examples(nlp):
    return [
        Example.from_dict(
            nlp.make_doc(text),
            {"cats": {name: float(name == label) for name in LABELS}},
        )
        for text, label in PAIRS
    ]


def small_linear_model():
    """The default of the component, if it has one, with few weights."""
    default_model = Language.get_factory_meta("rnn_textcat").default_config["model"]
    linear_model = default_model.get("linear_model")
    return {"linear_model": linear_model and {**linear_model, "rows": 2000}}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Folder of a trained pipeline."""
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_textcat", config={"model": MODEL | small_linear_model()})
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(10):
        nlp.update(examples, sgd=optimizer)
    path = tmp_path_factory.mktemp("safety") / "model"
    nlp.to_disk(path)
    return path


def run_script(tmp_path, script, *args, timeout=60):
    """Run a script in a fresh process, and return what it prints as JSON."""
    file = tmp_path / "script.py"
    file.write_text(PREAMBLE + script)
    with subprocess.Popen(
        [sys.executable, str(file), *map(str, args)],
        env=ONE_THREAD,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that processes of its own can be ended with it
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            raise
    assert process.returncode == 0, stderr
    return json.loads(stdout.splitlines()[-1])


FORK = """
import spacy, torch

def main():
    torch.set_num_threads(2)
    lstm, x = torch.nn.LSTM(256, 256), torch.rand(100, 64, 256)
    lstm(x)[0].sum().backward()
    torch.rand(2000, 2000) @ torch.rand(2000, 2000)
    nlp = spacy.load(sys.argv[1])
    texts = [f"Soup number {i % 50} was warm" for i in range(200)]
    alone = [list(doc.cats.values()) for doc in nlp.pipe(texts)]
    docs = nlp.pipe(texts, n_process=2, batch_size=20)
    print(json.dumps([alone, [list(doc.cats.values()) for doc in docs]]))

if __name__ == "__main__":
    import multiprocessing
    multiprocessing.set_start_method(sys.argv[2])
    main()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_processes_predict_after_torch_used_threads(path, tmp_path):
    alone, together = run_script(tmp_path, FORK, path, "fork")
    assert_allclose(together, alone, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_of_other_kinds_predict_the_same(path, tmp_path, method):
    alone, together = run_script(tmp_path, FORK, path, method, timeout=300)
    assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("repetition", range(4))
def test_threads_share_a_fresh_pipeline(path, repetition):
    texts = [f"Soup {i} was {'warm' * (i % 3)} and {i * i}" for i in range(40)]
    nlp = spacy.load(path)
    expected = [list(doc.cats.values()) for doc in spacy.load(path).pipe(texts)]
    barrier = Barrier(8)

    def predict(start):
        barrier.wait()
        order = np.roll(np.arange(len(texts)), start)
        return {i: list(nlp(texts[i]).cats.values()) for i in order}

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(predict, range(8)):
            assert_allclose([found[i] for i in range(len(texts))], expected, atol=1e-5)


UPDATES = """
import spacy
from spacy.language import Language
from spacy.training import Example

nlp = spacy.load(sys.argv[1])
optimizer = nlp.resume_training()
words = ["soup", "staff", "room", "nurse", "warm", "rude", "cold", "kind"]
seen = []
for i in range(300):
    examples = []
    for j in range(8):
        text = " ".join(words[(i * j + k) % 8] for k in range(5 + j))
        cats = {"good": float(j % 2), "bad": float(j % 2 == 0)}
        examples.append(Example.from_dict(nlp.make_doc(text), {"cats": cats}))
    nlp.update(examples, sgd=optimizer, drop=0.2)
    if i in (30, 299):
        settle()
        seen.append(memory())
print(json.dumps(seen))
"""


@needs_proc
def test_training_takes_no_more_memory_from_step_to_step(path, tmp_path):
    early, late = run_script(tmp_path, UPDATES, path, timeout=120)
    assert late - early < FLAT_UPDATES


DOCUMENTS = """
import spacy

nlp, n = spacy.load(sys.argv[1]), int(sys.argv[2])
seen = []
for start in range(0, n, n // 20):
    with nlp.memory_zone():
        numbers = range(start, start + n // 20)
        texts = (f"word{i} and soup{i} by {i * i}" for i in numbers)
        for doc in nlp.pipe(texts, batch_size=200):
            assert len(doc.cats) == 2
    if start in (n // 10, n - n // 20):
        for node in nlp.get_pipe("rnn_textcat").model.walk():
            if "row_cache" in node.attrs:
                node.attrs["row_cache"].clear()  # its bytes are bounded
        settle()
        seen.append(memory())
print(json.dumps(seen))
"""


@needs_proc
@pytest.mark.parametrize(
    "n_docs", [20_000, pytest.param(100_000, marks=pytest.mark.slow)]
)
def test_distinct_documents_take_no_more_memory_one_after_another(
    path, tmp_path, n_docs
):
    early, late = run_script(tmp_path, DOCUMENTS, path, n_docs, timeout=300)
    assert late - early < FLAT_DOCUMENTS * n_docs


# The peak is VmHWM, which begins with the program. `ru_maxrss` is no less than what the
# process had that started it, which is all of the tests before.
LONG = """
import spacy

nlp = spacy.load(sys.argv[1])
nlp.max_length = 10**7
long = " ".join(f"word{i % 5000}" for i in range(100_000))
short = [f"Soup {i} was warm and good" for i in range(1000)]
nlp("Warm soup")
docs = [nlp.make_doc(text) for text in [*short[:500], long, *short[500:]]]
before = memory()
scores = [list(doc.cats.values()) for doc in nlp.pipe(docs, batch_size=2000)]
status = open("/proc/self/status").read()
peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
alone = [list(nlp(text).cats.values()) for text in short[:3]]
print(json.dumps([peak - before, scores[:3], alone]))
"""


@needs_proc
def test_a_long_document_among_short_ones_takes_little_memory(path, tmp_path):
    taken, together, alone = run_script(tmp_path, LONG, path, timeout=300)
    assert taken < 1000
    assert_allclose(together, alone, atol=1e-5)


IMPORTS = """
import importlib, pkgutil
import spacy, torch  # they see to themselves

for name in ("register_at_fork", "fork"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None  # importing it raises ImportError
import spacy_rnn
names = [m.name for m in pkgutil.walk_packages(spacy_rnn.__path__, "spacy_rnn.")]
for name in names:
    importlib.import_module(name)
nlp = spacy.load(sys.argv[1])
print(json.dumps([names, nlp("Warm soup").cats]))
"""


def test_no_module_needs_what_only_unix_has(path, tmp_path):
    names, cats = run_script(tmp_path, IMPORTS, path)
    assert "spacy_rnn.pipeline.textcat" in names
    assert set(cats) == set(LABELS)


TRAINING = """
[nlp]
lang = "en"
pipeline = ["rnn_textcat"]

[components]

[components.rnn_textcat]
source = "MODEL"

[corpora]

[corpora.train]
@readers = "spacy-rnn.TextCorpus.v1"
path = "DATA"

[corpora.dev]
@readers = "spacy-rnn.TextCorpus.v1"
path = "DATA"

[training]
patience = 0
max_steps = 0
max_epochs = 0
eval_frequency = 1000
"""


def is_copied(source, target):
    """Return whether all files of a folder are in another one, of the same size."""
    files = [file for file in source.rglob("*") if file.is_file()]
    copies = [target / file.relative_to(source) for file in files]
    pairs = zip(files, copies, strict=True)
    return bool(files) and all(
        copy.exists() and copy.stat().st_size == file.stat().st_size
        for file, copy in pairs
    )


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_interrupted_training_leaves_a_model_that_loads(path, tmp_path):
    rows = [{"text": text, "label": label} for text, label in PAIRS]
    srsly.write_jsonl(tmp_path / "data.jsonl", rows)
    config = TRAINING.replace("MODEL", str(path))
    config = config.replace("DATA", str(tmp_path / "data.jsonl"))
    (tmp_path / "base.cfg").write_text(config)
    fill_config(tmp_path / "full.cfg", tmp_path / "base.cfg", silent=True)
    output = tmp_path / "training"
    command = ["train", str(tmp_path / "full.cfg"), "--output", str(output)]
    with subprocess.Popen(
        [sys.executable, "-m", "spacy", *command],
        env=ONE_THREAD,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # Jobs in the background ignore the signal, and whatever they start does.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as training:
        deadline = time.monotonic() + 60
        while not is_copied(output / "model-last", output / "model-best"):
            assert training.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        training.send_signal(signal.SIGINT)
        try:
            training.communicate(timeout=30)
        finally:
            training.kill()
    for name in ("model-best", "model-last"):
        assert set(spacy.load(output / name)("Warm soup").cats) == set(LABELS)
