"""Search for the best texts."""

from itertools import product

import pytest
import torch
from small_seq2seq import KINDS, N_PIECES, make_network, make_source, take

from spacy_rnn.modules.decoder_loop import Source, State
from spacy_rnn.modules.hypotheses import SearchSettings
from spacy_rnn.modules.pieces import END, PADDING, START, UNKNOWN, Pieces
from spacy_rnn.modules.search import Search

NEVER = [PADDING, UNKNOWN, START]
LENGTHS = [5, 1, 3, 7, 2]


def search(network, memory, source, *, max_length=8, keep=False, inside=(), **settings):
    with torch.inference_mode():
        opened, state = network.open(memory, source, torch.arange(len(source.lengths)))
        return Search(
            network.step,
            opened,
            state,
            SearchSettings(max_length=max_length, **settings),
            first=START,
            end=END,
            never=NEVER,
            inside=inside,
            keep_shares=keep,
        ).run()


def all_texts(network, memory, source, limit):
    """Score every text of up to so many pieces, by teacher forcing."""
    ordinary = range(END + 1, N_PIECES)
    texts = [
        [*text, END] for n in range(limit + 1) for text in product(ordinary, repeat=n)
    ]
    flat = torch.tensor([piece for text in texts for piece in text])
    target = Pieces(flat, torch.tensor([len(text) for text in texts]), flat)
    n, length = len(texts), len(memory)
    copies = Pieces(
        source.pieces.repeat(n),
        source.lengths.repeat(n),
        source.token_of.repeat(n) + length * torch.arange(n).repeat_interleave(length),
    )
    with torch.inference_mode():
        losses = network.loss(memory.repeat(n, 1), copies, target)[1:]
    return {
        tuple(text): -loss for text, loss in zip(texts, losses.tolist(), strict=True)
    }


@pytest.mark.parametrize("copying", [False, True])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_a_beam_as_wide_as_all_texts_finds_what_enumeration_finds(
    copying, length_penalty
):
    network = make_network(copying=copying)
    memory, source = make_source([4])
    texts = all_texts(network, memory, source, 3)
    (found,) = search(
        network,
        memory,
        source,
        max_length=3,
        beam_width=len(texts),
        n_best=len(texts),
        length_penalty=length_penalty,
    )
    divisor = SearchSettings(length_penalty=length_penalty).divisor
    expected = sorted(texts, key=lambda text: -texts[text] / divisor(len(text)))
    assert [tuple(each.pieces.tolist()) for each in found] == expected
    for each in found:
        total = texts[tuple(each.pieces.tolist())]
        assert each.log_probability == pytest.approx(total, abs=1e-9)
        assert each.score == pytest.approx(total / divisor(len(each.pieces)))


def test_five_pieces_and_length_five_are_enumerated():
    network = make_network()
    memory, source = make_source([3])
    n_texts = sum(5**n for n in range(6))
    (found,) = search(
        network, memory, source, max_length=5, beam_width=n_texts, n_best=n_texts
    )
    assert len({tuple(each.pieces.tolist()) for each in found}) == n_texts
    best = tuple(found[0].pieces.tolist())
    texts = all_texts(network, memory, source, 5)
    divisor = SearchSettings().divisor
    assert best == max(texts, key=lambda text: texts[text] / divisor(len(text)))


def test_probabilities_of_all_pieces_add_up_to_one():
    for copying in (False, True):
        network = make_network(copying=copying)
        memory, source = make_source(LENGTHS)
        with torch.inference_mode():
            opened, state = network.open(memory, source, torch.arange(len(LENGTHS)))
            last = torch.full((len(LENGTHS),), START)
            for _ in range(4):
                log_probs, *_, state = network.step(opened, state, last)
                torch.testing.assert_close(
                    log_probs.exp().sum(1), torch.ones(5, dtype=torch.double)
                )
                last = opened.pieces[:, 0]


@pytest.mark.parametrize(("cell", "attention"), KINDS)
@pytest.mark.parametrize("copying", [False, True])
def test_a_beam_of_one_is_greedy(cell, attention, copying):
    network = make_network(cell, attention, copying=copying, coverage=copying)
    memory, source = make_source(LENGTHS)
    for row, (found,) in enumerate(search(network, memory, source, beam_width=1)):
        assert found.pieces.tolist() == greedy(network, *take(memory, source, row), 8)


def greedy(network, memory, source, limit):
    text, last = [], torch.tensor([START])
    with torch.inference_mode():
        opened, state = network.open(memory, source, torch.tensor([0]))
        while not text or text[-1] != END:
            log_probs, *_, state = network.step(opened, state, last)
            log_probs[:, NEVER] = -torch.inf
            last = log_probs.argmax(1) if len(text) < limit else torch.tensor([END])
            text.append(int(last))
    return text


