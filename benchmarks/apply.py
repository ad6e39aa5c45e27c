"""What it costs to annotate many texts with several workers, and what deaths do to it.

    python benchmarks/apply.py
    python benchmarks/apply.py --deaths

Annotates 20,000 short texts, the bundled sentences over and over, with the network of
configs/sentiment.cfg, by one process and by two workers of each engine. Prints for the
time between the first and the last part, so without loading, the texts per second; the
processor time of all processes together for 1,000 texts; what two quiet cores would
gain at best by that; and the greatest memory of all processes but the workers.

With --deaths kills a worker three times, and once the command itself, which is started
again; then prints what is lost, doubled or other than from one process. Linux only.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import srsly
from spacy import util
from spacy.training.initialize import init_nlp

from spacy_rnn.distributed.parts import MANIFEST

ROOT = Path(__file__).parent.parent
TICK = os.sysconf("SC_CLK_TCK")
PART = 1000  # texts
WORKERS = ("::AnnotatorActor", "multiprocessing.spawn")  # in their command lines


def save_model(path: Path) -> None:
    """Save a pipeline with the weights that it starts with."""
    config = util.load_config(ROOT / "configs" / "sentiment.cfg").interpolate()
    for name in ("train", "dev"):
        config["corpora"][name]["path"] = str(ROOT / config["paths"][name])
    init_nlp(config).to_disk(path)


def write_texts(path: Path, number: int) -> None:
    corpus = list(srsly.read_jsonl(ROOT / "corpus" / "sentiment" / "train.jsonl"))
    rows = (corpus[i % len(corpus)] for i in range(number))
    srsly.write_jsonl(path, ({"id": i, "text": x["text"]} for i, x in enumerate(rows)))


def descendants(pid: int) -> Iterator[int]:
    """Yield a process and all that it and they have started."""
    yield pid
    for task in Path("/proc", str(pid), "task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # it has ended meanwhile
            continue
        for child in children:
            yield from descendants(int(child))


def command_of(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def is_worker(pid: int) -> bool:
    return any(name in command_of(pid) for name in WORKERS)


def is_alive(pid: int) -> bool:
    try:
        status = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def seconds_of(pid: int) -> float:
    """Return the processor time of a process."""
    try:
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICK


def memory_of(pid: int) -> float:
    """Return the memory of a process in MB, with its share of what others have too."""
    try:
        lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def start(folder: Path, output: str, engine: str, workers: int) -> Any:
    command = [sys.executable, "-m", "spacy", "rnn", "apply", "model", "texts.jsonl"]
    options = ["--id", "id", "--engine", engine, "--workers", str(workers)]
    return subprocess.Popen(
        [*command, output, *options, "--shard-size", str(PART)],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )


def count_parts(path: Path) -> int:
    return len(list(path.glob("part-*.parquet")))


def wait_until(condition: Callable[[], Any], process: Any = None) -> None:
    """Wait until something is so, but not longer than a process lives."""
    while not condition():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the command ended with status {process.returncode}")
        time.sleep(0.02)


def measure(folder: Path, engine: str, workers: int) -> dict[str, float]:
    """Annotate all texts, and return what that took."""
    path = folder / f"{engine}-{workers}"
    process = start(folder, path.name, engine, workers)
    wait_until(lambda: count_parts(path) >= workers, process)
    before = {pid: seconds_of(pid) for pid in descendants(process.pid)}
    first, beside, seconds = time.perf_counter(), 0.0, dict(before)
    done = count_parts(path)
    last = first
    while process.poll() is None:
        pids = list(descendants(process.pid))
        seconds |= {pid: seconds_of(pid) or seconds.get(pid, 0.0) for pid in pids}
        others = [pid for pid in pids if not is_worker(pid)]
        beside = max(beside, sum(map(memory_of, others)))
        if (path / MANIFEST).exists() and count_parts(path) * PART < args.texts:
            last = time.perf_counter()
        time.sleep(0.1)
    check(process)
    thousands = (args.texts - done * PART) / 1000
    spent = sum(seconds.values()) - sum(before.values())
    return {
        "texts/s": 1000 * thousands / (last - first),
        "ms": 1000 * spent / thousands,
        "MB": beside,
    }


def check(process: Any) -> None:
    if process.wait():
        raise RuntimeError(f"the command ended with status {process.returncode}")


def print_costs(folder: Path) -> None:
    print("| engine | workers | texts/s | ms for 1,000 | gain | at best | MB beside |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    alone: dict[str, float] = {}
    for engine, workers in [("local", 1), *((each, 2) for each in args.engines)]:
        found = measure(folder, engine, workers)
        alone = alone or found
        gain = found["texts/s"] / alone["texts/s"]
        best = workers * alone["ms"] / found["ms"]
        print(
            f"| {engine} | {workers} | {found['texts/s']:.0f} | {found['ms']:.0f} "
            f"| {gain:.2f}x | {best:.2f}x | {found['MB']:.0f} |",
            flush=True,
        )


def read(path: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(each) for each in sorted(path.glob("*.p*"))])


def die(folder: Path, engine: str) -> None:
    """Kill workers and the command, let it be done again, and compare the output."""
    path = folder / f"{engine}-dying"
    process = start(folder, path.name, engine, 2)
    parts = args.texts // PART
    for share in (0.15, 0.3, 0.45):
        wait_until(lambda share=share: count_parts(path) >= share * parts, process)
        worker = next(pid for pid in descendants(process.pid) if is_worker(pid))
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: count_parts(path) >= 0.6 * parts, process)
    left = list(descendants(process.pid))
    process.kill()
    process.wait()
    begin = time.perf_counter()
    wait_until(lambda: not any(map(is_alive, left)))
    seconds, done = time.perf_counter() - begin, count_parts(path)
    check(start(folder, path.name, engine, 2))
    found, expected = read(path), read(folder / "expected")
    ids = found["id"].to_pylist()
    print(
        f"{engine}: 3 workers killed, then the command with {done} of {parts} parts; "
        f"all {len(left)} processes ended {seconds:.1f} s after it; done again: "
        f"{args.texts - len(set(ids))} lost, {len(ids) - len(set(ids))} doubled, "
        f"{'equal to' if found.equals(expected) else 'OTHER THAN'} one process",
        flush=True,
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_model(folder / "model")
        write_texts(folder / "texts.jsonl", args.texts)
        if not args.deaths:
            print_costs(folder)
            return
        check(start(folder, "expected", "local", 1))
        for engine in args.engines:
            die(folder, engine)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--engines", nargs="+", default=["local", "ray"])
    parser.add_argument("--deaths", action="store_true")
    args = parser.parse_args()
    if args.deaths and args.texts < 20 * PART:
        parser.error(f"--deaths needs at least {20 * PART} --texts, 20 parts")
    main()
