"""Search for the best texts that a decoder can write, exact in any batch.

The beam of a text has as many places as its width. A hypothesis that ends keeps its
place, so at most that many are found; with one place that is greedy search, and with
enough of them for all texts up to the greatest length, all are found.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from spacy_rnn.modules.copying import keep_words
from spacy_rnn.modules.decoder_loop import Source, State
from spacy_rnn.modules.hypotheses import (
    Hypothesis,
    SearchSettings,
    n_best,
    nth_score,
)
from spacy_rnn.modules.top_k import top_k

Step = Callable[[Source, State, Tensor], tuple[Tensor, Tensor, Tensor, State]]


class GoingOn(NamedTuple):
    """The texts of a search that haven't left it.

    Attributes:
        texts: Which texts those are. Shape (B,).
        free: How many hypotheses can still be found. Shape (B,).
        wanted: The score that another one must have. Shape (B,).
    """

    texts: Tensor
    free: Tensor
    wanted: Tensor


class Search:
    """A search for the texts of a batch of sources."""

    def __init__(
        self,
        step: Step,
        source: Source,
        state: State,
        settings: SearchSettings,
        *,
        first: int,
        end: int,
        never: list[int],
        inside: Sequence[int] = (),
        keep_shares: bool = False,
    ) -> None:
        """Get ready.

        Args:
            step: Takes the sources, states of as many hypotheses of each, and the last
                piece of each. Returns the log-probability of each next piece, shape (R,
                V), how much of each piece of the source was read for it, shape (R, S),
                the probability of copying that one, shape (R, S) or (R, 0), and the
                states after it.
            source: The sources, none of them empty. They are used up.
            state: Before the first piece.
            settings: How to search.
            first: The piece that stands before each text.
            end: The piece that ends one.
            never: Pieces that aren't written, the first of which stands for nothing.
            inside: Pieces that go on with a word, for `whole_words`.
            keep_shares: Whether hypotheses are to have `shares` and `copies`.
        """
        n_texts, self.pieces = len(source.pieces), source.pieces[:, :0]
        self.step, self.settings = step, settings
        self.source, self.state = source, state
        self.end, self.never = end, self.pieces.new_tensor(never)
        self.keep_shares = keep_shares
        self.inside = self.pieces.new_tensor(inside)
        self.found: list[list[Hypothesis]] = [[] for _ in range(n_texts)]
        self.totals = source.barred.new_zeros(n_texts, 1)
        self.last = self.pieces.new_full((n_texts,), first)
        self.log_probs = self.totals[:, :0]
        self.shares = self.copies = self.totals.new_empty(n_texts, 0, 0)
        self.going_on = GoingOn(
            torch.arange(n_texts, device=self.last.device),
            torch.full_like(self.last, settings.beam_width),
            self.totals.new_full((n_texts,), -torch.inf),
        )

    def run(self) -> list[list[Hypothesis]]:
        """Return the best texts of each source, the best one first."""
        while len(self.totals):
            log_probs, shares, copies, self.state = self.step(
                self.source, self.state, self.last
            )
            if self.keep_shares:
                self.shares = append(self.shares, shares)
                self.copies = append(self.copies, copies)
            self.extend(self.bar(log_probs))
        return [n_best(each, self.settings.n_best) for each in self.found]

    def bar(self, log_probs: Tensor) -> Tensor:
        """Make impossible what may not be written. Shape (R, V) in and out."""
        log_probs.index_fill_(1, self.never, -torch.inf)
        if self.settings.whole_words:
            keep_words(log_probs, self.source, self.state.copied, self.inside)
        n_written, n = self.pieces.shape[1], self.settings.no_repeat
        ends = log_probs[:, self.end].clone()
        is_short = n_written < self.settings.min_length
        if is_short:
            log_probs[:, self.end] = -torch.inf
        if 0 < n <= n_written:
            runs = self.pieces.unfold(1, n, 1)
            again = (runs[:, :, :-1] == self.pieces[:, None, n_written - n + 1 :]).all(
                2
            )
            barred = torch.where(again, runs[:, :, -1], self.never[0])
            log_probs.scatter_(1, barred, -torch.inf)
            if is_short:
                is_stuck = self.are_stuck(log_probs)
                log_probs[:, self.end] = ends.masked_fill(~is_stuck, -torch.inf)
        if n_written >= self.settings.max_length:
            log_probs.fill_(-torch.inf)[:, self.end] = ends
        return log_probs

    def are_stuck(self, log_probs: Tensor) -> Tensor:
        """Find the texts none of whose hypotheses can go on. Shape (R,).

        Args:
            log_probs: Of each piece that may be written. Shape (R, V).
        """
        best = log_probs.amax(dim=1).view_as(self.totals) + self.totals
        is_stuck = (best == -torch.inf).all(dim=1, keepdim=True)
        return is_stuck.expand_as(best).flatten()

    def extend(self, log_probs: Tensor) -> None:
        """Choose the best continuations of each text.

        Args:
            log_probs: Of each piece after each hypothesis. Shape (R, V).
        """
        n_texts, n_places = self.totals.shape
        width = self.settings.beam_width
        best, pieces = top_k(log_probs, width)
        totals = (best + self.totals.view(-1, 1)).view(n_texts, -1)
        pieces = pieces.view(n_texts, -1)
        rows = torch.arange(n_texts, device=totals.device)[:, None]
        if totals.shape[1] > 1:
            totals, chosen = totals.topk(min(width, totals.shape[1]), dim=1)
            places = torch.arange(totals.shape[1], device=totals.device)
            totals.masked_fill_(places >= self.going_on.free[:, None], -torch.inf)
            pieces = pieces.gather(1, chosen)
            rows = n_places * rows + chosen // best.shape[1]
        has_ended = (pieces == self.end) & (totals > -torch.inf)
        if has_ended.any():
            self.collect(totals, rows, has_ended)
            totals.masked_fill_(has_ended, -torch.inf)
            totals, order = totals.sort(dim=1, descending=True, stable=True)
            rows, pieces = rows.gather(1, order), pieces.gather(1, order)
        self.select(totals, rows, pieces)

    def collect(self, totals: Tensor, rows: Tensor, has_ended: Tensor) -> None:
        """Take the hypotheses that have ended.

        Args:
            totals: Log-probabilities. Shape (B, places).
            rows: Of which hypotheses. Shape (B, places).
            has_ended: Whether with the end. Shape (B, places).
        """
        places = has_ended.nonzero()[:, 0]
        texts = self.going_on.texts[places].tolist()
        settings, length = self.settings, self.pieces.shape[1] + 1
        rows, totals = rows[has_ended], totals[has_ended]
        scores = totals / settings.divisor(length)
        if settings.coverage_penalty:
            read = self.state.read[rows].clamp(1e-9, 1.0).log()
            is_padding = self.source.barred < 0
            width = self.totals.shape[1]
            read.masked_fill_(is_padding[rows // width], 0.0)
            scores += settings.coverage_penalty * read.sum(dim=1)
        ends = self.last.new_full((len(rows),), self.end)
        own = totals - self.totals.flatten()[rows]
        each_field = (
            append(self.pieces[rows], ends).cpu(),
            totals.tolist(),
            scores.tolist(),
            append(self.log_probs[rows], own).cpu(),
            self.shares[rows].cpu(),
            self.copies[rows].cpu(),
        )
        for text, *fields in zip(texts, *each_field, strict=True):
            self.found[text].append(Hypothesis(*fields))
        self.going_on.free.sub_(has_ended.sum(dim=1))
        wanted = [nth_score(self.found[text], settings.n_best) for text in texts]
        self.going_on.wanted[places] = totals.new_tensor(wanted)

    def select(self, totals: Tensor, rows: Tensor, pieces: Tensor) -> None:
        """Go on with the hypotheses that may still become one of the best.

        Args:
            totals: Log-probabilities, falling, minus infinity for places without one.
                Shape (B, places).
            rows: Which hypotheses they continue. Shape (B, places).
            pieces: With which piece. Shape (B, places).
        """
        # No piece makes a text more probable, and no length divides by more.
        divisor = self.settings.divisor(self.settings.max_length + 1)
        is_kept = totals[:, 0] / divisor > self.going_on.wanted
        stays = totals.shape[1] == self.totals.shape[1] == 1
        if not is_kept.all():
            kept, stays = self.close_up(is_kept), False
            totals, rows, pieces = totals[kept], rows[kept], pieces[kept]
        if totals.shape[1] > 1:
            n_places = int((totals > -torch.inf).any(dim=0).sum()) or 1
            totals, rows, pieces = (x[:, :n_places] for x in (totals, rows, pieces))
        if not stays:
            self.move(rows.flatten())
        self.last = pieces.flatten()
        own = totals.flatten() - self.totals.flatten()
        self.log_probs = append(self.log_probs, own)
        self.pieces = append(self.pieces, self.last)
        self.totals = totals.contiguous()

    def move(self, rows: Tensor) -> None:
        """Let the hypotheses of these rows, in their order, take the place of all."""
        self.totals = self.totals.flatten()[rows]
        self.log_probs, self.pieces = self.log_probs[rows], self.pieces[rows]
        self.shares, self.copies = self.shares[rows], self.copies[rows]
        self.state = self.state.take(rows)

    def close_up(self, is_kept: Tensor) -> Tensor:
        """Let the last texts have the places of those that leave.

        So what is known of the sources, which is large, isn't all copied at each step.

        Args:
            is_kept: Whether a text stays. Shape (B,).

        Returns:
            Which text stands where then. Shape (texts that stay,).
        """
        order = is_kept.nonzero()[:, 0]
        n_kept = len(order)
        free, moved = (~is_kept[:n_kept]).nonzero()[:, 0], order[order >= n_kept]
        for each in (*self.source, *self.going_on):
            each[free] = each[moved]
        self.source = Source(*(each[:n_kept] for each in self.source))
        self.going_on = GoingOn(*(each[:n_kept] for each in self.going_on))
        order = torch.arange(n_kept, device=order.device)
        order[free] = moved
        return order


def append(history: Tensor, last: Tensor) -> Tensor:
    """Append a step to what is known of all before. Shape (R, T, ...)."""
    if not history.shape[1]:
        return last[:, None]
    return torch.cat([history, last[:, None]], dim=1)
