"""Speed of text classification: ours, spaCy's own networks, and plain PyTorch.

One process, one thread, the same texts for all; every figure is the best of several
rounds in which the candidates take turns. Run it as

    OMP_NUM_THREADS=1 python benchmarks/speed.py --data DIR

where DIR holds classification/mr/train.jsonl.gz, rows of {"text", "label"}; without
--data, the bundled sentiment corpus is used. Words are spaCy's tokens. With `--sizes 1`
texts are handed over one by one.
"""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

import spacy
import srsly
import torch
from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch
from thinc.api import Adam, NumpyOps, fix_random_seed
from timing import Work, batches_by_words, fastest, timed
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

WIDTH = 128
BATCH_SIZES = (64, 256, 1000)
UPDATE_WORDS = 4000
ROOT = Path(__file__).parent.parent

EMBED = {
    "width": WIDTH,
    "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
    "rows": [5000, 1000, 2500, 2500],
    "include_static_vectors": False,
}


def tok2vec(embed: str, encode: dict, width: int = WIDTH) -> dict:
    return {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {"@architectures": embed, **EMBED, "width": width},
        "encode": {"width": width, **encode},
    }


def spacy_bilstm(width: int = WIDTH) -> dict:
    encode = {
        "@architectures": "spacy.TorchBiLSTMEncoder.v1",
        "depth": 2,
        "dropout": 0.0,
    }
    return reduce_mean(tok2vec("spacy.MultiHashEmbed.v2", encode, width))


def our_bilstm(width: int = WIDTH, *, cuda_graphs: bool = False) -> dict:
    encode = {
        "@architectures": "spacy-rnn.RNNEncoder.v1",
        "depth": 2,
        "cuda_graphs": cuda_graphs,
    }
    vectors = tok2vec("spacy-rnn.MultiHashEmbed.v1", encode, width)
    vectors["embed"]["word_dropout"] = 0.0
    return {
        "@architectures": "spacy-rnn.TextCat.v1",
        "tok2vec": vectors,
        "linear_model": None,  # else the component's default is filled in
        "exclusive_classes": True,
        "pooling": ["mean"],
    }


SPACY_CNN = tok2vec(
    "spacy.MultiHashEmbed.v2",
    {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "depth": 4,
        "window_size": 1,
        "maxout_pieces": 3,
    },
)


def reduce_mean(vectors: dict) -> dict:
    return {
        "@architectures": "spacy.TextCatReduce.v1",
        "tok2vec": vectors,
        "exclusive_classes": True,
        "use_reduce_first": False,
        "use_reduce_last": False,
        "use_reduce_max": False,
        "use_reduce_mean": True,
    }


MODELS = {
    "spaCy BiLSTM, depth 2": ("textcat", spacy_bilstm()),
    "spaCy CNN, depth 4": ("textcat", reduce_mean(SPACY_CNN)),
    "spaCy bag of words": (
        "textcat",
        {
            "@architectures": "spacy.TextCatBOW.v3",
            "exclusive_classes": True,
            "ngram_size": 1,
            "no_output_layer": False,
        },
    ),
    "spacy-rnn BiLSTM, depth 2": ("rnn_textcat", our_bilstm()),
    "spacy-rnn, default model": ("rnn_textcat", None),
}


class PlainTorch(nn.Module):
    """What one would write by hand: word vectors, a packed BiLSTM, the mean."""

    def __init__(self, n_words: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(n_words, WIDTH)
        self.lstm = nn.LSTM(
            WIDTH, WIDTH // 2, num_layers=2, bidirectional=True, batch_first=True
        )
        self.output = nn.Linear(WIDTH, 2)

    def forward(self, docs: list[torch.Tensor]) -> torch.Tensor:
        lengths = torch.tensor([len(doc) for doc in docs])
        X = self.embed(pad_sequence(docs, batch_first=True))
        packed = pack_padded_sequence(
            X, lengths, batch_first=True, enforce_sorted=False
        )
        Y, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.output(Y.sum(1) / lengths[:, None])


def read(data: Path | None, limit: int) -> list[tuple[str, str]]:
    if data is None:
        rows = srsly.read_jsonl(ROOT / "corpus" / "sentiment" / "train.jsonl")
    else:
        rows = srsly.read_gzip_jsonl(data / "classification" / "mr" / "train.jsonl.gz")
    pairs = [(row["text"], row["label"]) for row in rows]
    Random(0).shuffle(pairs)
    return pairs[:limit]


def make_examples(nlp: Language, rows: list[tuple[str, str]]) -> list[Example]:
    labels = sorted({label for _, label in rows})
    return [
        Example.from_dict(
            nlp.make_doc(text),
            {"cats": {name: float(name == label) for name in labels}},
        )
        for text, label in rows
    ]


def make_pipeline(name: str, rows: list[tuple[str, str]], blis: bool) -> Language:
    factory, model = MODELS[name]
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, config={} if model is None else {"model": model})
    examples = make_examples(nlp, rows)
    nlp.initialize(lambda: examples)
    if not blis:
        for node in nlp.get_pipe(factory).model.walk():
            node.ops = NumpyOps(use_blis=False)
    return nlp


