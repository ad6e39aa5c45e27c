"""Values of options: no Literal, which typer reads since 0.19 only."""

from enum import Enum


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
