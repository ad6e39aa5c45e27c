"""From files with texts to a folder with their annotation."""

from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from spacy.util import get_package_path, is_package
from tqdm import tqdm

from spacy_rnn.corpora.files.lines import RowErrors
from spacy_rnn.distributed.annotator import Annotator
from spacy_rnn.distributed.engines import Engine
from spacy_rnn.distributed.parts import Counts, Parts
from spacy_rnn.distributed.run import annotate_shards
from spacy_rnn.distributed.texts import Contents, Shard, Texts
from spacy_rnn.training.identity import PACKAGES, digest


class Settings(NamedTuple):
    """What a run is, beside its model and its input.

    Attributes:
        id: The column with the ids; None for files and lines.
        text: The column with the texts.
        batch_size: Texts in a batch; None takes the pipeline's own.
        shard_size: Texts in a part of the output.
        code: A Python file that registers what the pipeline needs.
        errors: "replace" reads what is not valid Unicode as U+FFFD; "strict" refuses
            it.
    """

    id: str | None = None
    text: str = "text"
    batch_size: int | None = None
    shard_size: int = 1000
    code: Path | None = None
    errors: RowErrors = "strict"


def apply(
    model: str,
    input_path: Path,
    output: Path,
    settings: Settings,
    make_engine: Callable[[Annotator], Engine],
    *,
    on_death: Callable[[Shard, int], object] = lambda shard, n: None,
) -> tuple[list[Shard], Counts]:
    """Annotate all texts that have no part in the output yet.

    Args:
        model: Name or path of the pipeline.
        input_path: File or folder with texts.
        output: The folder to write, or to go on in.
        settings: What else makes the run.
        make_engine: Starts the workers, if there is anything to do.
        on_death: Told of a shard whose worker died, and how often it has.

    Returns:
        The shards that were given up, and what is in the output.

    Raises:
        ValueError: If the input can't be read, or the output is something else.
        OSError: If there is no such pipeline, or a part can't be written.
        RuntimeError: If the workers can't work.
    """
    check_apart(input_path, output)
    texts = Texts(
        input_path, text=settings.text, id=settings.id, errors=settings.errors
    )
    parts = Parts(output)
    saved = parts.read_manifest()
    identity = identify(model, input_path, settings)
    if saved is None:
        contents = texts.check()
    else:
        contents = Contents(**saved.pop("contents"))
        parts.check_same(saved, identity)
    with parts.open(identity | {"contents": contents._asdict()}):
        annotator = Annotator(model, batch_size=settings.batch_size, code=settings.code)
        given_up = fill(
            parts,
            texts.cut(settings.shard_size, has_numbers=contents.has_numbers),
            contents.n_texts,
            lambda: make_engine(annotator),
            on_death,
        )
        counts = parts.count()
    n_lost = sum(len(shard.texts) for shard in given_up)
    if counts.n_texts + n_lost != contents.n_texts:
        raise ValueError(
            f"{output} has {counts.n_texts} texts, but {contents.n_texts} were to be "
            f"read from {input_path}. Was one of them changed meanwhile?"
        )
    return given_up, counts


def fill(
    parts: Parts,
    shards: Iterator[Shard],
    n_texts: int,
    make_engine: Callable[[], Engine],
    on_death: Callable[[Shard, int], object],
) -> list[Shard]:
    """Write the parts that aren't there; return the shards that were given up."""
    bar = tqdm(total=n_texts, unit="texts", disable=None)

    def missing() -> Iterator[Shard]:
        for shard in shards:
            if parts.has(shard.number):
                bar.update(len(shard.texts))
            else:
                yield shard

    with bar:
        waiting = missing()
        first = next(waiting, None)
        if first is None:
            return []
        given_up = []
        with closing(make_engine()) as engine:
            to_do = chain([first], waiting)
            for shard, table in annotate_shards(engine, to_do, on_death):
                if table is None:
                    given_up.append(shard)
                else:
                    parts.write(shard.number, table)
                    bar.update(len(shard.texts))
        return given_up


def identify(model: str, input_path: Path, settings: Settings) -> dict[str, Any]:
    """Describe a run: by content what is read, by value what is set."""
    is_named = settings.id is None and input_path.is_file()  # then it is in the ids
    identity = {
        "model": digest(find_model(model)),
        "input": digest(input_path),
        "name of the input": input_path.name if is_named else None,
        "--id": settings.id,
        "--text": settings.text,
        "--batch-size": settings.batch_size,
        "--shard-size": settings.shard_size,
        "--errors": settings.errors,
        "--code": None if settings.code is None else digest(settings.code),
    }
    return identity | {f"version of {each}": version(each) for each in PACKAGES}


def find_model(model: str) -> Path:
    """Return the folder of a pipeline, given its name or path."""
    if Path(model).is_dir():
        return Path(model)
    if is_package(model):
        return get_package_path(model)
    raise FileNotFoundError(
        f"{model}: no folder of a pipeline, nor the name of an installed one"
    )


def check_apart(input_path: Path, output: Path) -> None:
    """Raise a ValueError if what is written would be among what is read."""
    source, target = input_path.resolve(), output.resolve()
    if source == target or source in target.parents or target in source.parents:
        raise ValueError(f"{output}: the output has to be apart from {input_path}")
