import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from spacy import util
from spacy.cli._util import import_code, setup_gpu, show_validation_error
from spacy.language import Language
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import resolve_dot_names
from wasabi import Printer, msg

from spacy_rnn.cli.messages import one_message, parse_overrides
from spacy_rnn.cli.options import CodeOption, GpuOption
from spacy_rnn.pipeline.labels import UNKNOWN, unknown_labels
from spacy_rnn.training.settings import check_settings


def train_cli(
    ctx: typer.Context,
    config_path: Annotated[
        Path, typer.Argument(help="Path to config file", exists=True, allow_dash=True)
    ],
    output_path: Annotated[
        Path,
        typer.Option(
            "--output",
            "--output-path",
            "-o",
            help="Folder for model-best, model-last and the checkpoint",
        ),
    ],
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the checkpoint in the output folder"),
    ] = False,
    checkpoint_frequency: Annotated[
        int,
        typer.Option(
            min=0,
            help="Steps between checkpoints besides those at evaluations, 0 for none",
        ),
    ] = 0,
    code_path: CodeOption = None,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-V", "-VV", help="Show more, tracebacks among it"),
    ] = False,
    use_gpu: GpuOption = -1,
    rank_timeout: Annotated[
        float,
        typer.Option(
            min=1.0,
            help="With torchrun, seconds to wait for a process until it counts as lost",
        ),
    ] = 1800.0,
) -> None:
    """Train a pipeline as `spacy train` does, interruptible at any moment.

    Takes the config and overrides that `spacy train` takes, prints the same table and
    writes the same models. Beside them it writes a checkpoint at each evaluation; with
    --resume a run that was stopped or killed goes on from there and ends with the very
    weights that it would have had. Ctrl-C lets the current step end. An output folder
    that holds a run already is never overwritten.
    """
    from spacy_rnn.training.loop import open_output, train_into
    from spacy_rnn.training.output import Output
    from spacy_rnn.training.ranks import join_ranks, local_gpu

    if verbose:
        util.logger.setLevel(logging.DEBUG)
    overrides = parse_overrides(ctx)
    with (
        one_message("Can't train the pipeline", verbose=verbose),
        show_validation_error(config_path, hint_fill=False),
        join_ranks(on_gpu=use_gpu >= 0, timeout=rank_timeout) as ranks,
    ):
        say = Printer(no_print=not ranks.is_first)
        use_gpu = local_gpu(use_gpu)
        setup_gpu(use_gpu, silent=not ranks.is_first)
        import_code(code_path)
        config = util.load_config(config_path, overrides=overrides, interpolate=False)
        interpolated = config.interpolate()
        check_settings(interpolated)
        output = Output(output_path)
        with open_output(output, interpolated, ranks, resume=resume):
            say.info(f"Saving to output directory: {output_path}")
            say.divider("Initializing pipeline")
            try:
                nlp = init_nlp(config, use_gpu=use_gpu)
            except AssertionError as error:  # spaCy's, of a corpus without a document
                raise ValueError(str(error)) from error
            say.good("Initialized pipeline")
            examples = read_dev(nlp)
            if ranks.is_first:
                warn_of_unknown(nlp, examples)
            say.divider("Training pipeline")
            finished = train_into(
                output,
                nlp,
                ranks=ranks,
                checkpoint_frequency=checkpoint_frequency,
                use_gpu=use_gpu,
                stdout=sys.stdout,
                stderr=sys.stderr,
            )
    if not finished:
        say.warn("Interrupted. To go on, give the same command with --resume")
        raise typer.Exit(130)


def read_dev(nlp: Language) -> Iterator[Example]:
    """Read the dev data.

    Raises:
        ValueError: If there is none, so that no model could be the best.
    """
    config = nlp.config.interpolate()
    name = config["training"]["dev_corpus"]
    (corpus,) = resolve_dot_names(config, [name])
    examples = iter(corpus(nlp))
    first = next(examples, None)
    if first is None:
        raise ValueError(f"[{name}] has no document, so no score can choose a model")
    return chain([first], examples)


def warn_of_unknown(nlp: Language, examples: Iterable[Example]) -> None:
    """Name gold labels of the dev data that can't be predicted, before the first step.

    At each evaluation the components would name them again.
    """
    for text in unknown_labels(nlp, examples).values():
        msg.warn("Labels of the dev data", text)
    warnings.filterwarnings("ignore", UNKNOWN)
