import textwrap
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_rnn.atomic import write_atomically
from spacy_rnn.cli.debugging.topics import count
from spacy_rnn.cli.files import check_file
from spacy_rnn.cli.messages import one_message
from spacy_rnn.cli.options import RowErrorsOption
from spacy_rnn.cli.readers import spell
from spacy_rnn.cli.tables import print_rows
from spacy_rnn.corpora.files.lines import MAX_SIZE
from spacy_rnn.corpora.files.plain import SUFFIXES, read_texts
from spacy_rnn.corpora.files.rows import find_files
from spacy_rnn.corpora.references import Report, make_reading

BUILT_IN = "built-in"


def punkt_cli(
    input_path: Annotated[
        Path, typer.Argument(help="File of texts in one language, or folder of such")
    ],
    output_path: Annotated[Path, typer.Argument(help="The .json file to write")],
    text_column: Annotated[
        str, typer.Option(help="Key or column that holds the text")
    ] = "text",
    base: Annotated[
        str | None,
        typer.Option(
            help="What to add to what is learned: built-in, for English, or the name "
            "of a language in NLTK's data, such as english",
            show_default="nothing",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Number of texts to read, 0 for all")
    ] = 0,
    errors: Annotated[
        RowErrorsOption,
        typer.Option(
            help="What to do with text that is no valid Unicode; skip leaves out any "
            "text that is not as it should be"
        ),
    ] = RowErrorsOption.STRICT,
) -> None:
    """Learn from texts where sentences end, for nltk_sentencizer and NLTKTokenizer.

    Texts need no annotation: .jsonl, .jsonl.gz, .csv or .tsv, or .txt and .txt.gz, each
    of which is one text. A thousand articles are a good start.
    """
    with one_message("Can't learn where sentences end", spell=spell):
        from spacy_rnn.nltk_text import built_in_punkt, load_punkt, train_punkt

        report = Report()
        how = report.note(make_reading(errors.value, MAX_SIZE))
        files = find_files(input_path, SUFFIXES)
        check_file(output_path, ".json", inputs=files)
        texts = read_texts(files, how, text_column=text_column)
        chosen = list(islice(texts, limit or None))
        if not any(text.strip() for text in chosen):
            raise ValueError("There is no text to learn from")
        known = None
        if base is not None:  # before the work, as it may not be there
            known = built_in_punkt() if base == BUILT_IN else load_punkt(base)
        model = train_punkt(chosen)
        if known is not None:
            model = model.join(known)
        write_atomically(output_path, model.to_json())
    msg.good(f"Learned from {count(len(chosen), 'text')} and wrote {output_path}")
    kinds = {
        "abbreviations": sorted(model.abbreviations),
        "collocations": [" ".join(pair) for pair in sorted(model.collocations)],
        "sentence starters": sorted(model.sentence_starters),
        "words": sorted(model.orthography),
    }
    rows = [
        (kind, len(found), textwrap.shorten(", ".join(found[:20]), 50))
        for kind, found in kinds.items()
    ]
    for line in report.describe():
        msg.warn(line)
    print_rows(rows, header=("Found", "Count", "Such as"), aligns=("l", "r", "l"))
