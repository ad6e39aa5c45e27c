"""Sentence boundaries by Punkt beside spaCy's, against those of treebanks.

    python benchmarks/sentences.py --data DIR

DIR holds tagging/ud_english_ewt and tagging/ud_english_lines, as released, and
tagging/wsj_sample. Documents are put together from their sentences, with a blank line
between paragraphs where the treebank tells them. Of each boundary, but for that before
the first sentence, the offset has to be right. "english" needs NLTK's data `punkt_tab`.
"""

import argparse
import gzip
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import spacy
import srsly
from nltk.tokenize.treebank import TreebankWordDetokenizer

from spacy_rnn.nltk_text import (
    PunktModel,
    built_in_punkt,
    load_punkt,
    split_sentences,
)

Document = tuple[str, set[int]]  # a text, and where its sentences begin but the first
BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LCB-": "{", "-RCB-": "}"}


def read_treebank(path: Path) -> list[Document]:
    """Read a treebank of Universal Dependencies."""
    documents: list[list[str]] = [[]]
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.startswith("# newdoc"):
                documents.append([])
            elif line.startswith("# newpar"):
                documents[-1].append("")
            elif line.startswith("# text = "):
                documents[-1].append(line.removeprefix("# text = ").strip())
    return [put_together(sentences) for sentences in documents if sentences]


def read_wsj(folder: Path) -> list[Document]:
    """Read the sample of the Penn Treebank, whose tokens are all that there is."""
    detokenizer = TreebankWordDetokenizer()
    documents = defaultdict(list)
    for path in sorted(folder.glob("*.jsonl.gz")):
        for row in srsly.read_gzip_jsonl(path):
            tokens = [BRACKETS.get(token, token) for token in row["tokens"]]
            documents[row["doc"]].append(detokenizer.detokenize(tokens))
    return [put_together(sentences) for sentences in documents.values()]


def put_together(sentences: Iterable[str]) -> Document:
    """Put sentences in a text; an empty one stands for the end of a paragraph."""
    text, starts = "", set()
    for sentence in sentences:
        if sentence:
            starts.add(len(text))
            text += sentence + " "
        elif text:
            text = text.rstrip() + "\n\n"
    return text.rstrip(), starts - {0}


def make_candidates() -> dict[str, Callable[[str], set[int]]]:
    """Return functions from a text to the offsets of its sentences."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    models = {"untrained": PunktModel(), "built in": built_in_punkt()}
    try:
        models["english"] = load_punkt("english")
    except LookupError as error:
        print(error)

    def make(punkt: PunktModel, **settings: str) -> Callable[[str], set[int]]:
        return lambda text: {i for i, _ in split_sentences(text, punkt, **settings)}

    candidates = {
        "spaCy's sentencizer": lambda text: {s.start_char for s in nlp(text).sents}
    }
    for name, punkt in models.items():
        candidates[f"Punkt, {name}, lines don't count"] = make(
            punkt, line_breaks="never"
        )
        candidates[f"Punkt, {name}"] = make(punkt)
    return candidates


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    tagging = parser.parse_args().data / "tagging"
    corpora = {
        path.name.removesuffix(".conllu.gz"): read_treebank(path)
        for name in ("ewt", "lines")
        for path in sorted((tagging / f"ud_english_{name}").glob("*.conllu.gz"))
    }
    corpora["wsj_sample"] = read_wsj(tagging / "wsj_sample")
    candidates = make_candidates()
    for name, documents in corpora.items():
        n_gold = sum(len(starts) for _, starts in documents)
        print(f"\n{name}: {len(documents)} documents, {n_gold} boundaries in them")
        for candidate, find in candidates.items():
            found = [(find(text) - {0}, starts) for text, starts in documents]
            n_right = sum(len(mine & gold) for mine, gold in found)
            precision = n_right / max(1, sum(len(mine) for mine, _ in found))
            recall = n_right / n_gold
            f = 2 * precision * recall / (precision + recall)
            print(f"{candidate:40} P {precision:.3f}  R {recall:.3f}  F {f:.3f}")


if __name__ == "__main__":
    main()
