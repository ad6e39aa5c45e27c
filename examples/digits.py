"""Speech to text: digits, spoken one after the other, become the tokens of a Doc.

    python examples/digits.py                       # on tones that it makes itself
    python examples/digits.py --data recordings     # train/ and test/ with wav files

A recording is a digit: `7_theo_3.wav`, mono, 16 bits. A network reads the spectrum of
several, joined, in both directions. It learns from the digits alone, not from their
times (CTC: Graves et al., 2006). Of what it finds (Hannun et al., 2014), each token
says when it is spoken: `token._.start` and `token._.end`, in seconds.
"""

import wave
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nltk import edit_distance
from settings import run_command, setting
from spacy.tokens import Doc, Token
from spacy.vocab import Vocab
from thinc.api import Adam, Linear, Model, chain, fix_random_seed, warmup_linear
from thinc.layers import with_array
from thinc.types import Floats2d

from spacy_rnn.ctc import align, best_path, ctc_loss, prefix_search
from spacy_rnn.layers import RNN

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FRAMES = 100  # a second, or a few more: each takes a whole number of samples
Recording = tuple[int, np.ndarray]  # digit, samples in [-1, 1]
Rng = np.random.Generator
NetworkT = Model[list[Floats2d], list[Floats2d]]
for name in ("start", "end"):
    Token.set_extension(name, default=None, force=True)


@dataclass
class Settings:
    """What can be set, also on the command line."""

    data: str = setting("", "folder with train/ and test/; makes its own if left out")
    dev: float = setting(
        0.0, "share of train/ to test on, in the place of test/", below=1
    )
    wav: str = setting("", "recording of a string, to write down after training")
    rate: int = setting(8000, "samples a second", least=1000)
    bands: int = setting(40, "bands of the mel spectrum", least=1)
    stack: int = setting(2, "frames in a vector", least=1)
    width: int = setting(128, "width of the network, both directions together", least=2)
    depth: int = setting(2, "layers of the network", least=1)
    dropout: float = setting(
        0.2, "share of features that a layer drops in training", below=1
    )
    steps: int = setting(1000, "steps of training", least=1)
    batch: int = setting(16, "strings in a step", least=1)
    learn_rate: float = setting(0.004, "learning rate after a tenth of the steps")
    speed: float = setting(
        0.1, "share by which training is faster or slower, at most", below=1
    )
    mask: int = setting(2, "bands and frames that training hides in a string, at most")
    beam: int = setting(8, "prefixes that the search keeps, 0 for the best path alone")
    strings: int = setting(200, "strings of 3 to 7 digits in the test")
    seeds: int = setting(1, "networks to train, one after the other", least=1)


def read_wav(path: Path, rate: int) -> np.ndarray:
    """Read samples, in [-1, 1], or say what is wrong with the file."""
    try:
        with wave.open(str(path)) as file:
            channels, width, found, n, *_ = file.getparams()
            data = file.readframes(n)
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path} is empty or no wav file. {error}") from error
    if (channels, width, found) != (1, 2, rate):
        raise ValueError(
            f"{path} has {channels} channels of {8 * width} bits at {found} Hz, but 1 "
            f"of 16 bits at {rate} Hz is expected: convert it, or set --rate"
        )
    samples = np.frombuffer(data, "<i2") / 32768.0
    if len(samples) < rate // 40 or np.ptp(samples) < 1e-3:
        raise ValueError(f"{path} is silent, or shorter than 25 ms")
    return samples


def read_folder(folder: Path, rate: int) -> list[Recording]:
    paths = sorted(folder.glob("*.wav"))
    wrong = [str(path) for path in paths if path.name[:1] not in "0123456789"]
    if wrong or not paths:
        found = wrong[0] if wrong else "none"
        raise ValueError(f"{folder} needs wav files like 7_theo_3.wav, but has {found}")
    return [(int(path.name[0]), read_wav(path, rate)) for path in paths]


