import math
from random import Random

import pytest
import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.word_statistics import (
    ISOLATED,
    N_STATISTICS,
    WordStatistics,
    standardize,
)

DOCS = [
    ["the cat sat", "the dog and the cat sat", "nobody came"],
    [],
    ["one single sentence"],
    ["again again", "again", "never again", ""],
]


def weigh(word, view):
    """Weigh a word, the same wherever it stands."""
    return 0.1 + (sum(map(ord, word)) * (view + 3) % 7) / 10


def lay_out(docs):
    """Return the arguments of the module, from documents of sentences of words."""
    pairs, words, weights, pair_of = {}, {}, [], []
    sentence = 0
    for number, doc in enumerate(docs):
        for text in doc:
            for word in text.split():
                column = words.setdefault((number, word), len(words))
                pair_of.append(pairs.setdefault((sentence, column), len(pairs)))
                weights.append([weigh(word, view) for view in range(2)])
            sentence += 1
    pairs = torch.tensor(list(pairs), dtype=torch.long).view(-1, 2)
    return (
        torch.tensor(weights).view(-1, 2),
        torch.tensor(pair_of, dtype=torch.long),
        pairs[:, 0],
        pairs[:, 1],
        torch.tensor([len(doc) for doc in docs], dtype=torch.long),
    )


def measure_slowly(doc, view):
    """Measure the sentences of a document one by one, pair by pair."""
    bags = []
    for text in doc:
        bag = {}
        for word in text.split():
            bag[word] = bag.get(word, 0.0) + weigh(word, view)
        bags.append(bag)
    total = {}
    for bag in bags:
        for word, weight in bag.items():
            total[word] = total.get(word, 0.0) + weight
    near = [
        [0.0 if i == j else cosine(a, b) for j, b in enumerate(bags)]
        for i, a in enumerate(bags)
    ]
    rows = []
    for i, bag in enumerate(bags):
        length = sum(bag.values())
        else_ = {word: math.log1p(total[word] - bag[word]) for word in bag}
        repeated = sum(bag[word] * else_[word] for word in bag)
        walk = sum(
            near[j][i] * sum(near[j]) / (sum(near[j]) ** 2 + ISOLATED)
            for j in range(len(bags))
        )
        rows.append(
            [
                math.log1p(length),
                repeated / (length + 1),
                math.log1p(repeated),
                cosine(bag, total),
                sum(near[i]) / max(1, len(bags) - 1),
                math.log1p(walk),
                sum(bag[word] / (1 + else_[word]) for word in bag) / (length + 1),
            ]
        )
    return rows


def cosine(a, b):
    product = sum(weight * b.get(word, 0.0) for word, weight in a.items())
    norms = [math.sqrt(sum(weight**2 for weight in bag.values())) for bag in (a, b)]
    return product / (norms[0] * norms[1]) if all(norms) else 0.0


@pytest.mark.parametrize("view", [0, 1])
def test_statistics_equal_a_loop_over_sentences_and_words(view):
    found = WordStatistics()(*lay_out(DOCS))[:, : 2 * N_STATISTICS]
    expected = torch.tensor([row for doc in DOCS for row in measure_slowly(doc, view)])
    found = found.view(-1, N_STATISTICS, 2)[:, :, view]
    assert torch.allclose(found, expected, atol=2e-4)


def test_statistics_do_not_depend_on_the_batch():
    together = WordStatistics()(*lay_out(DOCS))
    alone = [WordStatistics()(*lay_out([doc])) for doc in DOCS]
    assert torch.allclose(together, torch.cat(alone), atol=1e-6)


def fuzz(generator):
    """Make a document of sentences of very different lengths."""
    n_words = generator.choice([3, 20, 300])
    return [
        " ".join(
            f"word{generator.randrange(n_words)}"
            for _ in range(generator.choice([0, 1, 3, 40, 200]))
        )
        for _ in range(generator.choice([1, 2, 5, 20]))
    ]


@pytest.mark.parametrize("seed", range(3))
def test_statistics_do_not_depend_on_the_order_of_pairs_and_words(seed):
    generator = Random(seed)
    torch.manual_seed(seed)
    docs = [fuzz(generator) for _ in range(40)]
    weights, pair_of, sentence_of, word_of, sizes = lay_out(docs)
    weights = torch.rand(weights.shape)
    expected = WordStatistics()(weights, pair_of, sentence_of, word_of, sizes)
    order = torch.randperm(len(word_of))
    words = torch.randperm(int(word_of.max()) + 1)
    found = WordStatistics()(
        weights,
        order.argsort()[pair_of],
        sentence_of[order],
        words[word_of[order]],
        sizes,
    )
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("docs", [[], [[]], [[""]], [["", ""]]], ids=str)
def test_sentences_without_words_are_measured(docs):
    statistics = WordStatistics()(*lay_out(docs))
    assert statistics.shape == (sum(map(len, docs)), 4 * N_STATISTICS)
    assert torch.isfinite(statistics).all()


def test_sentences_that_are_alike_get_the_same_statistics():
    statistics = WordStatistics()(*lay_out([["the cat sat"] * 50]))
    assert torch.allclose(statistics, statistics[:1].expand_as(statistics), atol=1e-4)
    assert torch.allclose(statistics[:, 2 * N_STATISTICS :], torch.zeros(1), atol=1e-4)


def test_a_word_of_weight_zero_counts_nothing():
    weights, *places = lay_out([["the cat", "the dog"], ["the end"]])
    weights[0] = weights[2] = 0.0  # "the", in the first document
    statistics = WordStatistics()(weights, *places)[:2]
    assert not statistics.view(2, 2, N_STATISTICS, 2)[:, 0, 4].any()


def test_standardized_columns_have_mean_zero_and_at_most_unit_variance():
    X, sizes = torch.randn(9, 3) * 5 + 2, torch.tensor([5, 0, 3, 1])
    doc_of = torch.repeat_interleave(sizes)
    for doc in standardize(X, doc_of, sizes).split(sizes.tolist()):
        if len(doc):
            assert torch.allclose(doc.mean(0), torch.zeros(3), atol=1e-5)
            assert (doc.var(0, correction=0) <= 1.0 + 1e-5).all()


def test_what_differs_by_less_than_a_tenth_of_the_mean_is_not_blown_up():
    X = torch.tensor([[1.0, 100.0, -3.0], [2.0, 101.0, -3.0], [6.0, 102.0, -3.0]])
    variance, mean = X.var(0, correction=0), X.mean(0)
    expected = (X - mean) / (variance + (0.1 * mean) ** 2 + 1e-6).sqrt()
    found = standardize(X, torch.zeros(3, dtype=torch.long), torch.tensor([3]))
    assert torch.allclose(found, expected)


def test_gradients_are_those_of_finite_differences():
    weights, *places = lay_out(DOCS)
    weights = weights.double().requires_grad_()
    assert gradcheck(lambda W: WordStatistics()(W, *places), weights)
