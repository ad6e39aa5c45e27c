"""Speed of tagging and of named entities: ours, spaCy's, and plain PyTorch.

One process, one thread, the same tokenized sentences for all; every figure is the best
of several rounds in which the candidates take turns. Run it as

    OMP_NUM_THREADS=1 python benchmarks/tagging_speed.py --data DIR

where DIR holds tagging/conll2003_en and tagging/ud_english_ewt, see tagging_data.py;
without --data, the bundled corpora are used. The models are trained on sentences of the
training data, and annotate sentences of the development data afterwards. Ours keep the
vectors of words that they have met; "nothing kept" forgets them before each round.
crf_cost.py has the share of the CRF in that. With

    OMP_NUM_THREADS=1 python benchmarks/tagging_speed.py --data DIR --labels 20 300

instead, rnn_ner is trained shortly on the entities of CoNLL-2003, spread out over so
many labels by how their words are spelled. The table has the processor time of
`nlp.pipe` on sentences in which all of these models find entities.
"""

import argparse
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import spacy
import torch
from plain_torch import (
    CHAR_WIDTH,
    HIDDEN_WIDTH,
    MAX_CHARS,
    SPELLING_WIDTH,
    WORD_WIDTH,
    PlainTagger,
    Vocabulary,
    make_step,
    predict,
)
from recipe import ROOT
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import load_config
from tagging_data import Sentence, make_doc, read_split
from thinc.api import Adam, NumpyOps, fix_random_seed
from timing import Work, batches_by_words, fastest, timed

LABEL_BATCH, LABEL_STEPS, LEARN_RATE = 64, 300, 0.006
BATCH_SIZES = (64, 256, 1000)
UPDATE_WORDS, N_UPDATES = 4000, 10
DROPOUT = 0.3
PLAIN = "plain PyTorch"
SAME_LAYERS = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy-rnn.StackedEmbed.v1",
        "embeds": {
            "words": {
                "@architectures": "spacy-rnn.MultiHashEmbed.v1",
                "width": WORD_WIDTH,
                "attrs": ["NORM"],
                "rows": [5000],
                "include_static_vectors": False,
            },
            "chars": {
                "@architectures": "spacy-rnn.CharEmbed.v1",
                "width": SPELLING_WIDTH,
                "char_width": CHAR_WIDTH,
                "max_chars": MAX_CHARS,
            },
        },
    },
    "encode": {
        "@architectures": "spacy-rnn.RNNEncoder.v1",
        "width": 2 * HIDDEN_WIDTH,
        "depth": 1,  # else the component's default is filled in
    },
}


def make_examples(
    nlp: Language, sentences: Iterable[Sentence], *, chunks: bool
) -> list[Example]:
    golds = [make_doc(nlp.vocab, sentence, chunks=chunks) for sentence in sentences]
    return [
        Example(Doc(nlp.vocab, words=[token.text for token in gold]), gold)
        for gold in golds
    ]


def make_pipeline(
    factory: str,
    config: dict[str, Any],
    sentences: list[Sentence],
    *,
    chunks: bool,
    blis: bool = True,
) -> Language:
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe: Any = nlp.add_pipe(factory, config=config)
    examples = make_examples(nlp, sentences, chunks=chunks)
    nlp.initialize(lambda: examples)
    if not blis:
        for node in pipe.model.walk():
            node.ops = NumpyOps(use_blis=False)
    return nlp


def make_pipelines(sentences: list[Sentence], *, chunks: bool) -> dict[str, Language]:
    """Make spaCy's pipelines, the shipped one, and one with plain PyTorch's layers."""
    name = "ner" if chunks else "tagger"
    shipped = load_config(ROOT / "configs" / f"{name}.cfg", interpolate=True)
    ours = {**shipped["components"][f"rnn_{name}"]}
    ours.pop("factory")
    head = "spacy-rnn.CRFTagger.v1" if chunks else "spacy-rnn.Tagger.v1"
    same = {"model": {"@architectures": head, "tok2vec": SAME_LAYERS}}
    make = partial(make_pipeline, sentences=sentences, chunks=chunks)
    return {
        f"spaCy {name}": make(name, {}),
        f"spaCy {name}, without BLIS": make(name, {}, blis=False),
        f"spacy-rnn, configs/{name}.cfg": make(f"rnn_{name}", ours),
        f"spacy-rnn, layers of {PLAIN}": make(f"rnn_{name}", same),
    }


