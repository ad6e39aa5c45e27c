"""The `python -m spacy rnn` commands.

Every `python -m spacy` command loads this module, so it imports only what spaCy's
command line has loaded already; the commands import the rest when they run.
"""

import typer

app = typer.Typer(
    name="rnn", help="Commands of spacy-rnn", no_args_is_help=True, add_completion=False
)
