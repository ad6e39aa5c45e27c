"""Which sources are searched side by side, and what is said of what was found."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from thinc.api import Model

from spacy_rnn.layers import writing
from spacy_rnn.layers.source_pieces import DocPieces
from spacy_rnn.modules.hypotheses import Hypothesis


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


def test_a_piece_is_copied_where_copies_of_it_are_most_of_its_probability():
    vocabulary = SimpleNamespace(decode=str, names=lambda pieces: [*map(str, pieces)])
    model = Model("subwords", None, attrs={"vocabulary": vocabulary})
    model = Model("seq2seq", None, refs={"target_subwords": model})
    # Of three documents, with three, no and two tokens, the last one has the row 1.
    pieces = DocPieces(
        np.array([7, 8, 9, 5, 6, 6]), np.array([3, 3]), np.array([0, 1, 2, 3, 4, 4])
    )
    docs = [["one", "two", "three"], [], ["four", "five"]]
    places = writing.TokenPlaces(docs, pieces, np.array([0, 2]))
    shares = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.3, 0.3, 0.4]])
    found = Hypothesis(
        pieces=torch.tensor([5, 6, 3]),
        log_probability=-2.0,
        score=-1.0,
        log_probs=torch.tensor([0.4, 0.4, 0.9]).log(),
        shares=shares,
        # The second could be a copy of either 6, but hardly is; 5 is another piece.
        copies=torch.tensor([[0.3, 0.0, 0.0], [0.3, 0.1, 0.05], [0.8, 0.0, 0.0]]),
    )
    candidate = writing.make_candidate(model, found, places, 1)
    assert candidate.copied == [0, -1, -1]
    assert candidate.text == "[5, 6]"
    expected = [[0.7, 0.3], [0.1, 0.9], [0.3, 0.7]]
    np.testing.assert_allclose(candidate.attention, expected, rtol=1e-6)