@pytest.mark.parametrize("beam_width", [1, 3])
@pytest.mark.parametrize("settings", [{}, {"copying": True, "coverage": True}])
def test_a_text_is_the_same_alone_and_in_any_batch(beam_width, settings):
    network = make_network(**settings).float()
    memory, source = make_source([*LENGTHS, 40])
    memory = memory.float()
    together = search(network, memory, source, beam_width=beam_width, n_best=beam_width)
    for row, found in enumerate(together):
        (alone,) = search(
            network,
            *take(memory, source, row),
            beam_width=beam_width,
            n_best=beam_width,
        )
        assert len(alone) == len(found) > 0
        for one, other in zip(alone, found, strict=True):
            assert one.pieces.tolist() == other.pieces.tolist()
            assert one.log_probability == pytest.approx(other.log_probability, abs=1e-5)


@pytest.mark.parametrize("n_best", [1, 3])
def test_stopping_early_loses_no_better_text(n_best, monkeypatch):
    network = make_network()
    memory, source = make_source([5, 3, 6, 2, 4, 4, 7, 1])
    settings = {"beam_width": 4, "n_best": n_best, "length_penalty": 1.5}
    rows, plain = [], network.step

    def step(source, state, last):
        rows.append(len(last))
        return plain(source, state, last)

    monkeypatch.setattr(network, "step", step)
    early = search(network, memory, source, max_length=12, **settings)
    n_early = sum(rows)
    monkeypatch.setattr(
        "spacy_rnn.modules.search.nth_score", lambda found, n: -torch.inf
    )
    late = search(network, memory, source, max_length=12, **settings)
    assert sum(rows) - n_early > n_early
    for one, other in zip(early, late, strict=True):
        assert [each.pieces.tolist() for each in one] == [
            each.pieces.tolist() for each in other
        ]


@pytest.mark.parametrize(("total", "n_steps"), [(-1.4, 4), (-1.6, 1)])
def test_a_search_ends_once_not_even_the_longest_text_can_be_the_best(total, n_steps):
    # The empty text has the score -1. One of three pieces and the end is as probable as
    # its first piece, and its score is 1 / 1.5 of that.
    piece, end = 1, 2
    nothing = torch.zeros(1, 0)
    source = Source(nothing, nothing, nothing, nothing.long(), nothing.bool())
    state = State(nothing, nothing, nothing, nothing.bool())
    log_probs = torch.tensor(
        [[0.0, total, -1.0], [0.0, 0.0, -9.0], [0.0, 0.0, -9.0], [0.0, 0.0, 0.0]]
    )
    steps = []

    def step(source, state, last):
        steps.append(len(last))
        return log_probs[None, len(steps) - 1].clone(), nothing, nothing, state

    settings = SearchSettings(beam_width=2, max_length=3, length_penalty=1.0)
    options = {"first": piece, "end": end, "never": [0]}
    ((found,),) = Search(step, source, state, settings, **options).run()
    assert found.pieces.tolist() == ([end] if n_steps == 1 else [*[piece] * 3, end])
    assert len(steps) == n_steps


def test_a_text_that_has_ended_keeps_its_place(monkeypatch):
    monkeypatch.setattr(
        "spacy_rnn.modules.search.nth_score", lambda found, n: -torch.inf
    )
    monkeypatch.setattr("spacy_rnn.modules.search.n_best", lambda found, n: found)
    memory, source = make_source(LENGTHS)
    found = search(make_network(), memory, source, beam_width=3)
    assert [len(each) for each in found] == [3] * len(LENGTHS)


def test_texts_that_are_found_leave_the_batch(monkeypatch):
    network = make_network()
    memory, source = make_source(LENGTHS)
    sizes = []
    plain = network.step

    def step(source, state, last):
        sizes.append(len(source.keys))
        return plain(source, state, last)

    monkeypatch.setattr(network, "step", step)
    found = search(network, memory, source, beam_width=1)
    lengths = [len(each.pieces) for (each,) in found]
    assert len(set(lengths)) > 1
    assert sizes == [
        sum(length > step for length in lengths) for step in range(max(lengths))
    ]


@pytest.mark.parametrize("beam_width", [1, 4])
def test_lengths_stay_within_their_limits(beam_width):
    network = make_network()
    memory, source = make_source(LENGTHS)
    for least, greatest in ((0, 1), (3, 3), (4, 6)):
        for found in search(
            network,
            memory,
            source,
            max_length=greatest,
            beam_width=beam_width,
            min_length=least,
            n_best=beam_width,
        ):
            assert found
            for each in found:
                assert least <= len(each.pieces) - 1 <= greatest


