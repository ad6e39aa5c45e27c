"""A GPU works on while the CPU hands it more."""

import warnings

import pytest
import torch
from single_components import ANNOTATION, make_pipeline

from spacy_rnn.modules.devices import to_device

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.usefixtures("device"),
    pytest.mark.filterwarnings("ignore:Synchronization debug mode:UserWarning"),
]

CUDA = torch.device("cuda")
# What chains tags asks a GPU whether their sums are still in range.
FACTORIES = sorted(ANNOTATION.keys() - {"rnn_ner"})


@pytest.fixture
def noting_waits():
    """Let torch warn of each time that the CPU waits for the GPU."""
    torch.cuda.set_sync_debug_mode("warn")
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("factory", FACTORIES)
def test_torch_waits_for_nothing_in_an_update(
    factory, make_nlp, make_tok2vec, noting_waits
):
    nlp, example = make_pipeline(factory, make_nlp, make_tok2vec)
    pipe, optimizer = nlp.get_pipe(factory), nlp.create_optimizer()
    for _ in range(2):  # at first something is done once
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            pipe.update([example] * 3, sgd=optimizer)
    assert not [str(each.message) for each in caught if "sync" in str(each.message)]


def test_a_moved_tensor_is_what_it_was_when_it_was_moved():
    tensor = torch.arange(1_000_000)
    moved = to_device(tensor, CUDA)
    tensor.zero_()
    assert torch.equal(moved.cpu(), torch.arange(1_000_000))
    assert to_device(moved, CUDA) is moved
