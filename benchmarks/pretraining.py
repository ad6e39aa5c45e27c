"""What pretraining on raw text adds where few texts are labelled.

    OMP_NUM_THREADS=1 python benchmarks/pretraining.py --data DIR

DIR holds classification/{mr,subj,movie_reviews}/{train,dev,test}.jsonl[.gz]. The raw
text is the training texts of all three, without labels, in lines, up to a number of
words. It pretrains the network of configs/pretrain.cfg once for each objective. Then
500 labelled texts of MR train it, over three seeds, with and without; the best
evaluation on dev is kept and scored on test. Without the bag of n-grams that the config
has beside the network, its gain is seen by itself. "static vectors" puts the vectors
themselves into the embedding instead.
"""

import argparse
import tempfile
import time
from operator import itemgetter
from pathlib import Path
from random import Random

import numpy as np
import spacy
import srsly
import torch
from make_vectors import WIDTH, make_vectors
from recipe import ROOT, parse_overrides, read_rows, train_best
from spacy.training.pretrain import pretrain
from spacy.util import load_config
from spacy.vectors import Vectors

OBJECTIVES = ("characters", "vectors")
SETS = ("mr", "subj", "movie_reviews")
VECTORS = {
    "@architectures": "spacy.PretrainVectors.v1",
    "maxout_pieces": 3,
    "hidden_size": 300,
    "loss": "cosine",
}


def write_raw(data: Path, path: Path, n_words: int) -> list[str]:
    """Write lines of unlabelled text, as many as have so many words."""
    lines: list[str] = []
    for name in SETS:
        for row in read_rows(data / "classification" / name, "train"):
            lines += [line for line in row["text"].split("\n") if line.strip()]
    Random(0).shuffle(lines)
    ends = np.cumsum([len(line.split()) for line in lines])
    lines = lines[: int(np.searchsorted(ends, n_words))]
    srsly.write_jsonl(path, ({"text": line} for line in lines))
    return lines


def write_vectors(lines: list[str], path: Path) -> None:
    """Write a pipeline that has nothing but vectors of words."""
    words, table = make_vectors(lines)
    nlp = spacy.blank("en")
    nlp.vocab.vectors = Vectors(
        strings=nlp.vocab.strings, data=table, keys=words, name="ppmi"
    )
    nlp.to_disk(path)


def write_labelled(data: Path, folder: Path, n_labelled: int) -> None:
    for part in ("train", "dev", "test"):
        rows = read_rows(data / "classification" / "mr", part)
        if part == "train":
            rows = Random(0).sample(rows, n_labelled)
        pairs = [{"text": row["text"], "label": str(row["label"])} for row in rows]
        srsly.write_jsonl(folder / f"{part}.jsonl", pairs)


def make_weights(folder: Path, objective: str, epochs: int, settings: dict) -> Path:
    """Pretrain with an objective. Returns where the weights are."""
    overrides = {"paths.raw_text": str(folder / "raw.jsonl"), **settings}
    if objective == "vectors":
        overrides["paths.vectors"] = str(folder / "vectors")
    config = load_config(ROOT / "configs" / "pretrain.cfg", overrides)
    config["pretraining"]["max_epochs"] = epochs
    if objective == "vectors":
        config["pretraining"]["objective"] = VECTORS
    output = folder / f"weights_{objective}"
    output.mkdir()
    pretrain(config.interpolate(), output, silent=True)
    return output / "model-last.bin"


def accuracy(folder: Path, seed: int, overrides: dict, *, ngrams: bool) -> float:
    """Train on the labelled texts; return the accuracy on test, in percent."""
    settings = {
        "system.seed": seed,
        "training.max_epochs": 30,
        "paths.train": str(folder / "train.jsonl"),
        "paths.dev": str(folder / "dev.jsonl"),
        **overrides,
    }
    config = load_config(ROOT / "configs" / "pretrain.cfg", settings)
    if not ngrams:
        config["components"]["rnn_textcat"]["model"]["linear_model"] = None
    nlp, _ = train_best(config)
    rows = list(srsly.read_jsonl(folder / "test.jsonl"))
    found = nlp.pipe([row["text"] for row in rows])
    right = [
        max(doc.cats.items(), key=itemgetter(1))[0] == row["label"]
        for doc, row in zip(found, rows, strict=True)
    ]
    return 100 * float(np.mean(right))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of data sets")
    parser.add_argument("--words", type=int, default=600_000, help="of raw text")
    parser.add_argument("--epochs", type=int, default=5, help="of pretraining")
    parser.add_argument(
        "--objectives", nargs="+", choices=OBJECTIVES, default=list(OBJECTIVES)
    )
    parser.add_argument("--labelled", type=int, default=500)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--set", nargs="*", default=[], help="config values, a.b=1")
    args = parser.parse_args()
    settings = parse_overrides(args.set)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_labelled(args.data, folder, args.labelled)
        lines = write_raw(args.data, folder / "raw.jsonl", args.words)
        start = time.process_time()
        write_vectors(lines, folder / "vectors")
        seconds = time.process_time() - start
        print(f"vectors of width {WIDTH}: {seconds:.0f} s", flush=True)
        variants: dict[str, dict] = {"from scratch": {}}
        for objective in args.objectives:
            start = time.process_time()
            weights = make_weights(folder, objective, args.epochs, settings)
            variants[f"pretrained, {objective}"] = {"paths.init_tok2vec": str(weights)}
            seconds = time.process_time() - start
            print(f"pretraining, {objective}: {seconds:.0f} s", flush=True)
        variants["static vectors"] = {
            "paths.vectors": str(folder / "vectors"),
            "components.rnn_textcat.model.tok2vec.embed.include_static_vectors": True,
        }
        print("\n| | network alone | each | with n-grams | each |")
        print("|---|---:|---|---:|---|")
        for label, overrides in variants.items():
            cells = [label]
            for ngrams in (False, True):
                scores = [
                    accuracy(folder, seed, overrides, ngrams=ngrams)
                    for seed in args.seeds
                ]
                cells.append(f"{np.mean(scores):.1f}")
                cells.append(" ".join(f"{score:.1f}" for score in scores))
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
