"""The tokenizers of NLTK beside spaCy's: is the text kept, and how fast are they?

    OMP_NUM_THREADS=1 python benchmarks/tokenizers.py --data DIR

Every text below DIR is tokenized once by each, in one process: all strings of .jsonl
files (those of a list together), the sentences of .conllu files, other files as one
text each, gzipped or not, and the members of .zip files. What isn't text is left out.
For each tokenizer it prints for how many texts `doc.text == text` does not hold, and
words a second, where a word is what white space surrounds; the same for finding
sentences with spaCy's sentencizer and with nltk_sentencizer.
"""

import argparse
import gzip
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc

NAME = "spacy-rnn.NLTKTokenizer.v1"
SETTINGS: dict[str, dict[str, Any]] = {
    "spaCy, English": {"@tokenizers": "spacy.Tokenizer.v1"},
    "nltk_word": {"@tokenizers": NAME},
    "nltk_word, one sentence": {"@tokenizers": NAME, "sentences": False},
    "treebank": {"@tokenizers": NAME, "rules": "treebank"},
    "tweet": {"@tokenizers": NAME, "rules": "tweet"},
    "regexp": {
        "@tokenizers": NAME,
        "rules": "regexp",
        "pattern": r"\w+(?:[-'’]\w+)*|[^\w\s]",
    },
    "whitespace": {"@tokenizers": NAME, "rules": "whitespace"},
}


def read_texts(folder: Path) -> Iterator[str]:
    """Yield every text of a folder and the folders in it, but for empty ones."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield from parse(Path(name), archive.read(name))
        elif path.is_file():
            data = path.read_bytes()
            yield from parse(path, data)


def parse(path: Path, data: bytes) -> Iterator[str]:
    """Yield the texts of a file."""
    if path.suffix == ".gz":
        path, data = path.with_suffix(""), gzip.decompress(data)
    if b"\0" in data or not data.strip():
        return
    content = data.decode("utf-8", "replace")
    lines = content.split("\n")
    if path.suffix == ".jsonl":
        for line in filter(None, lines):
            yield from find_strings(json.loads(line))
    elif path.suffix == ".conllu":
        for line in lines:
            if line.startswith("# text = "):
                yield line.removeprefix("# text = ")
    else:
        yield content


def find_strings(value: Any) -> Iterator[str]:
    """Yield the strings in a value of JSON. A list of strings is one, with spaces."""
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        yield " ".join(value)
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from find_strings(each)


def measure(annotate: Callable[[Any], Doc], texts: list[Any]) -> tuple[float, int]:
    """Return the processor seconds that it takes, and how many texts change."""
    seconds, n_changed = 0.0, 0
    for text in texts:
        start = time.process_time()
        doc = annotate(text)
        seconds += time.process_time() - start
        n_changed += doc.text != (text.text if isinstance(text, Doc) else text)
    return seconds, n_changed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="folder of texts")
    texts = list(read_texts(parser.parse_args().data))
    n_words = sum(len(text.split()) for text in texts)
    print(
        f"{len(texts)} texts of {n_words} words, the longest of {max(map(len, texts))}"
    )
    for name, settings in SETTINGS.items():
        nlp = spacy.blank("en", config={"nlp": {"tokenizer": settings}})
        nlp("What is loaded when it is needed, is loaded now.")
        seconds, n_changed = measure(nlp.tokenizer, texts)
        speed = n_words / seconds
        print(f"{name:24} {n_changed:8} changed {speed:12,.0f} words/s", flush=True)
    nlp = spacy.blank("en")
    for name in ("sentencizer", "nltk_sentencizer"):
        docs = (nlp.tokenizer(text) for text in texts)
        pipe = nlp.add_pipe(name)
        seconds, _ = measure(pipe, docs)
        print(f"{name:41} {n_words / seconds:12,.0f} words/s", flush=True)


if __name__ == "__main__":
    main()
