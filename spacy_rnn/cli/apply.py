import re
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from wasabi import msg

from spacy_rnn.cli.debugging.topics import count
from spacy_rnn.cli.messages import as_options, one_message, print_lines
from spacy_rnn.cli.options import CodeOption, ModelArgument

if TYPE_CHECKING:  # the command line loads this module, whatever the command
    from spacy_rnn.distributed.annotator import Annotator
    from spacy_rnn.distributed.engines import Engine
    from spacy_rnn.distributed.texts import Shard


PYARROW = ("pyarrow.parquet", "apply")
EXTRAS = {"local": [PYARROW], "ray": [PYARROW, ("ray", "ray")]}


class EngineOption(Enum):
    local = "local"
    ray = "ray"


class EncodingErrorsOption(Enum):
    strict = "strict"
    replace = "replace"


def apply_cli(
    model: ModelArgument,
    input_path: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="File with texts, or a folder of them: .jsonl, .csv, .tsv, .parquet",
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(help="Folder for Parquet files; that of a run goes on"),
    ],
    kind: Annotated[
        EngineOption,
        typer.Option("--engine", "-e", help="Processes of this machine, or Ray's"),
    ] = EngineOption.local,
    workers: Annotated[
        int, typer.Option("--workers", "-n", min=1, help="Pipelines side by side")
    ] = 1,
    gpus_per_worker: Annotated[
        float,
        typer.Option(
            "--gpus-per-worker", "-G", min=0, max=1, help="Share of a GPU for each"
        ),
    ] = 0.0,
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id",
            help="The column that tells texts apart",
            metavar="COLUMN",
            show_default="file and line",
        ),
    ] = None,
    text_column: Annotated[
        str | None,
        typer.Option(
            "--text",
            help="The column with the text",
            metavar="COLUMN",
            show_default="that of the corpus in the pipeline's config, or text",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Texts in a batch", show_default="that of the pipeline"
        ),
    ] = None,
    shard_size: Annotated[
        int, typer.Option(min=1, help="Texts in a file of the output")
    ] = 1000,
    errors: Annotated[
        EncodingErrorsOption,
        typer.Option(
            help="What becomes of text that is not valid UTF-8: it is refused, or "
            "U+FFFD is read in its place"
        ),
    ] = EncodingErrorsOption.strict,
    code_path: CodeOption = None,
) -> None:
    """Annotate many texts, and write what is found as Parquet files.

    A text that can't be annotated has its error in its row. If the run is ended, the
    same command goes on with it.

    python -m spacy rnn apply training/sentiment/model-best mails.jsonl annotated
    --id id --workers 8
    """
    from spacy_rnn.distributed.extras import need

    spell = partial(name_options, id_column=id_column)
    with one_message("Can't annotate the texts", spell=spell):
        for library, extra in EXTRAS[kind.value]:
            need(library, extra)
        from spacy_rnn.distributed.apply import Settings, apply, find_model
        from spacy_rnn.distributed.text_column import USUAL, find_text_column

        if text_column is None:
            folder = find_model(model)
            text_column = find_text_column(folder, input_path, errors.value)
            if text_column != USUAL:
                msg.info(f"Texts are read from {text_column!r}, as the config says")
        settings = Settings(
            id_column, text_column, batch_size, shard_size, code_path, errors.value
        )
        engine = partial(make_engine, kind.value, workers, gpus_per_worker)
        given_up, counts = apply(
            model, input_path, output, settings, engine, on_death=warn_of_death
        )
    if counts.n_errors:
        verb = "has" if counts.n_errors == 1 else "have"
        n_errors = count(counts.n_errors, "text")
        msg.warn(f"{n_errors} {verb} an error; the column 'error' has it")
    if given_up:
        msg.fail("Workers died each time with these shards, which are left out:")
        print_lines(map(str, given_up))
        raise typer.Exit(1)
    verb = "is" if counts.n_texts == 1 else "are"
    msg.good(f"{count(counts.n_texts, 'text')} {verb} in {output}")


def name_options(message: str, id_column: str | None) -> str:
    """Say by which option a column is named that isn't there, and such things."""
    message = as_options(message)
    if not (absent := re.search(r": no column (.*?); there is ", message)):
        return message
    option = "--id" if absent[1] == repr(id_column) else "--text"
    return f"{message}. Name the one to read with {option}"


def make_engine(
    kind: str, workers: int, gpus_per_worker: float, annotator: "Annotator"
) -> "Engine":
    from spacy_rnn.distributed.engines import InProcess, Processes, on_gpu
    from spacy_rnn.distributed.ray_engine import Actors

    if kind == "ray":
        return Actors(annotator, workers, gpus_per_worker=gpus_per_worker)
    if workers == 1:
        return InProcess(on_gpu(annotator, 0) if gpus_per_worker else annotator)
    return Processes(annotator, workers, gpus_per_worker=gpus_per_worker)


def warn_of_death(shard: "Shard", n_deaths: int) -> None:
    from spacy_rnn.distributed.run import TRIES

    msg.warn(f"A worker died with {shard}, {n_deaths} of {TRIES} times")
