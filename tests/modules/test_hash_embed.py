import torch
from torch.autograd import gradcheck

from spacy_rnn.modules.hash_embed import MAXOUT_PIECES, MultiHashEmbed

WIDTH, STATIC = 4, 3
ROWS = [7, 5]


def make_embed(static_width=None):
    torch.manual_seed(1)
    embed = MultiHashEmbed(WIDTH, static_width, rows=ROWS)
    with torch.no_grad():
        for parameter in embed.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return embed


def make_rows(n):
    first, second = torch.randint(7, (n, 1, 4)), torch.randint(7, 12, (n, 1, 4))
    return torch.cat([first, second], dim=1)


def embed_slowly(embed, rows, static):
    """Embed one token by itself. Shape (nO,)."""
    parts = [sum(embed.tables.weight[row] for row in four) for four in rows]
    if static is not None:
        parts.append(embed.project_static.weight @ static)
    mixed = embed.mix.weight @ torch.cat(parts) + embed.mix.bias
    highest = mixed.view(MAXOUT_PIECES, WIDTH).amax(dim=0)
    normal = (highest - highest.mean()) / torch.sqrt(
        highest.var(correction=0) + embed.norm.eps
    )
    return normal * embed.norm.weight + embed.norm.bias


def test_a_batch_of_distinct_tokens_equals_embedding_each_token_slowly():
    rows, static = make_rows(5), torch.randn(5, STATIC)
    distinct_of = torch.tensor([4, 0, 0, 3, 1, 2, 4, 4])
    lengths = torch.tensor([3, 0, 5])
    for embed, vectors in (
        (make_embed(), None),
        (make_embed(STATIC), static),
    ):
        found = embed(rows, vectors, distinct_of, lengths)
        expected = [
            embed_slowly(embed, rows[i], None if vectors is None else vectors[i])
            for i in distinct_of
        ]
        assert torch.allclose(found, torch.stack(expected), atol=1e-5)


def test_gradients_of_all_parameters_are_those_of_finite_differences():
    embed = make_embed(STATIC).double()
    rows = make_rows(5)
    static = torch.randn(5, STATIC, dtype=torch.float64)
    distinct_of = torch.tensor([4, 0, 0, 3, 1, 2, 4, 4])
    names = [name for name, _ in embed.named_parameters()]
    values = [value.detach().requires_grad_() for value in embed.parameters()]

    def encode(*values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(
            embed, parameters, (rows, static, distinct_of, torch.tensor([3, 5]))
        )

    assert gradcheck(encode, values)


def test_gradient_equals_that_of_embedding_every_token_by_itself():
    embed, slow = make_embed(STATIC), make_embed(STATIC)
    rows, static = make_rows(5), torch.randn(5, STATIC)
    distinct_of = torch.tensor([4, 0, 0, 3, 1, 2, 4, 4])
    dY = torch.randn(8, WIDTH)
    embed(rows, static, distinct_of, torch.tensor([8])).backward(dY)
    torch.stack([embed_slowly(slow, rows[i], static[i]) for i in distinct_of]).backward(
        dY
    )
    for found, expected in zip(embed.parameters(), slow.parameters(), strict=True):
        assert torch.allclose(found.grad, expected.grad, atol=1e-5)


def test_two_copies_of_a_word_in_different_documents_get_different_masks():
    embed = make_embed()
    distinct_of = torch.zeros(200, dtype=torch.long)
    lengths = torch.full((100,), 2)
    Y = embed(make_rows(1), None, distinct_of, lengths, dropout=0.5).view(100, 2, WIDTH)
    assert torch.equal(Y[:, 0], Y[:, 1])  # but the same within a document
    assert len({tuple(mask) for mask in (Y[:, 0] != 0).tolist()}) > 1


def test_word_dropout_takes_whole_tokens_and_scales_nothing():
    embed = make_embed()
    rows = make_rows(1)
    kept = embed(rows, None)[0]
    distinct_of = torch.zeros(1_000, dtype=torch.long)
    Y = embed(rows, None, distinct_of, torch.tensor([1_000]), word_dropout=0.25)
    dropped = (Y == 0).all(dim=1)
    assert torch.equal(Y, torch.where(dropped[:, None], 0.0, kept))
    assert 150 < int(dropped.sum()) < 350
