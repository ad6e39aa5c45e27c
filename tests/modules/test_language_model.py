import pytest
import torch
from numpy.testing import assert_allclose
from torch.autograd import gradcheck

from spacy_rnn.modules.language_model import LanguageModel

WIDTH, ROWS = 6, 9
LENGTHS = [4, 0, 1, 3, 2]
WORDS = torch.tensor([7, 2, 2, 5, 3, 8, 7, 2, 0, 5])  # of all documents

both_ways = pytest.mark.parametrize("bidirectional", [True, False])


@pytest.fixture
def encoded():
    return torch.randn(len(WORDS), WIDTH, requires_grad=True)


def make_model(bidirectional):
    model = LanguageModel(WIDTH, rows=ROWS, bidirectional=bidirectional)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return model


def losses_one_by_one(model, X, words, lengths):
    """List the losses of next words, and those of previous words, word by word."""
    candidates = sorted(set(words.tolist()))
    table = model.words.weight[candidates]
    bias = model.bias.weight[candidates, 0]

    def loss(read, project, target):
        scores = table @ project(read) + bias
        probabilities = scores.exp() / scores.exp().sum()
        return -probabilities[candidates.index(int(target))].log().item()

    forward, backward, start = [], [], 0
    for length in lengths:
        for i in range(start, start + length - 1):
            forward.append(loss(X[i, : model.width], model.project[0], words[i + 1]))
            if len(model.project) > 1:
                read = X[i + 1, model.width :]
                backward.append(loss(read, model.project[1], words[i]))
        start += length
    return forward + backward


@both_ways
def test_losses_are_those_of_a_softmax_over_the_words_of_the_batch(
    bidirectional, encoded
):
    model = make_model(bidirectional)
    losses = model(encoded, WORDS, torch.tensor(LENGTHS)).detach()
    expected = losses_one_by_one(model, encoded, WORDS, LENGTHS)
    assert len(expected) == (1 + bidirectional) * 6
    assert_allclose(losses, expected, rtol=1e-5)


@both_ways
def test_gradients_are_those_of_finite_differences(bidirectional, encoded):
    model = make_model(bidirectional).double()

    def run(X, *parameters):
        return model(X, WORDS, torch.tensor(LENGTHS))

    assert gradcheck(
        run, (encoded.detach().double().requires_grad_(), *model.parameters())
    )


@pytest.mark.parametrize("lengths", [[], [0], [1], [1, 0, 1]])
def test_words_without_neighbours_are_not_predicted(lengths, encoded):
    model, n_words = make_model(bidirectional=True), sum(lengths)
    losses = model(
        encoded[:n_words], WORDS[:n_words], torch.tensor(lengths, dtype=torch.long)
    )
    assert losses.shape == (0,)
    losses.backward(torch.zeros(0))
    assert not encoded.grad.any()
