from pathlib import Path
from typing import Annotated, Any

import typer
from spacy.cli._util import import_code, show_validation_error
from wasabi import MESSAGES, Printer

from spacy_rnn.cli.debugging.topics import Topic, count
from spacy_rnn.cli.json_text import to_json
from spacy_rnn.cli.messages import one_message, parse_overrides
from spacy_rnn.cli.options import CodeOption, JsonOption
from spacy_rnn.cli.tables import print_table


def debug_data_cli(
    ctx: typer.Context,
    config_path: Annotated[
        Path, typer.Argument(help="Path to config file", exists=True, allow_dash=True)
    ],
    code_path: CodeOption = None,
    limit: Annotated[
        int,
        typer.Option(min=0, help="Documents to read of each corpus, 0: all"),
    ] = 0,
    ignore_warnings: Annotated[
        bool,
        typer.Option(
            "--ignore-warnings", "-IW", help="Show no warnings, only counts and errors"
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for mistakes in the data of a config before training on them.

    Reads the corpora of the config, and says what is odd about their texts, and about
    the annotation that each of its components learns. Ends with status 1 if training
    would be meaningless.

    python -m spacy rnn debug-data configs/sentiment.cfg

    python -m spacy rnn debug-data ner.cfg --paths.train train.iob --paths.dev dev.iob
    """
    from spacy_rnn.cli.debugging.look import look_at

    overrides = parse_overrides(ctx)
    with (
        one_message("Can't look at the data"),
        show_validation_error(config_path, hint_fill=False),
    ):
        import_code(code_path)
        topics = look_at(config_path, overrides=overrides, limit=limit)
    if as_json:
        print_json(topics)
    else:
        print_topics(topics, ignore_warnings=ignore_warnings)
    if any(topic.count("fail") for topic in topics):
        raise typer.Exit(1)


def print_topics(topics: list[Topic], *, ignore_warnings: bool) -> None:
    """Print what was found, as spaCy's debug data does."""
    msg = Printer(ignore_warnings=ignore_warnings)
    for topic in topics:
        msg.divider(topic.title)
        for table in topic.tables:
            print_table(table, msg)
        for level, text in topic.remarks:
            getattr(msg, level)(text)
    msg.divider("Summary")
    good, warn, fail = (
        msg.counts[each] for each in (MESSAGES.GOOD, MESSAGES.WARN, MESSAGES.FAIL)
    )
    if good:
        msg.good(f"{count(good, 'check')} passed")
    if warn:
        msg.warn(count(warn, "warning"))
    if fail:
        msg.fail(count(fail, "error"))


def print_json(topics: list[Topic]) -> None:
    """Print the same for programs."""
    found: dict[str, Any] = {
        "errors": sum(topic.count("fail") for topic in topics),
        "warnings": sum(topic.count("warn") for topic in topics),
        "topics": [
            {
                "title": topic.title,
                "facts": topic.facts,
                "remarks": [remark._asdict() for remark in topic.remarks],
            }
            for topic in topics
        ],
    }
    typer.echo(to_json(found))
