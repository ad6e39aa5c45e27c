"""Are explanations right? What happens to a prediction without the tokens they name.

    OMP_NUM_THREADS=1 python benchmarks/faithfulness.py --data DIR

DIR holds classification/mr/{train,dev,test}.jsonl[.gz], film reviews. A classifier is
trained by configs/sentiment.cfg for each seed. Of the test texts that it is sure of (a
probability of 0.7 or more), the fifth of tokens that contribute most to the predicted
category are left out, or as many by chance. The table shows by how much the category's
probability falls, how much more than by chance, with a bootstrap interval of 95 %, and
for how many texts contributions add up to the difference of the scores, within 1 % of
it, or of a hundredth of their sizes where they cancel out.

Without --data, it is the bundled corpus, whose dev part is explained.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from accuracy import OURS, read_split, train_model
from spacy.language import Language
from spacy.tokens import Doc

from spacy_rnn.explain import Explanation, explain
from spacy_rnn.layers.contributions import CANCELLED, TOLERANCE

SURE = 0.7
SHARE = 0.2  # of the tokens that are left out
SAMPLES = 2000  # of the bootstrap


def leave_out(nlp: Language, doc: Doc, tokens: np.ndarray) -> Doc:
    """Make a document without some tokens."""
    kept = [token for token in doc if token.i not in set(tokens.tolist())]
    words, spaces = [t.text for t in kept], [bool(t.whitespace_) for t in kept]
    return Doc(nlp.vocab, words=words, spaces=spaces)


def falls(
    nlp: Language, explanations: list[Explanation], random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Find by how much probabilities fall without the top tokens, or any others."""
    top, chance = [], []
    for each in explanations:
        n_left_out = max(1, round(SHARE * len(each.doc)))
        most = np.argsort(-each.contributions)[:n_left_out]
        others = random.choice(len(each.doc), n_left_out, replace=False)
        top.append(leave_out(nlp, each.doc, most))
        chance.append(leave_out(nlp, each.doc, others))
    before = np.array([each.probability for each in explanations])
    labels = [each.label for each in explanations]
    after = [
        np.array([d.cats[k] for d, k in zip(nlp.pipe(docs), labels, strict=True)])
        for docs in (top, chance)
    ]
    return before - after[0], before - after[1]


def distance(each: Explanation) -> float:
    """Say how far contributions are from adding up, see above."""
    difference, sizes = each.score - each.baseline, abs(each.contributions).sum()
    return abs(each.contributions.sum() - difference) / max(
        abs(difference), CANCELLED * sizes
    )


def interval(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Find the bootstrap interval of a mean that holds 95 %."""
    drawn = random.integers(len(values), size=(SAMPLES, len(values)))
    return np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--limit", type=int, default=0, help="texts, 0 for all")
    args = parser.parse_args()
    split = read_split(args.data, "mr" if args.data else "bundled", tune=False)
    texts = [row.text for row in split.test][: args.limit or None]
    print("seed   texts  fall, top  by chance  more than by chance  add up  texts/s")
    for seed in args.seeds:
        random = np.random.default_rng(seed)
        nlp = train_model(OURS, split, seed)
        docs = [doc for doc in nlp.pipe(texts) if max(doc.cats.values()) >= SURE]
        start = time.process_time()
        found = [each for (each,) in explain(nlp, docs)]
        seconds = time.process_time() - start
        errors = [distance(each) for each in found]
        top, chance = falls(nlp, found, random)
        low, high = interval(top - chance, random)
        print(
            f"{seed:4} {len(docs):7} {top.mean():10.3f} {chance.mean():10.3f}"
            f"  {(top - chance).mean():.3f} ({low:.3f} to {high:.3f})"
            f" {np.mean(np.array(errors) <= TOLERANCE):7.1%} {len(docs) / seconds:8.1f}"
        )


if __name__ == "__main__":
    main()
