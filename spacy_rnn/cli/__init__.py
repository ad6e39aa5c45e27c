"""The `python -m spacy rnn` commands.

Every `python -m spacy` command loads this module, so it imports only what is small or
spaCy's command line has loaded already; the commands import the rest when they run.
"""

import typer
from spacy.cli import app as spacy_app

from spacy_rnn.cli.apply import apply_cli
from spacy_rnn.cli.calibrate import calibrate_cli
from spacy_rnn.cli.compare import compare_cli
from spacy_rnn.cli.convert import convert_cli
from spacy_rnn.cli.debug_data import debug_data_cli
from spacy_rnn.cli.evaluate import evaluate_cli
from spacy_rnn.cli.explain import explain_cli
from spacy_rnn.cli.gradients import plot_gradients_cli
from spacy_rnn.cli.init_config import init_config_cli
from spacy_rnn.cli.punkt import punkt_cli
from spacy_rnn.cli.report import report_cli
from spacy_rnn.cli.train import train_cli
from spacy_rnn.cli.tune_thresholds import tune_thresholds_cli

app = typer.Typer(
    name="rnn", help="Commands of spacy-rnn", no_args_is_help=True, add_completion=False
)
with_overrides = {"allow_extra_args": True, "ignore_unknown_options": True}
app.command("apply")(apply_cli)
app.command("calibrate", context_settings=with_overrides)(calibrate_cli)
app.command("compare", context_settings=with_overrides)(compare_cli)
app.command("convert")(convert_cli)
app.command("debug-data", context_settings=with_overrides)(debug_data_cli)
app.command("evaluate", context_settings=with_overrides)(evaluate_cli)
app.command("explain")(explain_cli)
app.command("init-config")(init_config_cli)
app.command("plot-gradients")(plot_gradients_cli)
app.command("punkt")(punkt_cli)
app.command("report", context_settings=with_overrides)(report_cli)
app.command("train", context_settings=with_overrides)(train_cli)
app.command("tune-thresholds", context_settings=with_overrides)(tune_thresholds_cli)

# spaCy only loads the entry points of its command line; adding commands is up to them.
spacy_app.add_typer(app)
