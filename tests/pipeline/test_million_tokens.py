"""A document of a million tokens takes little memory beyond itself."""

import subprocess
import sys
from pathlib import Path

import pytest

CLEAR_REFS = Path("/proc/self/clear_refs")
N_TOKENS = 1_000_000
SCRIPT = """
import sys
from pathlib import Path

import numpy as np
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example


def memory(field):
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition(field + ":")[2].split()[0])


def make_doc(n_tokens):
    numbers = np.random.default_rng(0).zipf(1.3, n_tokens) % 50_000
    words = [f"word{number}" for number in numbers]
    return Doc(nlp.vocab, words, sent_starts=[i % 20 == 0 for i in range(n_tokens)])


nlp = spacy.blank("en")
pipe = nlp.add_pipe(sys.argv[1])
doc = make_doc(40)
doc.cats = {"good": 1.0, "bad": 0.0}
for token in doc:
    token.tag_ = f"tag{token.i % 17}"
doc.ents = [Span(doc, i, i + 2, f"label{i % 3}") for i in range(0, 40, 4)]
if sys.argv[1] == "rnn_summarizer":
    pipe.model.initialize(X=[doc])
else:
    nlp.initialize(lambda: [Example(doc.copy(), doc)])
pipe(make_doc(3_000))
doc = make_doc(int(sys.argv[2]))
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
pipe(doc)
print(memory("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not CLEAR_REFS.exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    "name", ["rnn_tagger", "rnn_ner", "rnn_textcat", "rnn_summarizer"]
)
def test_a_million_tokens_take_less_than_4_kilobytes_each(name):
    command = [sys.executable, "-c", SCRIPT, name, str(N_TOKENS)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 < int(found.stdout) < 4096 * N_TOKENS