def synthesize(n: int, seed: int, rate: int) -> list[Recording]:
    """Make digits of two tones, as a telephone's keys do, a bit out of tune."""
    rng, made = np.random.default_rng(seed), []
    for i in range(n):
        time = np.arange(rng.uniform(0.2, 0.4) * rate) / rate
        pair = np.array([500 + 120 * (i % 10 % 4), 1300 + 300 * (i % 10 // 4)])
        tones = np.sin(2 * np.pi * rng.normal(pair, 10)[:, None] * time).sum(axis=0)
        made.append((i % 10, 0.2 * tones * np.hanning(len(time))))
    return made


def vary(x: np.ndarray, rng: Rng, speed: float) -> np.ndarray:
    """Play a recording faster, higher and louder, or slower, lower and softer."""
    size = int(len(x) * rng.uniform(1.0 - speed, 1.0 + speed))
    places = np.linspace(0, len(x) - 1, size)
    return np.interp(places, np.arange(len(x)), x) * 10 ** rng.uniform(-0.3, 0.3)


def join(
    pieces: list[np.ndarray], rng: Rng, rate: int, noise: float
) -> tuple[np.ndarray, np.ndarray]:
    """Join recordings, with pauses of up to 0.2 s, and noise in units of their sound.

    Also returns where each of them starts and ends, in seconds. Shape (recordings, 2).
    """
    sizes = np.array([len(x) for x in pieces])
    ends = np.cumsum(sizes + (rng.uniform(0.0, 0.2, len(pieces)) * rate).astype(int))
    sound = np.zeros(ends[-1])
    for x, end in zip(pieces, ends, strict=True):
        sound[end - len(x) : end] = x
    sound += rng.normal(0.0, noise * sound.std(), len(sound))
    return sound, np.stack([ends - sizes, ends], axis=1) / rate


def spectrum(sound: np.ndarray, s: Settings, rng: Rng | None = None) -> Any:
    """Compute the logarithmic mel spectrum, in frames of 25 ms, some side by side.

    With `rng`, some bands and frames are hidden (SpecAugment: Park et al., 2019). The
    mean of each band is zero. Shape (vectors, stack * bands).
    """
    size, hop = s.rate // 40, s.rate // FRAMES
    top = 2595.0 * np.log10(1.0 + s.rate / 2 / 700.0)
    edges = 700.0 * (10 ** (np.linspace(90.0, top, s.bands + 2) / 2595.0) - 1.0)
    hertz = np.linspace(0.0, s.rate / 2, s.rate // 80 + 1)
    mel = [np.interp(hertz, edges[i : i + 3], [0, 1, 0]) for i in range(s.bands)]
    padded = np.pad(sound, (size // 2, size // 2 + hop * s.stack))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    frames = np.abs(np.fft.rfft(windows * np.hanning(size))) ** 2 @ np.transpose(mel)
    frames = np.log(frames + 1e-6)
    frames = (frames - frames.mean(axis=0)) / 4.0
    if rng is not None:
        for part in (frames, frames.T):
            start = rng.integers(len(part))
            part[start : start + rng.integers(s.mask + 1)] = 0.0
    whole = len(frames) // s.stack * s.stack
    return frames[:whole].reshape(-1, s.stack * s.bands).astype("f")


def build_model(s: Settings) -> NetworkT:
    """Build a network that gives each vector a score for each digit, and for none."""
    options: Any = {"cell": "lstm", "depth": s.depth, "dropout": s.dropout}
    encoder = RNN(s.width, s.stack * s.bands, bidirectional=True, **options)
    head: Any = with_array(Linear(len(WORDS) + 1, s.width))  # label 0 is no digit
    return chain(encoder, head).initialize()


def train(recordings: list[Recording], s: Settings, seed: int) -> NetworkT:
    """Train a network on strings of one to four recordings."""
    fix_random_seed(seed)
    rng, model = np.random.default_rng(seed), build_model(s)
    rates: Any = warmup_linear(s.learn_rate, s.steps // 10, s.steps)
    optimizer = Adam(rates, grad_clip=1.0, use_averages=True)
    for _ in range(s.steps):
        Xs, labels = [], []
        for n in rng.integers(1, 5, s.batch):
            string = [recordings[i] for i in rng.integers(len(recordings), size=n)]
            varied = [vary(x, rng, s.speed) for _, x in string]
            sound, _ = join(varied, rng, s.rate, 10 ** -rng.uniform(0.5, 2.5))
            Xs.append(spectrum(sound, s, rng))
            labels.append([digit + 1 for digit, _ in string])
        Ys, backprop = model.begin_update(Xs)
        _, dYs = ctc_loss(Ys, labels)
        backprop([dY / s.batch for dY in dYs])
        model.finish_update(optimizer)
        optimizer.step_schedules()
    with model.use_params(optimizer.averages or {}):
        return model.copy()  # of the averages


def write_down(model: NetworkT, sounds: list[np.ndarray], s: Settings) -> Iterator[Doc]:
    """Make Docs of what is said."""
    for Y in map(np.asarray, model.predict([spectrum(sound, s) for sound in sounds])):
        labels = prefix_search(Y, s.beam)[0] if s.beam else best_path(Y)
        doc = Doc(Vocab(), words=[WORDS[label - 1] for label in labels])
        seconds = s.stack * (s.rate // FRAMES) / s.rate
        for token, (first, end) in zip(doc, align(Y, labels), strict=True):
            token._.start, token._.end = first * seconds, end * seconds
        yield doc


def evaluate(model: NetworkT, recordings: list[Recording], s: Settings) -> str:
    """Return, in percent, right digits, wrong words of strings, and right times."""
    rng, n = np.random.default_rng(0), len(recordings)
    strings = [[each] for each in recordings]
    for size in rng.integers(3, 8, s.strings):
        strings.append([recordings[i] for i in rng.integers(n, size=size)])
    joined = [join([x for _, x in string], rng, s.rate, 1e-3) for string in strings]
    docs = write_down(model, [sound for sound, _ in joined], s)
    wrong, inside = [], []
    for string, (_, spans), doc in zip(strings, joined, docs, strict=True):
        truth = [WORDS[digit] for digit, _ in string]
        wrong.append(edit_distance(truth, [token.text for token in doc]))
        for token, (start, end) in zip([] if wrong[-1] else doc, spans, strict=False):
            inside.append(start <= (token._.start + token._.end) / 2 <= end)
    error_rate = sum(wrong[n:]) / max(1, sum(map(len, strings[n:])))
    shares = wrong[:n].count(0) / n, error_rate, np.mean(inside or [0])
    return " | ".join(f"{100 * share:.1f}" for share in shares)


def run(s: Settings) -> None:
    """Read or make recordings, train, and print what the test says."""
    torch.set_num_threads(1)  # more gain nothing in small products
    sounds = [read_wav(Path(s.wav), s.rate)] if s.wav else []
    learned, tested = (
        read_folder(Path(s.data) / part, s.rate) if s.data else synthesize(n, n, s.rate)
        for part, n in (("train", 200), ("test", 60))
    )
    if s.dev:
        np.random.default_rng(0).shuffle(learned)  # type: ignore[arg-type]
        n = round(len(learned) * s.dev)
        if not 0 < n < len(learned):
            raise ValueError(f"--dev {s.dev} of {len(learned)} recordings leaves none")
        tested, learned = learned[:n], learned[n:]
    print("| seed | decoding | right, % | WER, % | times right, % |\n|-|-|-:|-:|-:|")
    for seed in range(s.seeds):
        model = train(learned, s, seed)
        for decoding, beam in (("best path", 0), ("search", s.beam)):
            found = evaluate(model, tested, replace(s, beam=beam))
            print(f"| {seed} | {decoding} | {found} |", flush=True)
    for doc in write_down(model, sounds, s) if sounds else []:
        for token in doc:
            print(f"{token._.start:6.2f} {token._.end:6.2f} {token.text}")


def main(argv: list[str] | None = None) -> None:
    run_command("digits.py", __doc__, Settings, run, argv)


if __name__ == "__main__":
    main()
