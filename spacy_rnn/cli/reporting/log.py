"""Read the log of a training: of spaCy's and our console loggers."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from spacy_rnn.cli.reporting.facts import Training

Row = dict[str, Any]
RULE = re.compile(r"^-{3}(\s+-{3,})+\s*$")  # under the names of columns
GAP = re.compile(r"\s{2,}")
LOSS = "LOSS "
CUT = "..."


def read_log(path: Path, components: Sequence[str] = ()) -> Training:
    """Read a JSONL file of a console logger, or what it printed.

    Of a run that was resumed, what counts is what was written last.

    Args:
        path: The file.
        components: Names of the pipeline's components, which a table shortens.

    Raises:
        ValueError: If there is no evaluation in it.
    """
    text = path.read_text("utf8", errors="replace")
    is_json = text.lstrip().startswith("{")
    rows = read_json(path, text) if is_json else read_table(text)
    kept: list[Row] = []
    for row in rows:
        kept = [before for before in kept if before["step"] < row["step"]] + [row]
    if not kept:
        raise ValueError(
            f"{path}: there is no evaluation in it. Expected what spacy train prints, "
            f"or the output_file of a console logger"
        )
    names = {
        kind: [*dict.fromkeys(name for row in kept for name in row[kind])]
        for kind in ("losses", "scores")
    }
    nan = float("nan")
    whole = find_whole_names(names["losses"], components)
    return Training(
        steps=[row["step"] for row in kept],
        losses={
            whole.get(k, k): [row["losses"].get(k, nan) for row in kept]
            for k in names["losses"]
        },
        scores={
            k: [row["scores"].get(k, nan) / 100 for row in kept]
            for k in names["scores"]
            if k.upper() != "SPEED"
        },
        final=[row["score"] for row in kept],
    )


def read_json(path: Path, text: str) -> Iterator[Row]:
    """Yield evaluations of a JSONL file. A last line that isn't whole is left out.

    Raises:
        ValueError: With file and line, for what a console logger can't have written.
    """
    for number, line in enumerate(text.splitlines(True), start=1):
        try:
            row = json.loads(line)
            int(row["step"]), float(row["score"]), row["losses"] | row["scores"]
        except (ValueError, TypeError, KeyError) as error:
            if not line.endswith("\n") or not line.strip():
                continue
            raise ValueError(
                f"{path}:{number}: expected a line of a console logger, with step, "
                f"losses, scores and score, but got {line[:60]!r}"
            ) from error
        yield row


def read_table(text: str) -> Iterator[Row]:
    """Yield the evaluations of what `spacy train` printed."""
    columns: list[str] = []
    before = ""
    for line in text.splitlines():
        if RULE.match(line):
            columns = list(tell_apart(GAP.split(before.strip())))
        values = read_numbers(line)
        if columns and len(values) == len(columns):
            yield name_values(dict(zip(columns, values, strict=True)))
        before = line


def tell_apart(names: Iterable[str]) -> Iterator[str]:
    """Number names that are alike, as long ones are shortened in a table."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield f"{name} ({seen[name]})" if seen[name] > 1 else name


def find_whole_names(names: Sequence[str], components: Sequence[str]) -> dict[str, str]:
    """Find the components whose names were cut in a table, where there is no doubt."""
    found: dict[str, str] = {}
    for stem in {name.partition(CUT)[0] for name in names if CUT in name}:
        cut = [name for name in names if name.startswith(f"{stem}{CUT}")]
        whole = [name for name in components if name.lower().startswith(stem)]
        if len(cut) == len(whole):
            found |= zip(cut, whole, strict=True)
    return found


def name_values(found: dict[str, float]) -> Row:
    """Tell what the columns of a table are."""
    step, score = int(found.pop("#", 0)), found.pop("SCORE", 0.0)
    losses = {k: v for k, v in found.items() if k.startswith(LOSS)}
    return {
        "step": step,
        "score": score,
        "losses": {k.removeprefix(LOSS).lower(): v for k, v in losses.items()},
        "scores": {
            k.lower(): v for k, v in found.items() if k != "E" and k not in losses
        },
    }


def read_numbers(line: str) -> list[float]:
    """Read a row of a table, nothing of another line."""
    try:
        return [float(value) for value in line.split()]
    except ValueError:
        return []