def update_works(
    pipelines: dict[str, Language],
    plain: PlainTagger,
    vocabulary: Vocabulary,
    batches: list[list[Sentence]],
    *,
    chunks: bool,
) -> dict[str, list[Work]]:
    """Train on batches that are prepared as far as each candidate can."""

    def update(nlp: Language, batches: list[list[Example]], optimizer: Adam) -> None:
        for batch in batches:
            nlp.update(batch, drop=DROPOUT, sgd=optimizer)

    works: dict[str, list[Work]] = {}
    for name, nlp in pipelines.items():
        examples = [make_examples(nlp, batch, chunks=chunks) for batch in batches]
        works[name] = [partial(timed, partial(update, nlp, examples, Adam(0.001)))]
    encoded = [(vocabulary.encode(b), vocabulary.encode_tags(b)) for b in batches]
    step = make_step(plain)
    works[PLAIN] = [partial(timed, lambda: [step(*batch) for batch in encoded])]
    return works


def pipe_works(
    pipelines: dict[str, Language],
    plain: PlainTagger,
    vocabulary: Vocabulary,
    sentences: list[Sentence],
    sizes: Sequence[int],
) -> dict[str, list[Work]]:
    """Annotate tokenized sentences, at several batch sizes."""
    works: dict[str, list[Work]] = {}
    for name, nlp in pipelines.items():
        run = partial(pipe_seconds, nlp, sentences)
        works[name] = [partial(run, size) for size in sizes]
        if "spacy-rnn" in name:
            works[f"{name}, nothing kept"] = [
                partial(run, size, keep=False) for size in sizes
            ]
    run = partial(predict, plain, vocabulary, sentences)
    works[PLAIN] = [partial(timed, partial(run, size)) for size in sizes]
    return works


