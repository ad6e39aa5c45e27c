import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import spacy
import typer
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from wasabi import msg

from spacy_rnn.cli.debugging.topics import count
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
from spacy_rnn.cli.progress import predict
from spacy_rnn.cli.tables import print_rows
from spacy_rnn.cli.tuning import Report, tune


class MetricOption(Enum):
    F1 = "f1"
    F05 = "f0.5"
    F2 = "f2"
    ACCURACY = "accuracy"
    BALANCED_ACCURACY = "balanced-accuracy"


def tune_thresholds_cli(
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
            help="The text classifier to tune",
            show_default="the only one",
        ),
    ] = None,
    metric: Annotated[
        MetricOption, typer.Option("--metric", "-m", help="What to raise")
    ] = MetricOption.F1,
    per_label: Annotated[
        bool,
        typer.Option(
            "--per-label/--one", help="A threshold for each label, or one for all"
        ),
    ] = True,
    min_positives: Annotated[
        int,
        typer.Option(
            min=1,
            help="Labels that fewer documents have get the one threshold that is the "
            "best for all",
        ),
    ] = 10,
    positive_label: Annotated[
        str | None,
        typer.Option(
            help="Of two labels of which one is right, the one with the threshold",
            show_default="as in training, or else the rarer one",
        ),
    ] = None,
    as_json: JsonOption = False,
    code_path: CodeOption = None,
    use_gpu: GpuOption = -1,
) -> None:
    """Find the probability from which on each label counts as predicted.

    The thresholds are the best for a metric on the data, and are saved with the
    pipeline: its scores, the command evaluate and the method predicted_labels go by
    them. Data that they were tuned on can't be what the pipeline is tested on.

    python -m spacy rnn tune-thresholds training/emotions/model-best
    corpus/emotions/dev.jsonl --output training/emotions/tuned

    Without --output or --in-place, nothing is saved. Settings of the corpus can be
    changed as for the command evaluate: --corpora.dev.text_column body.
    """
    overrides = parse_overrides(ctx, env_var=None)
    with one_message("Can't tune thresholds", spell=as_overrides):
        target = find_target(model, output, in_place=in_place)
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            import_code(code_path)
            setup_gpu(use_gpu, silent=as_json)
            nlp = spacy.load(model)
            pipe = find_component(nlp, component)
            examples = read_examples(nlp, data_path, overrides)
            if not any(example.reference.cats for example in examples):
                raise ValueError(f"{data_path}: no document has labels, in doc.cats")
            predict(nlp, examples)
            report = tune(
                pipe,
                examples,
                metric=metric.value,
                per_label=per_label,
                min_positives=min_positives,
                positive_label=positive_label,
            )
        # Whatever is wrong, before it is saved.
        described = to_json({**asdict(report), "saved": target and str(target)})
        if target is not None:
            save(nlp, target, in_place=in_place)
        if as_json:
            typer.echo(described)
            return
        print_report(report, data_path, min_positives, per_label=per_label)
    say_what_was_saved("the pipeline with its thresholds", target)


def find_component(nlp: Language, component: str | None) -> Any:
    """Return a text classifier of ours.

    Raises:
        ValueError: If there is none, or several, or it isn't one.
    """
    from spacy_rnn.pipeline.text_categorizer import RNNTextCategorizer

    pipeline: Any = nlp.pipeline
    names = [name for name, pipe in pipeline if isinstance(pipe, RNNTextCategorizer)]
    kinds = "rnn_textcat or rnn_textcat_multilabel"
    chosen = names[0] if component is None and len(names) == 1 else component
    if chosen is not None and chosen in names:
        return nlp.get_pipe(chosen)
    if component is not None:
        raise ValueError(
            f"'{component}' is no {kinds} of the pipeline. Its components are "
            f"{nlp.pipe_names}"
        )
    if names:
        raise ValueError(
            f"The pipeline has several: choose one of {names}, --component"
        )
    raise ValueError(
        f"The pipeline has no {kinds}, only {nlp.pipe_names}: there is no threshold to "
        f"tune"
    )


def print_report(
    report: Report, data_path: Path, min_positives: int, *, per_label: bool
) -> None:
    """Print what was tuned as a table, and what to think of it."""
    metric = report.metric.upper() if report.metric.startswith("f") else report.metric
    rows = [
        (
            row.label,
            "-"
            if row.threshold is None
            else f"{row.threshold:#.3g}" + " *" * (per_label and not row.is_own),
            f"{100 * row.before:.2f}",
            f"{100 * row.after:.2f}",
            row.support,
        )
        for row in report.labels
    ]
    before, after, expected = (
        f"{100 * value:.2f}" for value in (report.before, report.after, report.expected)
    )
    mean = None if report.threshold is None else ("mean", "", before, after, "")
    print_rows(
        rows,
        title=f"Thresholds of {report.component}",
        header=("", "Threshold", f"{metric} before", "after", "Support"),
        footer=mean,
        aligns=("l", "r", "r", "r", "r"),
    )
    rest = sum(not row.is_own for row in report.labels)
    if per_label and mean and rest:
        msg.info(
            f"* {count(rest, 'label')} that fewer than {min_positives} documents have "
            f"got the threshold that is the best for all: what is best for a few is "
            f"chance"
        )
    msg.info(
        f"On new data, expect a {'mean ' if mean else ''}{metric} of about {expected}: "
        f"that is what documents get by thresholds that were found without them"
    )
    if report.expected <= report.before:
        msg.warn(
            "That is no more than before. Keep what there was, unless that was tuned "
            "on the same data, or tune on more data"
        )
    msg.warn(
        f"{data_path} has been used up: a pipeline has to be tested on data that its "
        f"thresholds were not tuned on"
    )
