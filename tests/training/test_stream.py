"""The batches of a run, and the random numbers that are drawn for them."""

import random
from itertools import product

import numpy as np
import pytest
from thinc.api import fix_random_seed

from spacy_rnn.training.random_states import StreamState
from spacy_rnn.training.stream import Stream

N_STEPS = 12
SUBSETS = [(), ("python",), ("numpy",), ("python", "numpy")]
PAIRS = list(product(SUBSETS, SUBSETS))  # drawn from in reading, and in training


def draw(generators):
    drawn = []
    if "python" in generators:
        drawn.append(random.random())
    if "numpy" in generators:
        drawn.append(np.random.random())  # noqa: NPY002
    return drawn


def read(generators, every):
    """Yield batches of what was drawn for them, as an augmenter or a shuffle does."""
    for step in range(N_STEPS):
        if step % every == 0:
            drawn = tuple(draw(generators))
        yield 0, [drawn]


def run(reading, training, every=1, *, start=0, draws=(), state=None):
    """Take the steps from `start` on, at which the generators were in a state.

    Returns:
        For each step its batch, what training drew, and the state before; the record.
    """
    fix_random_seed(3)
    stream = Stream(read(reading, every), start=start, draws=dict(draws))
    steps = []
    for _, batch in stream:
        if stream.step >= start:
            steps.append((batch, draw(training), StreamState.now()))
        elif stream.step == start - 1:
            state.restore()
    return steps, stream.draws


@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize(("reading", "training"), PAIRS)
def test_a_run_that_goes_on_draws_the_same(reading, training, every):
    whole, draws = run(reading, training, every)
    for start in (1, 6, 10):
        before = [(step, state) for step, state in draws.items() if step < start]
        state = whole[start - 1][-1]
        found, record = run(
            reading, training, every, start=start, draws=before, state=state
        )
        assert found == whole[start:]
        assert record == draws  # to go on from again


@pytest.mark.parametrize(("reading", "training"), PAIRS)
def test_states_are_kept_of_what_both_draw_from_and_of_nothing_else(reading, training):
    _, draws = run(reading, training)
    for name in StreamState._fields:
        steps = [step for step, state in draws.items() if getattr(state, name)]
        if name in reading and name in training:
            assert steps == list(range(N_STEPS))
        else:
            assert steps == ([0] if name in reading else [])
