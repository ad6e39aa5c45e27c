"""Copying pieces of a source, token by token."""

import torch
from small_seq2seq import make_network, make_source, make_target, take

from spacy_rnn.modules.copying import keep_words, may_follow, track_copies
from spacy_rnn.modules.decoder_loop import Source
from spacy_rnn.modules.pieces import START
from spacy_rnn.modules.steps import SortedSteps


def make_sources(pieces, starts):
    grid = torch.tensor(pieces)
    nothing = torch.zeros(grid.shape)
    return Source(nothing, nothing, nothing, grid, torch.tensor(starts).bool())


def allowed_after(source, text):
    last = torch.tensor([START, *text])
    found = track_copies(source, SortedSteps.of(torch.tensor([len(last)])), last)
    return [row.nonzero()[:, 0].tolist() for row in found]


def test_a_piece_inside_a_token_is_copied_only_behind_those_before_it():
    source = make_sources([[5, 6, 7, 5, 8]], [[1, 0, 0, 1, 0]])
    assert allowed_after(source, [5, 6, 7]) == [[0, 3], [0, 1, 3, 4], [0, 2, 3], [0, 3]]
    assert allowed_after(source, [6, 7]) == [[0, 3]] * 3  # not from the beginning on
    assert allowed_after(source, [5, 9, 6]) == [[0, 3], [0, 1, 3, 4], [0, 3], [0, 3]]


def test_what_may_follow_is_known_of_each_text_by_itself():
    copied = torch.tensor([[True, False, False], [False, False, True]])
    starts = torch.tensor([[True, False, True], [True, False, False]])
    assert may_follow(copied, starts).tolist() == [
        [True, True, True],
        [True, False, False],
    ]


def test_steps_and_known_texts_allow_the_same():
    network = make_network(copying=True)
    memory, source = make_source([6, 4, 9])
    texts, _ = make_target([5, 3, 7])
    for row, text in enumerate(texts):
        opened, state = network.open(*take(memory, source, row), torch.tensor([0]))
        last = torch.tensor([START, *text[:-1]])
        expected = track_copies(opened, SortedSteps.of(torch.tensor([len(last)])), last)
        for piece, allowed in zip(last, expected, strict=True):
            _, _, copies, state = network.step(opened, state, piece[None])
            assert (copies[0] > 0).tolist() == allowed.tolist()


def test_a_word_of_the_source_goes_on_only_as_it_does_there():
    # Two hypotheses of each source; 6, 7 and 8 go on with a word.
    source = make_sources([[5, 6, 4, 0], [5, 4, 6, 7]], [[1, 0, 1, 0], [1, 1, 0, 0]])
    copied = torch.zeros(4, 4, dtype=torch.bool)
    copied[0, 0] = True  # "5" of the first, which goes on with 6
    copied[2, 0] = True  # "5" of the second, which is a whole word there
    copied[3, 2] = True  # "4 6", which goes on with 7
    log_probs = torch.randn(4, 9)
    expected = log_probs.clone()
    expected[0, [7, 8]] = expected[2, [6, 7, 8]] = expected[3, [6, 8]] = -torch.inf
    keep_words(log_probs, source, copied, torch.tensor([6, 7, 8]))
    assert torch.equal(log_probs, expected)
