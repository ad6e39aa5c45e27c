from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_rnn.cli.output import write_atomically


def plot_gradients_cli(
    log_path: Annotated[
        Path, typer.Argument(help="The JSONL file of spacy-rnn.GradientLogger.v1")
    ],
    output_path: Annotated[
        Path, typer.Argument(help="The .png, .svg or .html file to write")
    ],
) -> None:
    """Plot the gradients and gates that were written down in training.

    Needs matplotlib. From a clone of the repository: pip install '.[plots]'
    """
    from spacy_rnn.visual.gradients import FORMATS, plot_gradients, read_log

    try:
        if output_path.suffix not in FORMATS:
            endings = ", ".join(FORMATS)
            raise ValueError(f"{output_path}: the output must end in one of {endings}")
        lines = read_log(log_path)
        write_atomically(output_path, plot_gradients(lines, output_path.suffix))
    except (ValueError, OSError, ImportError) as error:
        msg.fail("Can't plot gradients", str(error), exits=1)
    msg.good(f"Plotted {len(lines)} steps and wrote {output_path}")
