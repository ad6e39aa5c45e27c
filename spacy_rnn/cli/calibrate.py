import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import spacy
import typer
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from wasabi import msg

from spacy_rnn.cli.evaluate import read_examples
from spacy_rnn.cli.json_text import to_json
from spacy_rnn.cli.messages import as_overrides, one_message, parse_overrides
from spacy_rnn.cli.options import (
    CodeOption,
    DevDataArgument,
    GpuOption,
    InPlaceOption,
    JsonOption,
    ModelArgument,
    NewPipelineOption,
)
from spacy_rnn.cli.pipelines import find_target, save, say_what_was_saved
from spacy_rnn.cli.tables import print_rows

if TYPE_CHECKING:  # the command line loads this module, whatever the command
    from spacy_rnn.cli.calibration.report import Report

KINDS = "rnn_textcat, rnn_textcat_multilabel, rnn_ner or rnn_summarizer"


def calibrate_cli(
    ctx: typer.Context,
    model: ModelArgument,
    data_path: DevDataArgument,
    output: NewPipelineOption = None,
    in_place: InPlaceOption = False,
    component: Annotated[
        str | None,
        typer.Option(
            "--component",
            "-C",
            help="The component to calibrate",
            show_default="all that have probabilities",
        ),
    ] = None,
    min_positives: Annotated[
        int,
        typer.Option(
            min=1,
            help="As many predictions that are right, and that are wrong, a label "
            "takes; those that have fewer are calibrated as all together are",
        ),
    ] = 10,
    as_json: JsonOption = False,
    code_path: CodeOption = None,
    use_gpu: GpuOption = -1,
) -> None:
    """Make probabilities say how often predictions are right, by a temperature.

    What is predicted stays the same, and so do the labels that documents have by their
    thresholds, which are changed along. The temperature is saved with the pipeline.
    Data that it was found on can't be what the pipeline is tested on.

    python -m spacy rnn calibrate training/emotions/model-best
    corpus/emotions/dev.jsonl --output training/emotions/calibrated

    Without --output or --in-place, nothing is saved. Settings of the corpus can be
    changed as for the command evaluate: --corpora.dev.text_column body.
    """
    from spacy_rnn.cli.calibration.report import calibrate

    overrides = parse_overrides(ctx, env_var=None)
    with one_message("Can't calibrate the pipeline", spell=as_overrides):
        target = find_target(model, output, in_place=in_place)
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            import_code(code_path)
            setup_gpu(use_gpu, silent=as_json)
            nlp = spacy.load(model)
            names = find_components(nlp, component)
            examples = read_examples(nlp, data_path, overrides)
            reports = list(calibrate(nlp, names, examples, min_positives))
        # Whatever is wrong, before it is saved.
        components = list(map(asdict, reports))
        described = to_json({"components": components, "saved": target and str(target)})
        if target is not None:
            save(nlp, target, in_place=in_place)
        if as_json:
            typer.echo(described)
            return
        for report in reports:
            print_report(report)
    msg.warn(
        f"{data_path} has been used up: a pipeline has to be tested on data that it "
        f"was not calibrated on"
    )
    say_what_was_saved("the calibrated pipeline", target)


def find_components(nlp: Language, component: str | None) -> list[str]:
    """Return the names of components that can be calibrated, in their order.

    Raises:
        ValueError: If there is none, or the one that was asked for isn't one.
    """
    pipeline: Any = nlp.pipeline
    # All that are calibrated have it, and only they.
    settings = {
        name: pipe.cfg
        for name, pipe in pipeline
        if "temperature" in getattr(pipe, "cfg", {})
    }
    if component is not None and component not in settings:
        raise ValueError(
            f"'{component}' is no {KINDS} of the pipeline. Its components are "
            f"{nlp.pipe_names}"
        )
    if not settings:
        raise ValueError(
            f"The pipeline has no {KINDS}, only {nlp.pipe_names}: there are no "
            f"probabilities to calibrate"
        )
    asked = list(settings) if component is None else [component]
    chosen = [n for n in asked if settings[n].get("spans_key", "") is not None]
    if not chosen:
        raise ValueError(
            f"'{asked[0]}' writes no confidences that could be calibrated: its "
            f"spans_key is null"
        )
    return chosen


def print_report(report: "Report") -> None:
    """Print what was calibrated as a table, and what to think of it."""
    before, after, expected = (
        {**asdict(each), "right": right}
        for each, right in (
            (report.before, report.accuracy[0]),
            (report.after, report.accuracy[1]),
            (report.expected, None),
        )
    )
    rows = [
        (title, *(show(each[key], scale) for each in (before, after, expected)))
        for key, title, scale in (
            ("ece", "Expected calibration error", 100),
            ("chance", "- by chance alone", 100),
            ("mce", "Maximum calibration error", 100),
            ("nll", "Negative log-likelihood", 1),
            ("brier", "Brier score", 1),
            ("right", "Accuracy", 100),
        )
    ]
    print_rows(
        rows,
        title=f"{report.component}: {report.n_predictions} {report.kind}",
        header=("", "Before", "After", "On new data"),
        aligns=("l", "r", "r", "r"),
    )
    if report.labels:
        print_labels(report)
    else:
        found = ", ".join(f"{key} {x:.3g}" for key, x in report.settings.items())
        msg.info(f"{report.component} gets: {found}")
    if report.expected.nll >= report.before.nll:
        msg.warn(
            "On new data, that is no better than before. Keep what there was, or "
            "calibrate on more data"
        )


def show(value: float | None, scale: int) -> str:
    return "-" if value is None else f"{scale * value:.{2 if scale > 1 else 4}f}"


def print_labels(report: "Report") -> None:
    """Print a row for each label of several that may be right."""
    print_rows(
        [
            (
                row.label,
                f"{row.temperature:.3f}",
                f"{row.bias:+.3f}",
                f"{100 * row.before:.2f}",
                f"{100 * row.after:.2f}",
                row.support,
            )
            for row in report.labels
        ],
        header=("", "Temperature", "Bias", "ECE before", "after", "Support"),
        aligns=("l", "r", "r", "r", "r", "r"),
    )
