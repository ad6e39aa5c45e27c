import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from spacy_rnn.modules.cells import CELLS
from spacy_rnn.modules.rnn import RNNEncoder

NI, NO = 5, 6
LENGTHS = [3, 40, 0, 1, 17, 2, 18]

SETTINGS = [
    pytest.param(cell, depth, bidirectional, id=f"{cell}-{depth}-{bidirectional}")
    for cell in CELLS
    for depth in (1, 2)
    for bidirectional in (False, True)
]
OPTIONS = [
    pytest.param(cell, bidirectional, residual, layer_norm)
    for cell in CELLS
    for bidirectional in (False, True)
    for residual in (False, True)
    for layer_norm in (False, True)
]


def make_encoder(cell, depth=1, bidirectional=True, **options):
    """Build an encoder whose parameters, biases too, are all different from zero."""
    torch.manual_seed(1)
    encoder = RNNEncoder(
        NI, NO, cell=cell, depth=depth, bidirectional=bidirectional, **options
    )
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 0.1 * torch.randn(parameter.shape)
    return encoder


def make_reference(encoder, cell, depth, bidirectional):
    """Build torch's own network with the weights of an encoder.

    Returns:
        The network, and pairs of its parameters with those of the encoder.
    """
    width = NO // 2 if bidirectional else NO
    network = CELLS[cell](NI, width, depth, bidirectional=bidirectional)
    pairs = []
    for i, layer in enumerate(encoder.layers):
        for ours, suffix in (
            (layer.forward_cell, ""),
            (layer.backward_cell, "_reverse"),
        ):
            for name, parameter in [] if ours is None else ours.named_parameters():
                theirs = name.replace("_l0", f"_l{i}{suffix}")
                pairs.append((getattr(network, theirs), parameter))
    with torch.no_grad():
        for theirs, ours in pairs:
            theirs.copy_(ours)
    assert len(pairs) == len(list(network.parameters()))
    return network, pairs


def run_packed(network, X, lengths):
    """Run torch's network on the documents as a `PackedSequence`. Shape (N, nO)."""
    docs = [doc for doc in X.split(lengths) if len(doc)]
    packed, _ = network(pack_sequence(docs, enforce_sorted=False))
    padded, _ = pad_packed_sequence(packed)
    return torch.cat([padded[: len(doc), i] for i, doc in enumerate(docs)])


def assert_close(found, expected, tolerance=1e-5):
    """Compare to a tolerance that is relative to the largest value."""
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()


@pytest.mark.parametrize(("cell", "depth", "bidirectional"), SETTINGS)
def test_output_and_gradients_are_those_of_torch_on_packed_sequences(
    cell, depth, bidirectional
):
    encoder = make_encoder(cell, depth, bidirectional)
    network, pairs = make_reference(encoder, cell, depth, bidirectional)
    X = torch.randn(sum(LENGTHS), NI)
    X_ours, X_theirs = X.clone().requires_grad_(), X.clone().requires_grad_()
    Y_ours = encoder(X_ours, torch.tensor(LENGTHS))
    Y_theirs = run_packed(network, X_theirs, LENGTHS)
    assert_close(Y_ours, Y_theirs)
    dY = torch.randn(Y_ours.shape)
    Y_ours.backward(dY)
    Y_theirs.backward(dY)
    assert_close(X_ours.grad, X_theirs.grad)
    for theirs, ours in pairs:
        assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize(("cell", "bidirectional", "residual", "layer_norm"), OPTIONS)
