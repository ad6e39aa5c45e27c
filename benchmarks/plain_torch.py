"""The tagger that one would write by hand in PyTorch.

Word vectors and a character CNN, a packed BiLSTM, and a softmax or a CRF of the package
`pytorch-crf` (Ma & Hovy, 2016; Lample et al., 2016).
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from random import Random
from typing import NamedTuple

import torch
from tagging_data import Sentence
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torchcrf import CRF

WORD_WIDTH, CHAR_WIDTH, SPELLING_WIDTH, HIDDEN_WIDTH = 100, 30, 50, 200
MAX_CHARS = 24
PADDING, UNKNOWN = 0, 1


class Batch(NamedTuple):
    """Sentences as numbers: words of shape (B, T), characters of all words (N, C)."""

    words: Tensor
    chars: Tensor

    @property
    def mask(self) -> Tensor:
        """Where there are words. Shape (B, T)."""
        return self.words != PADDING


class Vocabulary:
    """Numbers for words that come more than once, for characters and for tags."""

    def __init__(self, sentences: Iterable[Sentence]) -> None:
        tokens = [token for sentence in sentences for token in sentence.tokens]
        counts = Counter(token.lower() for token in tokens)
        known = [word for word, count in counts.items() if count > 1]
        self.words = {word: i for i, word in enumerate(known, start=2)}
        self.chars = {char: i for i, char in enumerate(sorted(set("".join(tokens))), 2)}
        self.tags = sorted({tag for sentence in sentences for tag in sentence.tags})
        self.spell = lru_cache(maxsize=2**16)(self._spell)

    def encode(self, sentences: Sequence[Sentence]) -> Batch:
        words = [
            torch.tensor([self.words.get(t.lower(), UNKNOWN) for t in sentence.tokens])
            for sentence in sentences
        ]
        chars = [self.spell(t) for sentence in sentences for t in sentence.tokens]
        return Batch(pad_sequence(words, batch_first=True), torch.tensor(chars))

    def encode_tags(self, sentences: Sequence[Sentence]) -> Tensor:
        """Return the number of each tag, 0 for padding. Shape (B, T)."""
        number = {tag: i for i, tag in enumerate(self.tags)}
        rows = [torch.tensor([number[tag] for tag in s.tags]) for s in sentences]
        return pad_sequence(rows, batch_first=True)

    def _spell(self, token: str) -> list[int]:
        numbers = [self.chars.get(char, UNKNOWN) for char in token[:MAX_CHARS]]
        return numbers + [PADDING] * (MAX_CHARS - len(numbers))


class PlainTagger(nn.Module):
    """A network that tags sentences."""

    def __init__(self, vocabulary: Vocabulary, *, crf: bool) -> None:
        super().__init__()
        n_tags = len(vocabulary.tags)
        self.words = nn.Embedding(len(vocabulary.words) + 2, WORD_WIDTH)
        self.chars = nn.Embedding(len(vocabulary.chars) + 2, CHAR_WIDTH, PADDING)
        self.convolve = nn.Conv1d(CHAR_WIDTH, SPELLING_WIDTH, 3, padding=1)
        self.dropout = nn.Dropout(0.5)
        self.lstm = nn.LSTM(
            WORD_WIDTH + SPELLING_WIDTH,
            HIDDEN_WIDTH,
            bidirectional=True,
            batch_first=True,
        )
        self.output = nn.Linear(2 * HIDDEN_WIDTH, n_tags)
        self.crf = CRF(n_tags, batch_first=True) if crf else None

    def forward(self, batch: Batch) -> Tensor:
        """Score tags. Shape (B, T, K)."""
        mask = batch.mask
        spelling = self.convolve(self.chars(batch.chars).transpose(1, 2)).amax(2)
        vectors = torch.cat([self.words(batch.words[mask]), spelling], 1)
        X = vectors.new_zeros(*mask.shape, vectors.shape[1])
        X[mask] = self.dropout(vectors)
        packed = pack_padded_sequence(
            X, mask.sum(1), batch_first=True, enforce_sorted=False
        )
        Y, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.output(self.dropout(Y))

    def loss(self, batch: Batch, tags: Tensor) -> Tensor:
        scores, mask = self(batch), batch.mask
        if self.crf is None:
            return nn.functional.cross_entropy(scores[mask], tags[mask])
        return -self.crf(scores, tags, mask=mask, reduction="token_mean")

    def decode(self, batch: Batch) -> list[list[int]]:
        scores, mask = self(batch), batch.mask
        if self.crf is not None:
            return self.crf.decode(scores, mask=mask)
        best = scores.argmax(2).tolist()
        return [row[:n] for row, n in zip(best, mask.sum(1).tolist(), strict=True)]


def make_step(model: PlainTagger, learn_rate: float = 0.002) -> Callable:
    """Return a function that updates a model by a batch and its tags."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learn_rate)

    def step(batch: Batch, tags: Tensor) -> None:
        model.train()
        optimizer.zero_grad()
        model.loss(batch, tags).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def predict(
    model: PlainTagger, vocabulary: Vocabulary, sentences: Sequence[Sentence], size: int
) -> list[list[str]]:
    """Tag sentences, in batches of so many that are similar in length."""
    model.eval()
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i].tokens))
    found: list[list[str]] = [[] for _ in sentences]
    with torch.inference_mode():
        for i in range(0, len(order), size):
            part = order[i : i + size]
            paths = model.decode(vocabulary.encode([sentences[j] for j in part]))
            for j, path in zip(part, paths, strict=True):
                found[j] = [vocabulary.tags[tag] for tag in path]
    return found


def train_plain(
    sentences: list[Sentence],
    score: Callable[[PlainTagger, Vocabulary], float],
    *,
    crf: bool,
    seed: int,
    epochs: int = 15,
    size: int = 32,
) -> tuple[PlainTagger, Vocabulary]:
    """Train a tagger, and keep the epoch that `score` says is best."""
    torch.manual_seed(seed)
    random = Random(seed)
    vocabulary = Vocabulary(sentences)
    model = PlainTagger(vocabulary, crf=crf)
    step = make_step(model)
    best_score, best = -1.0, model
    for _ in range(epochs):
        order = random.sample(sentences, len(sentences))
        for i in range(0, len(order), size):
            part = order[i : i + size]
            step(vocabulary.encode(part), vocabulary.encode_tags(part))
        if (found := score(model, vocabulary)) > best_score:
            best_score, best = found, copy.deepcopy(model)
    return best, vocabulary
