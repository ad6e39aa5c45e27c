import os
from collections import Counter
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_rnn.corpora.formats import DOCBIN_SUFFIX, DecodeErrors


class ErrorsOption(Enum):  # not a Literal, which typer reads since 0.19 only
    STRICT = "strict"
    REPLACE = "replace"


def convert_cli(
    input_path: Annotated[
        Path, typer.Argument(help="File of labelled texts, or folder of such files")
    ],
    output_path: Annotated[Path, typer.Argument(help="The .spacy file to write")],
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the tokenizer")
    ] = "en",
    text_column: Annotated[
        str, typer.Option(help="Key or column that holds the text")
    ] = "text",
    label_column: Annotated[
        str | None,
        typer.Option(
            help="Key or column that holds the label or labels",
            show_default="label, labels or cats",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="All labels, with a comma between them",
            show_default="those that the input has",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Number of documents to write, 0 for all")
    ] = 0,
    errors: Annotated[
        ErrorsOption, typer.Option(help="What to do with text that is no valid Unicode")
    ] = ErrorsOption.STRICT,
) -> None:
    """Convert labelled texts (.jsonl, .jsonl.gz, .csv or .tsv) to a .spacy file.

    The commands evaluate, find-threshold and benchmark speed read nothing else. For
    them to count a label that this file happens to lack, name all with --labels.
    """
    try:
        n_docs, counts = convert(
            input_path,
            output_path,
            lang=lang,
            text_column=text_column,
            label_column=label_column,
            labels=labels.split(",") if labels else None,
            limit=limit,
            errors="replace" if errors is ErrorsOption.REPLACE else "strict",
        )
    except (ValueError, OSError, ImportError) as error:
        msg.fail("Can't convert the corpus", str(error), exits=1)
    msg.good(f"Wrote {n_docs} documents to {output_path}")
    if counts:
        msg.table(counts, header=("Label", "Documents"), aligns=("l", "r"))


def convert(
    input_path: Path,
    output_path: Path,
    *,
    lang: str,
    text_column: str,
    label_column: str | None,
    labels: list[str] | None,
    limit: int,
    errors: DecodeErrors,
) -> tuple[int, dict[str, int]]:
    """Write a corpus as one .spacy file, or leave what is there as it was.

    Returns:
        The number of documents, and for each label of how many it is true.
    """
    import spacy
    from spacy.tokens import DocBin

    from spacy_rnn.corpora.readers import TextCorpus

    if output_path.suffix != DOCBIN_SUFFIX:
        raise ValueError(f"{output_path}: the output must end in {DOCBIN_SUFFIX}")
    corpus = TextCorpus(
        input_path,
        limit=limit,
        text_column=text_column,
        label_column=label_column,
        labels=labels,
        keep=False,
        errors=errors,
    )
    if output_path.resolve() in (path.resolve() for path in corpus.files):
        raise ValueError(f"{output_path}: the output is one of the files to read")
    doc_bin = DocBin(store_user_data=False)
    counts = Counter(dict.fromkeys(corpus.contents.labels, 0))
    for doc in corpus.read_references(spacy.blank(lang)):
        doc_bin.add(doc)
        counts.update(label for label, value in doc.cats.items() if value)
    write_atomically(output_path, doc_bin.to_bytes())
    return len(doc_bin), dict(counts)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that at no moment is there in part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