def test_gradients_are_those_of_finite_differences(
    cell, bidirectional, residual, layer_norm
):
    encoder = make_encoder(
        cell, 2, bidirectional, residual=residual, layer_norm=layer_norm
    ).double()
    lengths = torch.tensor([2, 0, 4, 1])
    X = torch.randn(7, NI, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in encoder.named_parameters()]
    values = [value.detach().requires_grad_() for value in encoder.parameters()]

    def encode(X, *values):
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(encoder, parameters, (X, lengths))

    assert gradcheck(encode, (X, *values), fast_mode=True)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_residual_adds_the_input_and_layer_norm_normalizes_the_sum(cell, bidirectional):
    encoder = make_encoder(cell, 2, bidirectional, residual=True, layer_norm=True)
    X = torch.randn(9, NI)
    Y = X
    for i, layer in enumerate(encoder.layers):
        states = layer.forward_cell(Y)[0]
        if bidirectional:
            backwards = layer.backward_cell(Y.flip(0))[0].flip(0)
            states = torch.cat([states, backwards], dim=1)
        Y = states + (Y @ layer.project.weight.T if i == 0 else Y)
        Y = nn.functional.layer_norm(Y, (NO,), layer.norm.weight, layer.norm.bias)
    assert_close(encoder(X, torch.tensor([9])), Y)


