"""Speech to text: spoken digits, one after the other, become the tokens of a Doc.

    python examples/digits.py                       # on tones that it makes itself
    python examples/digits.py --data recordings     # train/ and test/ with wav files

A recording's name begins with its digit and its speaker: `7_theo_3.wav`, mono, 16 bits.
A network of LSTMs in both directions reads the spectrum of a string of recordings,
joined with pauses between, and learns from the digits alone, without their times
(connectionist temporal classification, CTC: Graves et al., 2006).
"""

import argparse
import sys
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from spacy.tokens import Doc, Token
from spacy.vocab import Vocab
from thinc.api import Adam, Linear, Model, chain, fix_random_seed, with_array
from thinc.types import Floats2d
from torch.nn.functional import ctc_loss
from torch.nn.utils.rnn import pad_sequence

from spacy_rnn.layers.rnn import RNN

WORDS = "zero one two three four five six seven eight nine".split()
BLANK = 0  # label of a frame that is no digit; a digit's label is one more than it


@dataclass
class Settings:
    """What can be set on the command line."""

    data: str = field(default="", metadata={"help": "folder with train/ and test/"})
    rate: int = field(default=8000, metadata={"help": "samples a second"})
    bands: int = field(default=40, metadata={"help": "of the mel spectrum"})
    stack: int = field(default=2, metadata={"help": "frames of 10 ms in a vector"})
    width: int = field(default=128, metadata={"help": "of the network"})
    depth: int = field(default=2, metadata={"help": "of the network, in layers"})
    dropout: float = field(default=0.2, metadata={"help": "between layers"})
    steps: int = field(default=600, metadata={"help": "of training"})
    batch: int = field(default=16, metadata={"help": "strings in a step"})
    learn_rate: float = field(default=0.004, metadata={"help": "at its highest"})
    speed: float = field(default=0.1, metadata={"help": "faster or slower, at most"})
    seed: int = field(default=0, metadata={"help": "of all that is random"})


@dataclass
class Recording:
    """A spoken digit: samples in [-1, 1]."""

    digit: int
    speaker: str
    samples: np.ndarray


def read_wav(path: Path, rate: int) -> np.ndarray:
    """Read the samples of a file. Shape (samples,), in [-1, 1]."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0


def read_folder(folder: Path, rate: int) -> list[Recording]:
    found = []
    for path in sorted(folder.glob("*.wav")):
        digit, speaker, _ = path.stem.split("_")
        found.append(Recording(int(digit), speaker, read_wav(path, rate)))
    return found


def synthesize(rng: np.random.Generator, n: int, rate: int) -> list[Recording]:
    """Make digits of two tones each, as a telephone's keys do, a bit out of tune."""
    made = []
    for i in range(n):
        digit, speaker = i % 10, f"speaker{i // 10 % 3}"
        time = np.arange(int(rate * rng.uniform(0.2, 0.4))) / rate
        pitch = rng.normal(1.0, 0.02)
        low, high = 500.0 + 100.0 * (digit % 4), 1200.0 + 250.0 * (digit // 4)
        tones = sum(np.sin(2 * np.pi * pitch * hz * time) for hz in (low, high))
        tones = tones * np.hanning(len(time)) * 0.2
        made.append(
            Recording(digit, speaker, tones + rng.normal(0.0, 0.005, len(time)))
        )
    return made


def join(
    recordings: Sequence[Recording],
    rng: np.random.Generator,
    rate: int,
    speed: float = 0.0,
    is_train: bool = False,
) -> np.ndarray:
    """Join recordings with pauses of up to a fifth of a second."""
    pieces = []
    for each in recordings:
        x = each.samples
        if is_train:
            factor = rng.uniform(1.0 - speed, 1.0 + speed)
            times = np.arange(int(len(x) / factor)) * factor
            x = np.interp(times, np.arange(len(x)), x) * 10 ** rng.uniform(-0.3, 0.3)
        pieces += [np.zeros(int(rng.uniform(0.0, 0.2) * rate)), x]
    joined = np.concatenate([*pieces, np.zeros(int(rng.uniform(0.0, 0.1) * rate))])
    loudness = np.sqrt(np.mean(joined**2))
    noise = loudness * 10 ** -rng.uniform(0.5, 2.5) if is_train else 1e-4
    return joined + rng.normal(0.0, noise, len(joined))


def mel_filters(bands: int, rate: int, bins: int) -> np.ndarray:
    top = 2595.0 * np.log10(1.0 + rate / 2 / 700.0)
    edges = 700.0 * (10 ** (np.linspace(90.0, top, bands + 2) / 2595.0) - 1.0)
    hertz = np.linspace(0.0, rate / 2, bins)
    rise = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
    return np.maximum(0.0, np.minimum(rise, fall))


def log_mel(samples: np.ndarray, settings: Settings) -> Floats2d:
    rate = settings.rate
    size, hop = rate // 40, rate // 100
    bins = 1 + (1 << (size - 1).bit_length()) // 2
    padded = np.pad(samples, (size // 2, size // 2 + hop * settings.stack))
    frames = sliding_window_view(padded, size)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), 2 * (bins - 1))) ** 2
    log = np.log(power @ mel_filters(settings.bands, rate, bins).T + 1e-6)
    log -= log.mean()
    whole = len(log) // settings.stack * settings.stack
    rows = log[:whole].reshape(-1, settings.stack * settings.bands) / 4.0
    return rows.astype("f")


