"""Options of several commands, and values: no Literal, which old typers can't read."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

DATA = "File or folder that the corpus in the pipeline's config reads"

CodeOption = Annotated[
    Path | None,
    typer.Option(
        "--code", "-c", help="Python file that registers functions of your own"
    ),
]
ModelArgument = Annotated[str, typer.Argument(help="Name or path of the pipeline")]
DataArgument = Annotated[Path, typer.Argument(help=DATA, exists=True)]
DevDataArgument = Annotated[
    Path,
    typer.Argument(help=f"{DATA}: development data, never the test data", exists=True),
]
JsonOption = Annotated[
    bool, typer.Option("--json", "-j", help="Print what is found as JSON")
]
NewPipelineOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Folder for the pipeline, a new one"),
]
InPlaceOption = Annotated[
    bool, typer.Option("--in-place", "-i", help="Change the pipeline itself")
]
GpuOption = Annotated[int, typer.Option("--gpu-id", "-g", help="GPU ID or -1 for CPU")]


class RowErrorsOption(Enum):
    STRICT = "strict"
    SKIP = "skip"
    REPLACE = "replace"


class SchemeOption(Enum):
    AUTO = "auto"
    IOB1 = "IOB1"
    BIO = "BIO"
    BILUO = "BILUO"
    IOBES = "IOBES"


class SentencesOption(Enum):
    PUNKT = "punkt"
    GIVEN = "given"
