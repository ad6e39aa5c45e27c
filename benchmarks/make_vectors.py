"""Make word vectors from raw text: what `spacy pretrain` learns to predict.

    python benchmarks/make_vectors.py RAW.jsonl vectors.txt
    python -m spacy init vectors en vectors.txt vectors

RAW.jsonl has rows of {"text"}. Words that come 5 times or more get a vector each, from
a truncated singular value decomposition of the positive pointwise mutual information of
words and their neighbours (Levy et al., 2015).
"""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import spacy
import srsly
from scipy.sparse import csr_matrix
from sklearn.utils.extmath import randomized_svd

WIDTH = 100
WINDOW = 5  # neighbours on each side, of which nearer ones count more
MIN_COUNT = 5
SMOOTHING = 0.75  # exponent of a neighbour's frequency


def make_vectors(
    texts: Iterable[str], width: int = WIDTH, lang: str = "en"
) -> tuple[list[str], np.ndarray]:
    """Make vectors of the words of texts.

    Returns:
        The words, the most frequent first, and their vectors, shape (words, width).
    """
    docs = [[t.text for t in doc] for doc in spacy.blank(lang).pipe(texts)]
    counts = Counter(word for doc in docs for word in doc)
    words = [word for word, count in counts.most_common() if count >= MIN_COUNT]
    number = {word: i for i, word in enumerate(words)}
    edge = [-1] * WINDOW
    ids = np.array(
        [i for doc in docs for i in [*(number.get(w, -1) for w in doc), *edge]]
    )
    U, S, _ = randomized_svd(ppmi(ids, len(words)), width, random_state=0)
    return words, (U * np.sqrt(S)).astype("f")


def ppmi(ids: np.ndarray, n_words: int) -> csr_matrix:
    """Compute positive pointwise mutual information.

    Args:
        ids: The number of each token, -1 for what isn't counted; at least WINDOW of
            those between two documents.
        n_words: How many numbers there are.
    """
    shape = (n_words, n_words)
    counts = csr_matrix(shape, dtype="f")
    for distance in range(1, WINDOW + 1):
        left, right = ids[:-distance], ids[distance:]
        both = (left >= 0) & (right >= 0)
        weights = np.full(both.sum(), 1 / distance, dtype="f")
        counts += csr_matrix((weights, (left[both], right[both])), shape=shape)
    counts = (counts + counts.T).tocoo()
    of_word = np.bincount(counts.row, counts.data, n_words)
    of_neighbour = of_word**SMOOTHING
    shares = of_word[counts.row] * of_neighbour[counts.col] / of_neighbour.sum()
    information = np.log(counts.data / shares)
    kept = information > 0
    rows, columns = counts.row[kept], counts.col[kept]
    return csr_matrix((information[kept], (rows, columns)), shape=shape)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("raw", type=Path, help='rows of {"text"}')
    parser.add_argument("vectors", type=Path, help="written, for spacy init vectors")
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--lang", default="en")
    args = parser.parse_args()
    texts = [row["text"] for row in srsly.read_jsonl(args.raw)]
    words, table = make_vectors(texts, args.width, args.lang)
    rows = [(word, row) for word, row in zip(words, table, strict=True) if word.strip()]
    with args.vectors.open("w", encoding="utf8") as file:
        file.write(f"{len(rows)} {args.width}\n")
        for word, row in rows:
            file.write(" ".join([word, *(f"{value:.5f}" for value in row)]) + "\n")
    print(f"{len(rows)} words, {args.width} values each")


if __name__ == "__main__":
    main()
