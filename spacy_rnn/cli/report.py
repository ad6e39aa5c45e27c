import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.cli._util import import_code, setup_gpu
from thinc.api import fix_random_seed
from wasabi import msg

from spacy_rnn.atomic import write_atomically
from spacy_rnn.cli.evaluate import read_examples
from spacy_rnn.cli.files import check_file
from spacy_rnn.cli.json_text import to_json
from spacy_rnn.cli.messages import as_overrides, one_message, parse_overrides
from spacy_rnn.cli.options import (
    CodeOption,
    DataArgument,
    GpuOption,
    JsonOption,
    ModelArgument,
)


def report_cli(
    ctx: typer.Context,
    model: ModelArgument,
    data_path: DataArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="HTML file to write", metavar="HTML"),
    ] = None,
    component: Annotated[
        str | None,
        typer.Option(
            "--component",
            "-C",
            help="The only component to report on",
            show_default="all that the data has annotation for",
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            "-l",
            help="A label whose mistakes to show; can be repeated",
            show_default="all",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            help="What the training printed, or the JSONL file of its console logger",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    licences: Annotated[
        list[str] | None,
        typer.Option(
            "--licence", help="Licence of the data; can be repeated", metavar="TEXT"
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace the output if it is there")
    ] = False,
    as_json: JsonOption = False,
    code_path: CodeOption = None,
    use_gpu: GpuOption = -1,
) -> None:
    """Make a page that shows how good a pipeline is, and where it is wrong.

    It has the scores with their intervals, each label by itself, what is taken for
    what, whether probabilities are what they say, the worst mistakes with what each
    token contributed to them, and what the pipeline is made of.

    python -m spacy rnn report training/sentiment/model-best corpus/sentiment/dev.jsonl
    --output report.html

    Settings of the corpus can be changed as for the command evaluate:
    --corpora.dev.text_column body.
    """
    from spacy_rnn.cli.reporting.collect import collect
    from spacy_rnn.cli.reporting.log import read_log

    overrides = parse_overrides(ctx, env_var=None)
    with one_message("Can't make a report", spell=as_overrides):
        if output is not None:
            check_file(output, ".html", inputs=[data_path], force=force)
        elif not as_json:
            raise ValueError("Name the page to write, --output, or print --json")
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            import_code(code_path)
            setup_gpu(use_gpu, silent=as_json)
            fix_random_seed()
            nlp = spacy.load(model)
            training = None if log is None else read_log(log, nlp.pipe_names)
            if component is not None and component not in nlp.pipe_names:
                raise ValueError(
                    f"The pipeline has no component '{component}'. It has "
                    f"{nlp.pipe_names}"
                )
            report = collect(
                nlp,
                read_examples(nlp, data_path, overrides),
                model=model,
                data=str(data_path),
                component=component,
                labels=labels,
                licences=licences or [],
            )
            report.training = training
        if output is not None:
            from spacy_rnn.cli.reporting.page import draw_report

            write_atomically(output, draw_report(report).encode())
        if as_json:
            typer.echo(to_json(asdict(report)))
            return
    msg.good(f"Wrote {output}")
