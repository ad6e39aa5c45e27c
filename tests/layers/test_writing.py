"""Which sources are searched side by side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.layers import writing


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 5))
def test_each_source_is_searched_once_in_batches_that_fit(lengths, beam_width):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "MAX_CELLS", 50)
        patch.setattr(writing, "MAX_ROWS", 12)
        found = list(writing.batches(np.array(lengths, dtype=int), beam_width))
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    sizes = [len(batch) for batch in found]
    longest = [max(lengths[i] for i in batch) for batch in found]
    for size, length in zip(sizes, longest, strict=True):
        assert size * beam_width <= 12
        assert size == 1 or size * length <= 50
    for size, length in list(zip(sizes, longest, strict=True))[:-1]:
        assert (size + 1) * beam_width > 12 or (size + 1) * length > 50
    assert longest == sorted(longest, reverse=True)