@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_run_of_pieces_comes_twice(n):
    network = make_network()
    memory, source = make_source(LENGTHS)
    repeats = 0
    for no_repeat in (0, n):
        for found in search(
            network,
            memory,
            source,
            max_length=20,
            min_length=4,
            beam_width=3,
            no_repeat=no_repeat,
        ):
            text = found[0].pieces.tolist()[:-1]
            runs = [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
            if no_repeat:
                assert len(set(runs)) == len(runs)
            repeats += len(set(runs)) < len(runs)
    assert repeats


@pytest.mark.parametrize("beam_width", [1, 3])
@pytest.mark.parametrize("n", [1, 2])
def test_a_text_ends_too_early_only_where_no_other_piece_may_come(n, beam_width):
    network = make_network()
    memory, source = make_source(LENGTHS)
    ordinary = set(range(END + 1, N_PIECES))
    settings = {"max_length": 50, "min_length": 50, "beam_width": beam_width}
    for found in search(network, memory, source, no_repeat=n, **settings):
        (text,) = (each.pieces.tolist()[:-1] for each in found)
        runs = [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]
        assert len(set(runs)) == len(runs)
        before = tuple(text[len(text) - n + 1 :])
        assert {run[-1] for run in runs if run[:-1] == before} == ordinary


def made_up(text, tokens, inside):
    """Count what goes on with a word of the source as none goes on there."""
    n_found = 0
    for end in range(1, len(text)):
        begun = [
            token[n:]
            for token in tokens
            for n in range(1, end + 1)
            if text[end - n : end] == token[:n]
        ]
        n_found += (
            bool(begun)
            and text[end] in inside
            and all(rest[:1] != [text[end]] for rest in begun)
        )
    return n_found


def test_log_probabilities_are_divided_as_by_wu_and_others():
    # (5 + 13) / 6 = 3
    divisors = [SearchSettings(length_penalty=x).divisor(13) for x in (0.0, 1.0, 2.0)]
    assert divisors == pytest.approx([1.0, 3.0, 9.0])
    assert SearchSettings(length_penalty=2.0).divisor(1) == 1.0


def test_words_of_the_source_are_kept_whole():
    network = make_network(copying=True)
    memory, source = make_source(LENGTHS)
    inside = [5, 6, 7]
    counts = {}
    for whole_words in (False, True):
        settings = {"beam_width": 3, "min_length": 4, "whole_words": whole_words}
        results = search(
            network, memory, source, inside=inside, max_length=12, **settings
        )
        counts[whole_words] = 0
        for row, found in enumerate(results):
            _, own = take(memory, source, row)
            tokens = [
                own.pieces[own.token_of == token].tolist()
                for token in own.token_of.unique()
            ]
            counts[whole_words] += made_up(found[0].pieces.tolist(), tokens, inside)
    assert counts[False] > counts[True] == 0


def test_a_penalty_for_what_is_not_read_changes_scores_as_it_says():
    network = make_network()
    memory, source = make_source(LENGTHS)
    settings = {"beam_width": 4, "n_best": 4, "keep": True}
    for row, found in enumerate(
        search(network, memory, source, coverage_penalty=0.7, **settings)
    ):
        n_pieces = LENGTHS[row]
        for each in found:
            read = each.shares[:, :n_pieces].sum(0)
            penalty = 0.7 * read.clamp(max=1.0).log().sum()
            plain = each.log_probability / SearchSettings().divisor(len(each.pieces))
            assert each.score == pytest.approx(plain + float(penalty), abs=1e-6)


def test_what_is_kept_of_each_piece_belongs_to_it():
    network = make_network(copying=True)
    memory, source = make_source(LENGTHS)
    for row, found in enumerate(
        search(network, memory, source, beam_width=3, n_best=3, keep=True)
    ):
        for each in found:
            assert each.shares.shape == each.copies.shape
            assert len(each.shares) == len(each.log_probs) == len(each.pieces)
            assert float(each.log_probs.sum()) == pytest.approx(each.log_probability)
            torch.testing.assert_close(
                each.shares.sum(1), torch.ones(len(each.pieces), dtype=torch.double)
            )
            expected = forced_shares(network, *take(memory, source, row), each.pieces)
            torch.testing.assert_close(each.shares[:, : LENGTHS[row]], expected)


def forced_shares(network, memory, source, pieces):
    rows, last = [], torch.tensor([START])
    with torch.inference_mode():
        opened, state = network.open(memory, source, torch.tensor([0]))
        for piece in pieces:
            _, shares, _, state = network.step(opened, state, last)
            rows.append(shares[0])
            last = piece[None]
    return torch.stack(rows)
