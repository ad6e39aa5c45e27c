from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from spacy_rnn.atomic import write_atomically
from spacy_rnn.cli.debugging.topics import count
from spacy_rnn.cli.files import check_file
from spacy_rnn.cli.messages import one_message


def plot_gradients_cli(
    log_path: Annotated[
        Path, typer.Argument(help="The JSONL file of spacy-rnn.GradientLogger.v1")
    ],
    output_path: Annotated[
        Path, typer.Argument(help="The .png, .svg or .html file to write")
    ],
) -> None:
    """Plot the gradients and gates that were written down in training.

    python -m spacy rnn plot-gradients training/gradients.jsonl training/gradients.html

    A .png needs matplotlib. From a clone of the repository: pip install '.[plots]'
    """
    from spacy_rnn.visual.gradients import FORMATS, plot_gradients, read_log

    with one_message("Can't plot gradients"):
        check_file(output_path, *FORMATS)
        lines = read_log(log_path)
        write_atomically(output_path, plot_gradients(lines, output_path.suffix))
    msg.good(f"Plotted {count(len(lines), 'step')} and wrote {output_path}")
