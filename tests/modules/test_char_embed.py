import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn import functional as F

from spacy_rnn.modules.char_embed import CharEmbed

WIDTH, CHAR_WIDTH, ROWS = 6, 5, 11
WORDS = [[0, 1, 2, 1], [3], [], [2, 2, 2, 2, 2], [4, 0], [1, 3, 4, 4, 0, 2, 1]]
ENCODERS = ["cnn", "lstm"]


def make_embed(encoder, dtype=torch.float32):
    torch.manual_seed(1)
    embed = CharEmbed(WIDTH, encoder=encoder, char_width=CHAR_WIDTH, rows=ROWS)
    with torch.no_grad():
        for parameter in embed.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return embed.to(dtype)


def make_rows():
    torch.manual_seed(2)
    return torch.randint(ROWS, (5, 4))


def inputs(words):
    """Lay words end to end."""
    chars = torch.tensor([char for word in words for char in word], dtype=torch.long)
    lengths = torch.tensor([len(word) for word in words], dtype=torch.long)
    return make_rows(), chars, lengths


def convolve(cnn, X):
    """Encode one word by torch's own convolution. Shape (n, char width) to (nO,)."""
    if not len(X):
        return cnn.bias
    X = torch.cat([cnn.ends[:1], X, cnn.ends[1:]])
    kernel = cnn.filters.weight.view(3, WIDTH, CHAR_WIDTH).permute(1, 2, 0)
    return F.conv1d(X.T[None], kernel, cnn.bias)[0].amax(dim=1)


def read(lstm, X):
    """Encode one word by torch's own LSTM. Shape (n, char width) to (nO,)."""
    if not len(X):
        return torch.zeros(WIDTH)
    (layer,) = lstm.read.layers
    states = []
    for cell, inputs in ((layer.forward_cell, X), (layer.backward_cell, X.flip(0))):
        slow = nn.LSTM(CHAR_WIDTH, WIDTH // 2)
        parameters = dict(cell.named_parameters())
        states.append(torch.func.functional_call(slow, parameters, (inputs,))[1][0][0])
    return torch.cat(states)


def embed_slowly(embed, word):
    """Embed one word by itself. Shape (nO,)."""
    rows = make_rows()
    X = [sum(embed.table.weight[row] for row in rows[char]) for char in word]
    X = torch.stack(X) if X else torch.zeros(0, CHAR_WIDTH)
    encode = read if hasattr(embed.encode, "read") else convolve
    return F.layer_norm(
        encode(embed.encode, X), (WIDTH,), embed.norm.weight, embed.norm.bias
    )


@pytest.mark.parametrize("encoder", ENCODERS)
def test_output_and_gradients_equal_those_of_torch_word_by_word(encoder):
    embed, slow = make_embed(encoder), make_embed(encoder)
    found = embed(*inputs(WORDS))
    expected = torch.stack([embed_slowly(slow, word) for word in WORDS])
    assert torch.allclose(found, expected, atol=1e-5)
    dY = torch.randn(len(WORDS), WIDTH)
    found.backward(dY)
    expected.backward(dY)
    for parameter, other in zip(embed.parameters(), slow.parameters(), strict=True):
        assert torch.allclose(parameter.grad, other.grad, atol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gradients_of_all_parameters_are_those_of_finite_differences(encoder):
    embed = make_embed(encoder, torch.float64)
    words = [*WORDS[:2], WORDS[4]]  # an empty one has no variance to divide by
    names = [name for name, _ in embed.named_parameters()]
    values = [value.detach().requires_grad_() for value in embed.parameters()]
    distinct_of, lengths = torch.tensor([2, 0, 0, 1]), torch.tensor([3, 1])

    def encode(*values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(
            embed, parameters, (*inputs(words), distinct_of, lengths)
        )

    assert gradcheck(encode, values)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_word_has_the_same_vector_alone_and_beside_others(encoder):
    embed = make_embed(encoder)
    together = embed(*inputs(WORDS))
    for word, vector in zip(WORDS, together, strict=True):
        assert torch.allclose(embed(*inputs([word]))[0], vector, atol=1e-6)
    backwards = embed(*inputs(WORDS[::-1]))
    assert torch.allclose(backwards.flip(0), together, atol=1e-6)


@torch.no_grad()
def test_characters_start_with_length_1_and_filters_as_by_glorot_and_bengio():
    embed = CharEmbed(64, encoder="cnn", char_width=32, rows=4000)
    characters = embed.table.weight.view(1000, 4, 32).sum(dim=1)
    for vectors, error in ((characters, 0.05), (embed.encode.ends, 0.3)):
        assert vectors.square().sum(1).mean() == pytest.approx(1.0, rel=error)
        assert (vectors < 0).any()
    filters = embed.encode.filters.weight
    assert filters.square().mean() == pytest.approx(2 / (3 * 32 + 64), rel=0.05)
    assert abs(filters.mean()) < 0.01
    assert not embed.encode.bias.any()


@pytest.mark.parametrize("words", [[], [[]], [[], []]])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_words_without_characters_are_legal(encoder, words):
    Y = make_embed(encoder)(*inputs(words))
    assert Y.shape == (len(words), WIDTH)
    assert torch.isfinite(Y).all()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_order_of_characters_counts(encoder):
    embed = make_embed(encoder)
    first, second = embed(*inputs([[0, 1], [1, 0]]))
    assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_two_copies_of_a_word_in_different_documents_get_different_masks(encoder):
    embed = make_embed(encoder)
    distinct_of, lengths = torch.zeros(200, dtype=torch.long), torch.full((100,), 2)
    Y = embed(*inputs([[0, 1]]), distinct_of, lengths, dropout=0.5)
    Y = Y.view(100, 2, WIDTH)
    assert torch.equal(Y[:, 0], Y[:, 1])  # but the same within a document
    assert len({tuple(mask) for mask in (Y[:, 0] != 0).tolist()}) > 1