def test_recurrent_weights_of_every_gate_start_orthogonal():
    for cell in CELLS:
        for layer in RNNEncoder(NI, NO, cell=cell, depth=2).layers:
            for half in (layer.forward_cell, layer.backward_cell):
                for gate in half.weight_hh_l0.detach().split(NO // 2):
                    assert torch.allclose(gate @ gate.T, torch.eye(NO // 2), atol=1e-5)


def test_only_the_forget_gate_of_an_lstm_starts_with_a_bias_of_one():
    for cell in CELLS:
        encoder = RNNEncoder(NI, NO, cell=cell)
        for half in (encoder.layers[0].forward_cell, encoder.layers[0].backward_cell):
            bias = half.bias_ih_l0.detach() + half.bias_hh_l0.detach()
            gates = bias.split(NO // 2)
            for i, gate in enumerate(gates):
                forget = cell == "lstm" and i == 1
                assert torch.equal(gate, torch.full((NO // 2,), float(forget)))


def test_dropout_takes_a_feature_from_a_whole_document_or_not_at_all():
    encoder = make_encoder("lstm", bidirectional=True)
    lengths = [30, 29, 28, 27, 5]  # four side by side, and one
    X = torch.randn(sum(lengths), NI)
    Y = encoder(X, torch.tensor(lengths), dropout=0.5)
    kept_everywhere = encoder(X, torch.tensor(lengths))
    masks = set()
    for dropped, kept in zip(
        Y.split(lengths), kept_everywhere.split(lengths), strict=True
    ):
        mask = (dropped != 0).any(dim=0)
        assert torch.allclose(dropped, 2.0 * mask * kept, atol=1e-6)
        masks.add(tuple(mask.tolist()))
    assert len(masks) > 1  # every document draws its own


def test_dropout_is_applied_after_every_layer():
    encoder = make_encoder("gru", depth=2)
    inputs = []
    encoder.layers[1].register_forward_pre_hook(
        lambda layer, args: inputs.append(args[0])
    )
    Y = encoder(torch.randn(50, NI), torch.tensor([50]), dropout=0.5)
    for states in (inputs[0][:, 0], Y):
        dropped = (states == 0).all(dim=0)
        assert torch.equal(dropped, (states == 0).any(dim=0))


def test_dropout_keeps_the_mean():
    encoder = make_encoder("rnn_tanh", bidirectional=False)
    X = torch.randn(3, NI).repeat(4_000, 1)
    lengths = torch.full((4_000,), 3)
    kept = encoder(X[:3], lengths[:1])
    mean = encoder(X, lengths, dropout=0.3).view(4_000, 3, NO).mean(dim=0)
    spread = kept.abs().max() * (0.3 / 0.7) ** 0.5 / 4_000**0.5
    assert (mean - kept).abs().max() < 6 * spread


@pytest.mark.parametrize("lengths", [[], [0], [0, 0, 0]])
def test_a_batch_without_tokens_is_encoded_as_nothing(lengths):
    X = torch.zeros(0, NI)
    Y = make_encoder("lstm")(X, torch.tensor(lengths, dtype=torch.long))
    assert Y.shape == (0, NO)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shape", [(7, 2), (7, 4), (6, 3), (8, 3), (7,), (1, 7, 3)])
def test_vectors_of_another_width_or_number_are_refused(cell, shape):
    encoder = RNNEncoder(3, 4, cell=cell)
    with pytest.raises(ValueError, match=r"the shape \(7, 3\), but"):
        encoder(torch.zeros(shape), torch.tensor([5, 0, 2]))


@pytest.mark.parametrize("recompute", [0, 2])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("residual", [False, True])
def test_directions_that_do_not_meet_know_nothing_of_each_other(
    depth, residual, recompute
):
    encoder = make_encoder("lstm", depth, residual=residual)
    X, lengths = torch.randn(7, NI), torch.tensor([7])

    def encode(X):
        return encoder(X, lengths, directions_meet=False, recompute=recompute)

    Y, middle, half = encode(X), 3, NO // 2
    changed = X.clone()
    changed[middle] += 1.0
    same = (encode(changed) == Y).all(dim=1), encode(changed) == Y
    assert same[1][:middle, :half].all()  # read before the change
    assert same[1][middle + 1 :, half:].all()
    assert not same[1][middle:, :half].all(dim=1).any()
    assert not same[1][: middle + 1, half:].all(dim=1).any()
    if depth > 1:  # else there is nowhere to meet
        both = encoder(X, lengths) != encoder(changed, lengths)
        assert both[:middle, :half].any()


def test_a_layer_alone_or_a_direction_alone_is_the_same_with_directions_apart():
    X, lengths = torch.randn(7, NI), torch.tensor([4, 3])
    for encoder in (make_encoder("gru"), make_encoder("lstm", 2, bidirectional=False)):
        apart = encoder(X, lengths, directions_meet=False)
        assert_close(apart, encoder(X, lengths), tolerance=0.0)


@pytest.mark.parametrize("failures", [1, 3])
def test_a_batch_too_large_for_a_gpu_is_predicted_in_smaller_blocks(
    failures, monkeypatch
):
    encoder = make_encoder("lstm")
    X, lengths = torch.randn(300, NI), torch.full((100,), 3)
    with torch.inference_mode():
        expected = encoder(X, lengths)
    encode, sizes = encoder.encode_block, []

    def encode_block(inputs, *args, **options):
        sizes.append(inputs[0].shape[1])
        if len(sizes) <= failures:
            raise torch.cuda.OutOfMemoryError
        return encode(inputs, *args, **options)

    monkeypatch.setattr(encoder, "encode_block", encode_block)
    with torch.inference_mode():
        assert_close(encoder(X, lengths), expected, 1e-6)
    assert sizes[0] > 2 * max(sizes[failures:])


def test_training_does_not_try_smaller_blocks_nor_prediction_for_ever(monkeypatch):
    encoder = make_encoder("lstm")
    calls = []

    def encode_block(*args, **options):
        calls.append(args)
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr(encoder, "encode_block", encode_block)
    for expected, context in ((1, torch.enable_grad), (5, torch.inference_mode)):
        with context(), pytest.raises(torch.cuda.OutOfMemoryError):
            encoder(torch.randn(300, NI), torch.full((100,), 3))
        assert len(calls) == expected


def test_graphs_are_given_up_where_memory_lacks_even_in_training(monkeypatch):
    encoder = make_encoder("lstm")
    encoder.graphs.kept["a shape"] = "its graph"
    encode, calls = encoder.encode_block, []

    def encode_block(*args, **options):
        calls.append(len(encoder.graphs.kept))
        if calls[-1]:
            raise torch.cuda.OutOfMemoryError
        return encode(*args, **options)

    monkeypatch.setattr(encoder, "encode_block", encode_block)
    assert encoder(torch.randn(6, NI), torch.tensor([3, 3])).requires_grad
    assert calls == [1, 0]
