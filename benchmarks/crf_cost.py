"""What a CRF costs: the same network with a CRF and with a softmax, 9 tags, one core.

    OMP_NUM_THREADS=1 python benchmarks/crf_cost.py --data DIR

A training step on about 4,000 words, and predicting their tags, by the components and
with the default models, the least of many times. DIR holds tagging/conll2003_en, see
tagging_data.py; without --data, the bundled entities are used. The softmax has the same
four labels in BIO as tags.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import torch
from tagging_data import Sentence, read_split
from tagging_speed import make_examples, make_pipeline
from thinc.api import Adam
from timing import Work, batches_by_words, fastest, timed

N_WORDS = 4000
CRF, SOFTMAX, CONFIDENCES = "CRF", "softmax", "CRF, with confidences"


def make_works(sentences: list[Sentence]) -> dict[str, dict[str, list[Work]]]:
    """Make a training step, and predictions, of each of the candidates."""
    batch = batches_by_words([len(s.tokens) for s in sentences], N_WORDS)[0]
    settings = {
        SOFTMAX: ("rnn_tagger", {}),
        CRF: ("rnn_ner", {"scheme": "BIO", "spans_key": None}),
        CONFIDENCES: ("rnn_ner", {"scheme": "BIO"}),
    }
    training: dict[str, list[Work]] = {}
    predicting: dict[str, list[Work]] = {}
    for name, (factory, config) in settings.items():
        chunks = factory == "rnn_ner"
        nlp = make_pipeline(factory, config, sentences, chunks=chunks)
        pipe: Any = nlp.get_pipe(factory)
        examples = make_examples(nlp, [sentences[i] for i in batch], chunks=chunks)
        docs = [example.predicted for example in examples]
        update: Callable = partial(pipe.update, examples, sgd=Adam(0.001), drop=0.3)
        if name != CONFIDENCES:
            training[name] = [partial(timed, update)]
        predicting[name] = [partial(timed, partial(pipe.predict, docs))]
    return {"training step": training, "decoding": predicting}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--rounds", type=int, default=50)
    args = parser.parse_args()
    torch.set_num_threads(1)
    name = "conll2003_en" if args.data else "bundled_entities"
    sentences = read_split(args.data, name).train
    Random(0).shuffle(sentences)
    print("| 4,000 words | | ms | x softmax |")
    print("|---|---|---:|---:|")
    for work, candidates in make_works(sentences[:3000]).items():
        seconds = fastest(candidates, args.rounds)
        for name, least in seconds.items():
            ratio = least / seconds[SOFTMAX]
            print(f"| {work} | {name} | {1000 * least:.1f} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
