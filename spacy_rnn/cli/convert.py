from collections import Counter
from pathlib import Path
from typing import Annotated

import spacy
import typer
from tqdm import tqdm
from wasabi import msg

from spacy_rnn.cli.debugging.topics import count
from spacy_rnn.cli.messages import one_message, print_lines
from spacy_rnn.cli.options import RowErrorsOption, SchemeOption, SentencesOption
from spacy_rnn.cli.output import check_output, count_labels, write_docs
from spacy_rnn.cli.readers import open_corpus, spell
from spacy_rnn.cli.tables import print_rows
from spacy_rnn.corpora.files.lines import MAX_SIZE

SHOWN = 20  # records that are left out, of a kind


def convert_cli(
    input_path: Annotated[
        Path,
        typer.Argument(
            help="File of labelled texts, annotated tokens, articles or pairs, or a "
            "folder of them"
        ),
    ],
    output_path: Annotated[
        Path,
        typer.Argument(help="The .spacy file to write, or the folder for shards"),
    ],
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the tokenizer")
    ] = "en",
    limit: Annotated[
        int, typer.Option(min=0, help="Number of documents to write, 0 for all")
    ] = 0,
    shard_size: Annotated[
        int,
        typer.Option(min=0, help="Documents in each file of a folder, 0 for one file"),
    ] = 0,
    errors: Annotated[
        RowErrorsOption,
        typer.Option(
            help="What to do with text that is no valid Unicode; skip leaves out any "
            "record that is not as it should be"
        ),
    ] = RowErrorsOption.STRICT,
    max_size: Annotated[
        int,
        typer.Option(
            min=0,
            help="Characters in a line, and bytes in a file of an archive, at most; 0 "
            "for any number",
        ),
    ] = MAX_SIZE,
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
    label_separator: Annotated[
        str | None,
        typer.Option(
            help="What is between several labels in a string",
            show_default="| in a table's column labels",
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
    summary_column: Annotated[
        str | None,
        typer.Option(
            help="Key or column that holds the summary, or the list of its sentences",
            show_default="refs, summary or highlights",
        ),
    ] = None,
    references_column: Annotated[
        str | None,
        typer.Option(help="Key or column that holds a list of several summaries"),
    ] = None,
    summary_path: Annotated[
        Path | None,
        typer.Option(
            help="Folder or archive of .txt files with summaries of the same names as "
            "the articles in input_path"
        ),
    ] = None,
    sentences: Annotated[
        SentencesOption | None,
        typer.Option(
            help="What splits articles into sentences, given: nothing",
            show_default="punkt",
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="Name of the language whose NLTK data Punkt and the cleaning use",
            show_default="what is built in, for English",
        ),
    ] = None,
    clean: Annotated[
        str | None,
        typer.Option(
            help="Steps of the cleaning, with a comma between them, such as "
            "strip_markup,normalize_spaces",
            show_default="none",
        ),
    ] = None,
    max_sentences: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Sentences to choose at most by a summary, 0 for any number",
            show_default="0",
        ),
    ] = None,
    keep_summary: Annotated[
        bool | None,
        typer.Option(
            "--keep-summary",
            help="Also write the summaries, as doc._.summary",
            show_default="only the chosen sentences",
        ),
    ] = None,
    source_column: Annotated[
        str | None,
        typer.Option(
            help="Key or column that holds the source of a pair",
            show_default="source, text, document or article",
        ),
    ] = None,
    target_column: Annotated[
        str | None,
        typer.Option(
            help="Key or column that holds the target, or several with a comma between "
            "them",
            show_default="refs, target, translation, summary or highlights",
        ),
    ] = None,
    target_path: Annotated[
        list[str] | None,
        typer.Option(
            help="Text file whose lines are the targets of those in input_path; once "
            "for each such file"
        ),
    ] = None,
    max_target_length: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Words of a target from which on its pair is left out, 0 for any "
            "number",
            show_default="0",
        ),
    ] = None,
    extension: Annotated[
        str | None,
        typer.Option(
            help="The extension of documents that has the targets",
            show_default="translation",
        ),
    ] = None,
) -> None:
    """Convert labelled texts, annotated tokens, summaries or pairs to .spacy files.

    The commands evaluate, find-threshold and benchmark speed read nothing else.

    Labelled texts: .jsonl, .csv or .tsv, with .gz after it or not. For evaluate to
    count a label that this file happens to lack, name all with --labels.

    Annotated tokens: .jsonl, .conll, .iob, .tsv or .txt, with .gz after it or not. Name
    what to read with --tag-column, --pos-column, --entity-column or --span-column.

    Articles with summaries: .story files or archives of them, or with --summary-column
    .jsonl, .csv or .tsv, or with --summary-path folders of .txt files.

    Texts with translations: with --target-column .jsonl, .csv or .tsv, or with
    --target-path text files whose lines belong together. They are in doc._.translation.
    """
    settings = {
        "text_column": text_column,
        "label_column": label_column,
        "label_separator": label_separator,
        "labels": _split(labels),
        "tag_column": tag_column,
        "pos_column": pos_column,
        "entity_column": entity_column,
        "span_column": span_column,
        "spans_key": spans_key,
        "token_column": token_column,
        "columns": _split(columns),
        "scheme": scheme.value if scheme else None,
        "sentences_per_doc": sentences_per_doc,
        "summary_column": summary_column,
        "references_column": references_column,
        "summary_path": summary_path,
        "sentences": sentences.value if sentences else None,
        "language": language,
        "clean": _split(clean),
        "max_sentences": max_sentences,
        "keep_summary": keep_summary,
        "source_column": source_column,
        "target_column": _split(target_column),
        "target_path": target_path or None,
        "max_target_length": max_target_length,
        "extension": extension,
    }
    options = {"limit": limit, "errors": errors.value, "keep": False}
    options["max_size"] = max_size
    with one_message("Can't convert the corpus", spell=spell):
        corpus = open_corpus(input_path, options, settings)
        check_output(output_path, shard_size, corpus)
        total = corpus.contents.n_docs
        if total is not None and limit:
            total = min(total, limit)
        references = corpus.read_references(spacy.blank(lang))
        counts: Counter[tuple[str, str]] = Counter()
        with tqdm(references, total=total, unit="doc", disable=None) as progress:
            n_docs = write_docs(
                count_labels(progress, counts, corpus.extension),
                output_path,
                shard_size=shard_size,
                store_user_data=corpus.extension is not None,
            )
    msg.good(f"Wrote {count(n_docs, 'document')} to {output_path}")
    if counts:
        rows = [(*names, n) for names, n in counts.items()]
        rows.sort(key=lambda row: (row[0], -row[2]))
        header = ("Annotation", "Label", "Count")
        print_rows(rows, header=header, aligns=("l", "l", "r"))
    for kind, places in corpus.contents.report.places.items():
        lines = list(dict.fromkeys(map(spell, places)))
        more = [f"and {len(lines) - SHOWN} more"] * (len(lines) > SHOWN)
        msg.warn(f"{kind} left out: {len(places)}")
        print_lines(lines[:SHOWN] + more)
    for remark in corpus.contents.report.remarks:
        msg.warn(spell(remark))


def _split(names: str | None) -> list[str] | None:
    return names.split(",") if names else None
