import os
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from wasabi import msg

from spacy_rnn.corpora.formats import DOCBIN_SUFFIX

if TYPE_CHECKING:  # the command line loads this module, whatever the command
    from spacy.tokens import Doc

    from spacy_rnn.corpora.readers import TextCorpus
    from spacy_rnn.corpora.token_corpus import TokenCorpus


class ErrorsOption(Enum):  # not a Literal, which typer reads since 0.19 only
    STRICT = "strict"
    REPLACE = "replace"


class SchemeOption(Enum):
    AUTO = "auto"
    IOB1 = "IOB1"
    BIO = "BIO"
    BILUO = "BILUO"
    IOBES = "IOBES"


def convert_cli(
    input_path: Annotated[
        Path,
        typer.Argument(
            help="File of labelled texts or annotated tokens, or folder of such files"
        ),
    ],
    output_path: Annotated[Path, typer.Argument(help="The .spacy file to write")],
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the tokenizer")
    ] = "en",
    limit: Annotated[
        int, typer.Option(min=0, help="Number of documents to write, 0 for all")
    ] = 0,
    errors: Annotated[
        ErrorsOption, typer.Option(help="What to do with text that is no valid Unicode")
    ] = ErrorsOption.STRICT,
    text_column: Annotated[
        str | None,
        typer.Option(help="Key or column that holds the text", show_default="text"),
    ] = None,
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
    tag_column: Annotated[
        str | None,
        typer.Option(help="Key or column that becomes token.tag"),
    ] = None,
    pos_column: Annotated[
        str | None,
        typer.Option(help="Key or column of Universal POS tags that becomes token.pos"),
    ] = None,
    entity_column: Annotated[
        str | None,
        typer.Option(help="Key or column of chunk tags that become doc.ents"),
    ] = None,
    span_column: Annotated[
        str | None,
        typer.Option(help="Key or column of chunk tags that become doc.spans"),
    ] = None,
    spans_key: Annotated[
        str | None,
        typer.Option(help="Key of doc.spans", show_default="sc"),
    ] = None,
    token_column: Annotated[
        str | None,
        typer.Option(help="Key or column that holds the tokens", show_default="tokens"),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Names of the columns of files that are no JSONL, from left to right, "
            "with a comma between them, such as tokens,pos,_,ner"
        ),
    ] = None,
    scheme: Annotated[
        SchemeOption | None,
        typer.Option(help="Scheme of the chunk tags", show_default="auto"),
    ] = None,
    sentences_per_doc: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Sentences in a document, 0 for whole documents",
            show_default="1",
        ),
    ] = None,
) -> None:
    """Convert labelled texts or annotated tokens to a .spacy file.

    The commands evaluate, find-threshold and benchmark speed read nothing else.

    Labelled texts: .jsonl, .jsonl.gz, .csv or .tsv. For evaluate to count a label that
    this file happens to lack, name all with --labels.

    Annotated tokens: .jsonl, .conll, .iob, .tsv or .txt, with .gz after it or not. Name
    what to read with --tag-column, --pos-column, --entity-column or --span-column.
    """
    of_texts = {
        "text_column": text_column,
        "label_column": label_column,
        "labels": labels.split(",") if labels else None,
    }
    of_tokens = {
        "tag_column": tag_column,
        "pos_column": pos_column,
        "entity_column": entity_column,
        "span_column": span_column,
        "spans_key": spans_key,
        "token_column": token_column,
        "columns": columns.split(",") if columns else None,
        "scheme": scheme.value if scheme else None,
        "sentences_per_doc": sentences_per_doc,
    }
    options = {"limit": limit, "errors": errors.value, "keep": False}
    try:
        corpus = open_corpus(input_path, options, of_texts, of_tokens)
        n_docs, counts = convert(corpus, output_path, lang=lang)
    except (ValueError, OSError, ImportError) as error:
        msg.fail("Can't convert the corpus", str(error), exits=1)
    msg.good(f"Wrote {n_docs} documents to {output_path}")
    if counts:
        rows = [(*names, n) for names, n in counts.items()]
        rows.sort(key=lambda row: (row[0], -row[2]))
        header = ("Annotation", "Label", "Count")
        msg.table(rows, header=header, aligns=("l", "l", "r"))


def open_corpus(
    path: Path,
    options: Mapping[str, Any],
    of_texts: Mapping[str, Any],
    of_tokens: Mapping[str, Any],
) -> "TextCorpus | TokenCorpus":
    """Make the reader that the options ask for.

    Args:
        path: A file or a folder.
        options: Arguments of both readers.
        of_texts: Those of the reader of texts, None where the user gives none.
        of_tokens: Those of the reader of tokens. It is taken if any of them is given.
    """
    from spacy_rnn.corpora.readers import TextCorpus
    from spacy_rnn.corpora.token_corpus import TokenCorpus

    for_texts = {key: value for key, value in of_texts.items() if value is not None}
    for_tokens = {key: value for key, value in of_tokens.items() if value is not None}
    if for_texts and for_tokens:
        raise ValueError(
            f"{_spell_option(for_texts)} is of labelled texts, but "
            f"{_spell_option(for_tokens)} of annotated tokens"
        )
    if for_tokens:
        return TokenCorpus(path, **options, **for_tokens)
    return TextCorpus(path, **options, **for_texts)


def convert(
    corpus: "TextCorpus | TokenCorpus", output_path: Path, *, lang: str
) -> tuple[int, dict[tuple[str, str], int]]:
    """Write a corpus as one .spacy file, or leave what is there as it was.

    Returns:
        The number of documents, and how often each annotation has each label.
    """
    import spacy
    from spacy.tokens import DocBin

    if output_path.suffix != DOCBIN_SUFFIX:
        raise ValueError(f"{output_path}: the output must end in {DOCBIN_SUFFIX}")
    if output_path.resolve() in (path.resolve() for path in corpus.files):
        raise ValueError(f"{output_path}: the output is one of the files to read")
    doc_bin = DocBin(store_user_data=False)
    counts: Counter[tuple[str, str]] = Counter()
    for doc in corpus.read_references(spacy.blank(lang)):
        doc_bin.add(doc)
        add_counts(counts, doc)
    write_atomically(output_path, doc_bin.to_bytes())
    return len(doc_bin), counts


def add_counts(counts: Counter[tuple[str, str]], doc: "Doc") -> None:
    """Count the labels of a document under the annotation that they are in."""
    from spacy.attrs import POS, TAG

    for label, value in doc.cats.items():
        counts["doc.cats", label] += value > 0
    for name, attr in (("token.tag", TAG), ("token.pos", POS)):
        for key, n in doc.count_by(attr).items():
            if key:  # 0: unknown
                counts[name, doc.vocab.strings[key]] += n
    counts.update(("doc.ents", span.label_) for span in doc.ents)
    for key, spans in doc.spans.items():
        counts.update((f"doc.spans[{key!r}]", span.label_) for span in spans)


def _spell_option(options: Iterable[str]) -> str:
    return "--" + next(iter(options)).replace("_", "-")


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