def pipe_seconds(
    nlp: Language,
    sentences: list[Sentence],
    size: int,
    *,
    keep: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Time `nlp.pipe` on new documents."""
    docs = [Doc(nlp.vocab, words=sentence.tokens) for sentence in sentences]
    for _, pipe in nlp.pipeline if not keep else []:
        for node in pipe.model.walk():
            if "row_cache" in node.attrs:
                node.attrs["row_cache"].clear()
    return timed(lambda: deque(nlp.pipe(docs, batch_size=size), maxlen=0), clock)


def report(title: str, works: dict[str, list[Work]], n_words: int, rounds: int) -> None:
    seconds = fastest(works, rounds)
    theirs, plain = next(iter(seconds.values())), seconds[PLAIN]
    print(f"\n{title}\n")
    print("| | words/s | x spaCy | x plain PyTorch |")
    print("|---|---:|---:|---:|")
    for name, least in seconds.items():
        ratios = f"{theirs / least:.1f} | {plain / least:.2f}"
        print(f"| {name} | {n_words / least:,.0f} | {ratios} |", flush=True)


def count_words(sentences: Iterable[Sentence]) -> int:
    return sum(len(sentence.tokens) for sentence in sentences)


def compare(
    train: list[Sentence],
    dev: list[Sentence],
    rounds: int,
    sizes: Sequence[int],
    *,
    chunks: bool,
) -> None:
    """Measure all candidates in training, and then in use."""
    kind = "entities" if chunks else "tags"
    pipelines = make_pipelines(train, chunks=chunks)
    vocabulary = Vocabulary(train)
    plain = PlainTagger(vocabulary, crf=chunks)
    lengths = [len(sentence.tokens) for sentence in train]
    batches = [
        [train[i] for i in batch]
        for batch in batches_by_words(lengths, UPDATE_WORDS)[:N_UPDATES]
    ]
    n_words = sum(count_words(batch) for batch in batches)
    works = update_works(pipelines, plain, vocabulary, batches, chunks=chunks)
    report(f"Training on {kind}, {UPDATE_WORDS} words a batch", works, n_words, rounds)
    works = pipe_works(pipelines, plain, vocabulary, dev, sizes)
    title = f"Finding {kind}, best of batch sizes {sizes}"
    report(title, works, count_words(dev), rounds)


def spread(sentence: Sentence, n_labels: int) -> Sentence:
    """Give entities one of many labels, by their own, their first letter and length."""
    tags, label = [], ""
    for token, tag in zip(sentence.tokens, sentence.tags, strict=True):
        if tag.startswith("B"):
            kind = 3 * ord(token[0]) + len(token) % 3
            label = f"{tag[2:]}-{kind % (n_labels // 4)}"
        tags.append(tag[:2] + label if tag != "O" else tag)
    return sentence._replace(tags=tags)


def compare_labels(
    train: list[Sentence], dev: list[Sentence], counts: list[int], rounds: int
) -> None:
    """Measure rnn_ner with some numbers of labels."""
    pipelines, found = {}, []
    for n_labels in counts:
        pipelines[n_labels] = nlp = make_labelled(train, n_labels)
        docs = [Doc(nlp.vocab, words=sentence.tokens) for sentence in dev]
        found.append([len(doc.ents) > 0 for doc in nlp.pipe(docs)])
    chosen = [s for s, *finds in zip(dev, *found, strict=True) if all(finds)]
    run = partial(pipe_seconds, sentences=chosen, size=256, clock=time.process_time)
    works = {str(n): [partial(run, nlp)] for n, nlp in pipelines.items()}
    seconds, n_words = fastest(works, rounds), count_words(chosen)
    print(f"\n{len(chosen)} sentences, {n_words} words\n")
    print("| labels | microseconds a word | x the first |\n|---:|---:|---:|")
    first = next(iter(seconds.values()))
    for name, least in seconds.items():
        print(f"| {name} | {1e6 * least / n_words:.1f} | {least / first:.2f} |")


def make_labelled(train: list[Sentence], n_labels: int) -> Language:
    """Train rnn_ner shortly with some number of labels."""
    fix_random_seed(0)
    nlp, random, optimizer = spacy.blank("en"), Random(0), Adam(LEARN_RATE)
    pipe: Any = nlp.add_pipe("rnn_ner")
    kinds = sorted({tag[2:] for s in train for tag in s.tags if tag != "O"})
    labels = [f"{kind}-{i}" for kind in kinds for i in range(n_labels // 4)]
    spread_out = [spread(sentence, n_labels) for sentence in train]
    examples = make_examples(nlp, spread_out, chunks=True)
    pipe.initialize(lambda: examples, nlp=nlp, labels=labels)
    for _ in range(LABEL_STEPS):
        nlp.update(random.choices(examples, k=LABEL_BATCH), sgd=optimizer, drop=0.1)
    return nlp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument(
        "--limit", type=int, default=3000, help="sentences of each part"
    )
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--sizes", type=int, nargs="+", default=BATCH_SIZES)
    parser.add_argument("--labels", type=int, nargs="+", help="compare so many labels")
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = ("conll2003_en", "ewt_upos")
    for name in names if args.data else ("bundled_entities", "bundled_tags"):
        train, dev, _ = read_split(args.data, name)
        for part in (train, dev):
            Random(0).shuffle(part)
        train, dev = train[: args.limit], dev[: args.limit]
        if args.labels:
            compare_labels(train, dev, args.labels, args.rounds)
            return
        print(f"\n{name}: {len(dev)} sentences, {count_words(dev)} words to annotate")
        chunks = name in ("conll2003_en", "bundled_entities")
        compare(train, dev, args.rounds, args.sizes, chunks=chunks)


if __name__ == "__main__":
    main()