def pipe_works(
    rows: list[tuple[str, str]], sizes: Sequence[int]
) -> dict[str, list[Work]]:
    """From text to annotated documents, at several batch sizes."""
    texts = [text for text, _ in rows]

    def run(nlp: Language, batch_size: int) -> None:
        for _ in nlp.pipe(texts, batch_size=batch_size):
            pass

    works: dict[str, list[Work]] = {}
    for name in MODELS:
        for blis in (True, False) if "spaCy" in name else (True,):
            nlp = make_pipeline(name, rows, blis)
            label = name if blis else f"{name}, without BLIS"
            works[label] = [partial(timed, partial(run, nlp, size)) for size in sizes]
    tokenizer = spacy.blank("en")
    ids: dict[str, int] = {}
    module = PlainTorch(50_000).eval()

    def run_torch(batch_size: int) -> None:
        with torch.inference_mode():
            for docs in minibatch(tokenizer.pipe(texts), size=batch_size):
                word_ids = [[ids.setdefault(t.text, len(ids)) for t in d] for d in docs]
                module([torch.tensor(doc) for doc in word_ids]).softmax(1)

    works["plain PyTorch, packed"] = [
        partial(timed, partial(run_torch, size)) for size in sizes
    ]
    return works


def update_works(rows: list[tuple[str, str]]) -> tuple[dict[str, list[Work]], int]:
    """Training steps on batches of words; the tokenizer is left out for all."""
    works: dict[str, list[Work]] = {}
    docs = list(spacy.blank("en").pipe(text for text, _ in rows))
    batches = batches_by_words([len(doc) for doc in docs], UPDATE_WORDS)[:10]
    n_words = sum(len(docs[i]) for batch in batches for i in batch)

    def updater(nlp: Language) -> Callable[[], None]:
        examples, optimizer = make_examples(nlp, rows), Adam(0.001)

        def run() -> None:
            for batch in batches:
                nlp.update([examples[i] for i in batch], sgd=optimizer)

        return run

    for name in MODELS:
        for blis in (True, False) if "spaCy" in name else (True,):
            label = name if blis else f"{name}, without BLIS"
            works[label] = [partial(timed, updater(make_pipeline(name, rows, blis)))]
    ids: dict[str, int] = {}
    word_ids = [
        torch.tensor([ids.setdefault(t.text, len(ids)) for t in doc]) for doc in docs
    ]
    labels = torch.tensor([label == rows[0][1] for _, label in rows]).long()
    module = PlainTorch(len(ids))
    optimizer = torch.optim.Adam(module.parameters(), lr=0.001)

    def run_torch() -> None:
        for batch in batches:
            optimizer.zero_grad()
            scores = module([word_ids[i] for i in batch])
            nn.functional.cross_entropy(scores, labels[batch]).backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()

    works["plain PyTorch, packed"] = [partial(timed, run_torch)]
    return works, n_words


def report(title: str, n_words: int, works: dict[str, list[Work]], rounds: int) -> None:
    seconds = fastest(works, rounds)
    speeds = {name: n_words / least for name, least in seconds.items()}
    bilstm, cnn = speeds["spaCy BiLSTM, depth 2"], speeds["spaCy CNN, depth 4"]
    print(f"\n{title}\n")
    print("| | words/s | x spaCy's BiLSTM | x spaCy's CNN |")
    print("|---|---:|---:|---:|")
    for name, speed in speeds.items():
        print(
            f"| {name} | {speed:,.0f} | {speed / bilstm:.1f} | {speed / cnn:.1f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--limit", type=int, default=2000, help="number of texts")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--sizes", type=int, nargs="+", default=BATCH_SIZES)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = read(args.data, args.limit)
    n_words = sum(len(doc) for doc in spacy.blank("en").pipe(text for text, _ in rows))
    print(f"{len(rows)} texts, {n_words} words; torch {torch.__version__}")
    title = f"nlp.pipe, best of batch sizes {args.sizes}"
    report(title, n_words, pipe_works(rows, args.sizes), args.rounds)
    works, n_words = update_works(rows)
    report(f"nlp.update, batches of {UPDATE_WORDS} words", n_words, works, args.rounds)


if __name__ == "__main__":
    main()
