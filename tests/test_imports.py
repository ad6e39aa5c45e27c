"""Who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import spacy_rnn

PACKAGE = Path(spacy_rnn.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ANYTHING = None
SPACY_DATA = {"spacy.attrs", "spacy.ml", "spacy.tokens", "spacy.vectors", "spacy.vocab"}
ARRAYS = {"numpy"}

# A unit of the package: what it may import, besides Python's own library, itself and
# `checks`. A name stands for all that is below it.
ALLOWED = {
    "modules": {"torch"},
    "metrics": {"nltk.stem", "sacrebleu"} | ARRAYS,
    "nltk_text": {"nltk"},
    "checks": set(),
    "alignment": {"spacy.attrs", "spacy.tokens", "spacy.training"} | ARRAYS,
    "types": {"spacy.tokens", "thinc"} | ARRAYS,
    "extensions": {"spacy.tokens"},
    "ragged": {"thinc"} | ARRAYS,
    "layers": {"torch", "thinc", "srsly", "modules", "ragged", "types"}
    | {"sentencepiece"}  # the extra seq2seq
    | SPACY_DATA
    | ARRAYS,
    "architectures": {"thinc", "spacy", "layers", "types"},
    "tags": {"torch", "thinc", "spacy.strings", "modules", "ragged", "types"} | ARRAYS,
    "gradients": {"spacy", "thinc"} | ARRAYS,
    "losses": {"thinc"} | ARRAYS,
    "ctc": {"torch", "thinc"} | ARRAYS,
    "crf": {"torch", "thinc", "modules", "ragged", "tags", "types"} | ARRAYS,
    "scorers": {"spacy", "extensions", "metrics"},
    "pipeline": {
        "thinc",
        "spacy",
        "extensions",
        "gradients",
        "losses",
        "alignment",
        "tags",
        "scorers",
        "metrics",
        "nltk_text",
        "ragged",
        "types",
    }
    | ARRAYS,
    "corpora": {"spacy", "nltk", "srsly", "alignment", "metrics", "nltk_text"}
    | {"extensions"},
    "tokenizers": {"spacy", "nltk_text"},
    "loggers": {"spacy", "thinc", "atomic", "gradients", "schedules"},
    "callbacks": {"spacy", "thinc", "gradients"},
    "schedules": {"spacy", "thinc"},
    "atomic": set(),
    # torch: the states of its random generators
    "training": {"spacy", "thinc", "srsly", "wasabi", "torch", "atomic"}
    | {"corpora.files", "gradients", "schedules"}
    | ARRAYS,
    "explain": {"spacy", "thinc", "layers", "pipeline", "tags", "types"} | ARRAYS,
    # pyarrow and ray, which are only installed on request, are loaded by name
    "distributed": {"spacy", "tqdm", "atomic", "extensions"}
    | {"corpora.files", "training.identity", "training.lock", "pipeline", "pyarrow"}
    | ARRAYS,
    "visual": ANYTHING,
    "cli": ANYTHING,
}


def unit_of(path):
    """Return the folder or file of the package that a file belongs to."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:2]) if ".".join(parts[:2]) in ALLOWED else parts[0]


def imports_of(path):
    """Yield the line and the full name of everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def is_allowed(name, unit):
    top, *rest = name.split(".")
    if top == "spacy_rnn":
        if not rest:
            return False
        name = ".".join(rest)
        if is_below(name, unit) or rest[0] == "checks":
            return True
    elif top in sys.stdlib_module_names:
        return True
    allowed = ALLOWED[unit]
    if allowed is ANYTHING:
        return True
    return any(is_below(name, each) for each in allowed)


def is_below(name, unit):
    return name == unit or name.startswith(f"{unit}.")


@pytest.mark.parametrize(
    "path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES]
)
def test_a_file_imports_only_what_its_place_allows(path):
    unit = unit_of(path)
    if unit == "__init__":
        assert not list(imports_of(path))
        return
    assert unit in ALLOWED, f"{unit} is new: say in ALLOWED what it may import"
    for line, name in imports_of(path):
        assert is_allowed(name, unit), f"{path}:{line} imports {name}"


def test_nobody_imports_the_command_line_or_the_plots():
    for path in FILES:
        for line, name in imports_of(path):
            for private in ("cli", "visual"):
                if name.startswith(f"spacy_rnn.{private}"):
                    assert unit_of(path) in ("cli", "visual"), f"{path}:{line}"


@pytest.mark.parametrize(
    ("name", "unit", "allowed"),
    [
        ("torch.nn", "modules", True),
        ("spacy.tokens.Doc", "modules", False),
        ("thinc.api", "modules", False),
        ("torch", "architectures", False),
        ("spacy_rnn.layers.rnn.RNN", "architectures", True),
        ("spacy_rnn.layers.rnn.RNN", "pipeline", False),
        ("spacy.language.Language", "layers", False),
        ("spacy.tokens.Doc", "layers", True),
        ("spacy_rnn.checks.check_rate", "corpora", True),
        ("spacy_rnn.pipeline.textcat", "losses", False),
        ("nltk", "pipeline", False),
        ("spacy_rnn.nltk_text.clean", "pipeline", True),
        ("spacy_rnn.nltk_text.clean", "corpora", True),
        ("spacy_rnn.nltk_text.words.split_words", "tokenizers", True),
        ("spacy_rnn.corpora.files.rows.read_lines", "tokenizers", False),
        ("spacy_rnn.corpora.files.rows.read_lines", "nltk_text", False),
        ("spacy_rnn.nltk_texts", "pipeline", False),
        ("os.path", "metrics", True),
    ],
)
def test_the_table_is_read_as_it_is_meant(name, unit, allowed):
    assert is_allowed(name, unit) is allowed


def test_importing_the_package_loads_neither_torch_nor_spacy():
    code = "import sys, spacy_rnn; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(found.stdout.split())
    assert "spacy_rnn" in loaded
    assert not loaded & {"torch", "spacy", "thinc", "numpy", "nltk"}
