import wave

import numpy as np
import pytest

from tests.examples.conftest import rows_of

RATE = 8000
# Learns the tones in a few seconds.
SMALL = ["--width", "64", "--depth", "1", "--stack", "4", "--bands", "20"]
SMALL += ["--steps", "250", "--batch", "8", "--dropout", "0", "--mask", "0"]
SMALL += ["--learn-rate", "0.01", "--strings", "20"]


@pytest.fixture
def digits(example):
    return example("digits")


def write(path, samples, rate=RATE, channels=1, width=2):
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes((np.asarray(samples) * 32767).astype("<i2").tobytes())
    return path


def test_it_learns_the_tones_that_it_makes_and_writes_a_string_down(
    digits, capsys, tmp_path
):
    rng = np.random.default_rng(1)
    tones = digits.synthesize(10, 5, RATE)
    string = [tones[digit][1] for digit in (1, 1, 6)]
    sound, spans = digits.join(string, rng, RATE, 1e-3)
    path = write(tmp_path / "string.wav", sound)
    digits.main([*SMALL, "--wav", str(path)])
    output = capsys.readouterr().out
    for _, decoding, right, error_rate, inside in rows_of(output)[1:]:
        assert decoding in ("best path", "search")
        assert float(right) > 90
        assert float(error_rate) < 10
        assert float(inside) > 90
    written = [line.split() for line in output.splitlines()[-3:]]
    assert [word for *_, word in written] == ["one", "one", "six"]
    for (start, end, _), (first, last) in zip(written, spans, strict=True):
        assert float(start) < float(end)
        assert first - 0.05 <= float(start) <= last


def test_recordings_of_a_folder_are_learned_and_tested(digits, capsys, tmp_path):
    for part, n in (("train", 30), ("test", 10)):
        for i, (digit, sound) in enumerate(digits.synthesize(n, 0, RATE)):
            write(tmp_path / part / f"{digit}_me_{i}.wav", sound)
    few = [*SMALL, "--steps", "2", "--strings", "2", "--data", str(tmp_path)]
    digits.main(few)
    digits.main([*few, "--dev", "0.2"])
    assert len(rows_of(capsys.readouterr().out)) == 2 * 3


def test_a_recording_is_where_the_spans_say(digits):
    rng = np.random.default_rng(0)
    pieces = [np.full(900, 0.5), np.full(400, -0.25)]
    sound, spans = digits.join(pieces, rng, RATE, 0.0)
    places = (spans * RATE).round().astype(int)
    for piece, (start, end) in zip(pieces, places, strict=True):
        assert (sound[start:end] == piece).all()
    assert np.abs(sound).sum() == sum(np.abs(piece).sum() for piece in pieces)
    assert places[-1, 1] == len(sound)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 1050])
def test_a_digit_is_written_down_where_it_is_whatever_the_rate(digits, rate):
    s = digits.Settings(rate=rate)
    sound = np.zeros(30 * rate)
    sound[25 * rate] = 1.0

    class Loudest:
        def predict(self, Xs):
            (X,) = Xs
            scores = np.zeros((len(X), 11))
            scores[:, 0] = 20.0
            scores[X.mean(axis=1).argmax(), 4] = 40.0
            return [scores]

    (doc,) = digits.write_down(Loudest(), [sound], s)
    assert [token.text for token in doc] == ["three"]
    assert abs(doc[0]._.start - 25) < 0.03


def test_the_spectrum_of_a_tone_is_highest_in_its_band(digits):
    s = digits.Settings(stack=1)
    time = np.arange(RATE) / RATE
    silence_and_tone = np.where(time > 0.5, np.sin(2 * np.pi * 1000 * time), 0.0)
    frames = digits.spectrum(silence_and_tone + 1e-4, s)
    assert len(frames) == pytest.approx(1 / 0.01, abs=2)
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(90, top, s.bands + 2) / 2595) - 1)
    band = int(frames[len(frames) * 3 // 4].argmax())
    assert edges[band] < 1000 < edges[band + 2]


def test_loudness_does_not_matter_and_hiding_is_for_training(digits):
    s = digits.Settings(mask=5)
    sound = np.random.default_rng(0).normal(size=4000)
    loud, soft = (digits.spectrum(x * sound, s) for x in (1.0, 0.3))
    assert np.abs(loud - soft).max() < 0.05
    for seed in range(5):
        hidden = digits.spectrum(sound, s, np.random.default_rng(seed))
        changed = (hidden != loud).reshape(-1, s.bands)
        assert (hidden[hidden != loud] == 0).all()
        assert changed.all(axis=0).sum() <= 5
        assert changed.all(axis=1).sum() <= 5


def test_a_recording_is_varied_in_speed_and_loudness(digits):
    rng = np.random.default_rng(0)
    x = np.sin(np.arange(2000) / 5)
    varied = [digits.vary(x, rng, 0.1) for _ in range(20)]
    sizes = [len(each) for each in varied]
    assert 1800 <= min(sizes) < 1950
    assert 2050 < max(sizes) <= 2200
    assert min(each.max() for each in varied) < 0.8
    assert max(each.max() for each in varied) > 1.2


TONE = 0.3 * np.sin(np.arange(2000) / 3)


def make_wrong(kind, path):
    match kind:
        case "rate":
            write(path, TONE, rate=16_000)
        case "stereo":
            write(path, TONE, channels=2)
        case "bits":
            write(path, TONE, width=1)
        case "silence":
            write(path, 0 * TONE)
        case "no samples":
            write(path, TONE[:0])
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("not a wav file", encoding="utf8")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("rate", "1 channels of 16 bits at 16000 Hz, but 1 of 16 bits at 8000 Hz"),
        ("stereo", "2 channels of 16 bits"),
        ("bits", "1 channels of 8 bits"),
        ("silence", "silent"),
        ("no samples", "shorter than 25 ms"),
        ("empty", "empty or no wav file"),
        ("text", "empty or no wav file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(digits, tmp_path, kind, message):
    path = tmp_path / "train" / "3_me_0.wav"
    write(path, TONE)
    make_wrong(kind, path)
    for command in (["--data", str(tmp_path)], ["--wav", str(path)]):
        with pytest.raises(SystemExit, match=f"digits.py: .*3_me_0.wav .*{message}"):
            digits.main([*SMALL, *command])


def test_a_folder_without_recordings_or_with_others_is_refused(digits, tmp_path):
    with pytest.raises(SystemExit, match="train needs wav files like 7_theo_3.wav"):
        digits.main(["--data", str(tmp_path)])
    write(tmp_path / "train" / "seven.wav", TONE)
    with pytest.raises(SystemExit, match=r"like 7_theo_3.wav.*seven\.wav"):
        digits.main(["--data", str(tmp_path)])
