"""What several test files need."""

from importlib import import_module

import catalogue
import nltk
import pytest
import torch
from hypothesis import settings
from nltk.tag import mapping
from spacy.lang.en import English
from thinc.api import fix_random_seed, get_current_ops, get_ops, set_current_ops

# Others may be at work on the same machine: small products gain nothing from threads,
# and a slow example is no bug.
torch.set_num_threads(1)
settings.register_profile("quick", deadline=None, max_examples=60, database=None)
settings.load_profile("quick")

# A pipeline that is made or loaded compiles all of English's 1,347 special cases, which
# took more time than what is tested. The short ones and some of each kind remain.
EVERY_CASE = English.Defaults.tokenizer_exceptions
SOME = {"don't", "Don't", "didn't", "isn't", "can't", "Can't", "It's", "it's"}
SOME |= {"Dr.", "Mr.", "a.m.", "and/or", ":-)"}
English.Defaults.tokenizer_exceptions = {
    text: tokens
    for text, tokens in EVERY_CASE.items()
    if len(text) <= 2 or text in SOME
}

# Every look into a registry goes through the entry points of all packages, and every
# attribute of a layer that is saved or loaded is one.
POINTS = catalogue.AVAILABLE_ENTRY_POINTS
catalogue.AVAILABLE_ENTRY_POINTS = {
    group: POINTS.select(group=group) for group in POINTS.groups
}


@pytest.fixture(autouse=True)
def _fixed_seed():
    fix_random_seed(0)


@pytest.fixture
def every_special_case(monkeypatch):
    """Let English be tokenized as users have it."""
    monkeypatch.setattr(English.Defaults, "tokenizer_exceptions", EVERY_CASE)


@pytest.fixture
def device():
    """Run a test on the GPU, with Thinc's ops there, or skip it."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    pytest.importorskip("cupy")
    ops, tf32 = get_current_ops(), torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # it would round to three digits
    set_current_ops(get_ops("cupy"))
    yield torch.device("cuda")
    set_current_ops(ops)
    torch.backends.cudnn.allow_tf32 = tf32


@pytest.fixture
def fresh_nltk():
    """Let NLTK read its data anew, for this test and the next one."""
    forget_nltk_data()
    yield
    forget_nltk_data()


@pytest.fixture
def nltk_folder(tmp_path, monkeypatch, fresh_nltk):
    """Let NLTK look for its data in an empty folder only."""
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    return tmp_path


def forget_nltk_data():
    """Make NLTK forget what it has loaded, and from where."""
    mapping._MAPPINGS.clear()
    nltk.data.clear_cache()
    for corpus in vars(import_module("nltk.corpus")).values():
        if hasattr(type(corpus), "ensure_loaded"):
            corpus._unload()