def build_model(settings: Settings) -> Model[list[Floats2d], list[Floats2d]]:
    encoder = RNN(
        settings.width,
        settings.stack * settings.bands,
        cell="lstm",
        depth=settings.depth,
        bidirectional=True,
        dropout=settings.dropout,
    )
    head: Any = with_array(Linear(len(WORDS) + 1, settings.width))
    return chain(encoder, head)


def ctc(Ys: list[Floats2d], targets: list[list[int]]) -> tuple[float, list[Floats2d]]:
    """Return the loss of a batch, in nats a digit, and its gradient."""
    scores = [torch.from_numpy(np.array(Y)).requires_grad_() for Y in Ys]
    loss = ctc_loss(
        pad_sequence(scores).log_softmax(dim=2),
        torch.tensor([label for target in targets for label in target]),
        torch.tensor([len(Y) for Y in Ys]),
        torch.tensor([len(target) for target in targets]),
        blank=BLANK,
        reduction="sum",
        zero_infinity=True,
    ) / sum(len(target) for target in targets)
    loss.backward()
    grads: Any = [each.grad.numpy() for each in scores if each.grad is not None]
    return loss.item(), grads


def train(
    model: Model, recordings: list[Recording], settings: Settings
) -> dict[Any, Any]:
    rng = np.random.default_rng(settings.seed)
    optimizer = Adam(settings.learn_rate, grad_clip=1.0, use_averages=True)
    for step in range(settings.steps):
        strings = [
            [recordings[i] for i in rng.integers(len(recordings), size=n)]
            for n in rng.integers(1, 5, settings.batch)
        ]
        Xs = [
            log_mel(join(each, rng, settings.rate, settings.speed, True), settings)
            for each in strings
        ]
        Ys, backprop = model.begin_update(Xs)
        loss, dYs = ctc(Ys, [[each.digit + 1 for each in string] for string in strings])
        backprop(dYs)
        done = step / settings.steps
        optimizer.learn_rate = (
            settings.learn_rate
            * min(1.0, (step + 1) / 100)
            * (0.5 + 0.5 * np.cos(np.pi * done))
        )
        model.finish_update(optimizer)
        optimizer.step_schedules()
        if step % 100 == 99:
            print(f"step {step + 1}, loss {loss:.3f}", flush=True)
    return optimizer.averages


def greedy(scores: np.ndarray) -> list[tuple[int, int, int]]:
    """Return label, first and last frame of each token of the best path."""
    best = scores.argmax(axis=1)
    found = []
    for i, label in enumerate(best.tolist()):
        if i and label == best[i - 1]:
            if label != BLANK:
                found[-1] = (*found[-1][:2], i)
        elif label != BLANK:
            found.append((label, i, i))
    return found


def make_doc(vocab: Vocab, found: list[tuple[int, int, int]], seconds: float) -> Doc:
    doc = Doc(vocab, words=[WORDS[label - 1] for label, _, _ in found])
    for token, (_, first, last) in zip(doc, found, strict=True):
        token._.start, token._.end = first * seconds, (last + 1) * seconds
    return doc


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for each in fields(Settings):
        kind: Any = each.type
        parser.add_argument(
            f"--{each.name.replace('_', '-')}",
            type=kind,
            default=each.default,
            help=f"{each.metadata['help']} (%(default)s)",
        )
    settings = Settings(**vars(parser.parse_args(argv)))
    fix_random_seed(settings.seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(settings.seed)
    if settings.data:
        folder = Path(settings.data)
        parts = [
            read_folder(folder / part, settings.rate) for part in ("train", "test")
        ]
    else:
        parts = [synthesize(rng, n, settings.rate) for n in (200, 60)]
    model = build_model(settings)
    model.initialize()
    averages = train(model, parts[0], settings)
    Token.set_extension("start", default=None, force=True)
    Token.set_extension("end", default=None, force=True)
    vocab = Vocab()
    with model.use_params(averages):
        right = 0
        for each in parts[1]:
            X = log_mel(join([each], rng, settings.rate), settings)
            doc = make_doc(vocab, greedy(model.predict([X])[0]), settings.stack / 100)
            right += [token.text for token in doc] == [WORDS[each.digit]]
        print(f"single digits right: {100 * right / len(parts[1]):.1f} %")


if __name__ == "__main__":
    main(sys.argv[1:])
