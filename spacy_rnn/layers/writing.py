"""What an encoder-decoder writes about documents."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from spacy.tokens import Doc

from spacy_rnn.layers.arrays import as_tensor
from spacy_rnn.layers.seq2seq import encode_source, on_device, target_of
from spacy_rnn.layers.source_pieces import DocPieces, doc_pieces, select
from spacy_rnn.layers.torch_layer import explain_memory
from spacy_rnn.modules.hypotheses import Hypothesis, SearchSettings
from spacy_rnn.modules.pieces import END, PADDING, START, UNKNOWN
from spacy_rnn.modules.search import Search
from spacy_rnn.types import Candidate, Seq2SeqT

MAX_ROWS = 320  # hypotheses that are followed side by side
MAX_CELLS = 32_768  # pieces of their sources, with padding


def write(
    model: Seq2SeqT, docs: list[Doc], *, keep: bool = False, **settings: Any
) -> list[list[Candidate]]:
    """Search for the best texts for documents.

    Args:
        model: A model made by `Seq2Seq`.
        docs: The documents.
        keep: Whether candidates are to have their attention.
        settings: How to search, see `SearchSettings`.

    Returns:
        The candidates of each document, the best one first; none for a document without
        a word.
    """
    search_settings = SearchSettings(**settings)
    network = model.get_ref("network")
    network.get_param("W")  # a KeyError here tells spaCy that nothing is initialized
    read = model.get_ref("subwords").predict
    all_pieces = doc_pieces(read, docs, model.attrs["max_source"])
    has_any = all_pieces.lengths > 0
    pieces = select(all_pieces, has_any)
    found: list[list[Candidate]] = [[] for _ in docs]
    if not has_any.any():
        return found
    memory, _ = encode_source(model, docs, pieces, False)
    source = on_device(network, pieces)
    module = network.attrs["torch_module"].bind(network)
    rows = np.flatnonzero(has_any)
    tokens = TokenPlaces(docs, pieces, rows)
    vocabulary = target_of(model).attrs["vocabulary"]
    inside = vocabulary.word_parts if search_settings.whole_words else []
    with torch.inference_mode(), explain_memory(network.name):
        tensor = as_tensor(memory)
        for chosen in batches(pieces.lengths, search_settings.beam_width):
            order = torch.from_numpy(chosen)
            opened, state = module.open(tensor, source, order)
            search = Search(
                module.step,
                opened,
                state,
                search_settings,
                first=START,
                end=END,
                never=[PADDING, UNKNOWN, START],
                inside=inside,
                keep_shares=keep,
            )
            for row, hypotheses in zip(chosen.tolist(), search.run(), strict=True):
                found[rows[row]] = [
                    make_candidate(model, each, tokens, row) for each in hypotheses
                ]
    return found


def batches(lengths: np.ndarray, beam_width: int) -> Iterator[np.ndarray]:
    """Choose which sources are searched side by side: such of similar length."""
    order = np.argsort(-lengths, kind="stable")
    while len(order):
        fitting = max(1, MAX_CELLS // int(lengths[order[0]]))
        size = min(max(1, MAX_ROWS // beam_width), fitting)
        yield order[:size]
        order = order[size:]


class TokenPlaces:
    """Which token of its document each piece of a batch belongs to."""

    def __init__(
        self, docs: Sequence[Doc], pieces: DocPieces, rows: np.ndarray
    ) -> None:
        """Get ready.

        Args:
            docs: The documents.
            pieces: The pieces of those that have some.
            rows: Which documents those are.
        """
        n_tokens = np.array([len(doc) for doc in docs])
        starts = np.cumsum(n_tokens) - n_tokens
        self.n_tokens = n_tokens[rows]
        self.ends = np.cumsum(pieces.lengths)
        self.lengths = pieces.lengths
        self.token_of = pieces.token_of - np.repeat(starts[rows], pieces.lengths)
        self.pieces = pieces.pieces

    def of(self, row: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Return the tokens of a document's pieces, the pieces, and how many tokens."""
        part = slice(self.ends[row] - self.lengths[row], self.ends[row])
        return self.token_of[part], self.pieces[part], int(self.n_tokens[row])


def make_candidate(
    model: Seq2SeqT, hypothesis: Hypothesis, places: TokenPlaces, row: int
) -> Candidate:
    """Say what a hypothesis is to the reader of a document."""
    vocabulary = target_of(model).attrs["vocabulary"]
    ids = hypothesis.pieces.tolist()
    text = vocabulary.decode(ids[:-1])
    attention = None
    copied: list[int] = []
    if hypothesis.shares.shape[1]:
        token_of, source_ids, n_tokens = places.of(row)
        shares = hypothesis.shares[:, : len(token_of)].numpy()
        attention = np.zeros((len(ids), n_tokens), dtype="f")
        np.add.at(attention.T, token_of, shares.T)
        if hypothesis.copies.shape[1]:
            same = source_ids == np.array(ids)[:, None]
            copies = hypothesis.copies[:, : len(token_of)].numpy() * same
            is_copied = copies.sum(1) > 0.5 * np.exp(hypothesis.log_probs.numpy())
            copied = np.where(is_copied, token_of[copies.argmax(1)], -1).tolist()
    return Candidate(
        text=text,
        score=hypothesis.score,
        log_probability=hypothesis.log_probability,
        pieces=vocabulary.names(ids),
        log_probabilities=hypothesis.log_probs.tolist(),
        attention=attention,
        copied=copied,
    )
