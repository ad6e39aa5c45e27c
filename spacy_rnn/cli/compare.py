import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from spacy.cli._util import import_code, setup_gpu
from spacy.util import load_config
from thinc.api import Config
from wasabi import msg

from spacy_rnn.atomic import check_writable, write_atomically
from spacy_rnn.cli.json_text import to_json
from spacy_rnn.cli.messages import THE_USERS, one_message, parse_overrides
from spacy_rnn.cli.options import CodeOption, GpuOption, JsonOption
from spacy_rnn.cli.tables import print_rows

if TYPE_CHECKING:  # the command line loads this module, whatever the command
    from spacy_rnn.cli.comparison.runs import Plan, Result
    from spacy_rnn.cli.comparison.table import Row

TABLE, PLOT = "comparison.json", "comparison.svg"
INTERRUPTED = 130


def compare_cli(
    ctx: typer.Context,
    configs: Annotated[
        list[str], typer.Argument(help="Config files, of the same task")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Folder for the runs, the table and the plot"
        ),
    ],
    variants: Annotated[
        str,
        typer.Option(
            "--with",
            "-w",
            help="Variants of the first config, with a comma between them: the cells "
            "rnn_tanh, rnn_relu, lstm and gru; the poolings last, mean, max and "
            "attention; alone, without a bag of n-grams beside the network; cnn, that "
            "of spaCy; spacy, its components; bow, its bag of words; or several with a "
            "+ between them, such as gru+alone",
            show_default=False,
        ),
    ] = "",
    n_seeds: Annotated[
        int, typer.Option("--seeds", "-s", min=1, help="Runs of each config")
    ] = 3,
    train: Annotated[
        Path | None,
        typer.Option(help="Training data", exists=True, show_default="the configs'"),
    ] = None,
    dev: Annotated[
        Path | None,
        typer.Option(help="Development data", exists=True, show_default="the configs'"),
    ] = None,
    as_json: JsonOption = False,
    code_path: CodeOption = None,
    use_gpu: GpuOption = -1,
) -> None:
    """Train by several configs with several seeds, and compare what comes out.

    Shows the score on the dev data, the speed, the size and the time of training as a
    table and as charts. What differs may be the configs, or, by --with, the cell or the
    architecture of the first one. Settings that follow hold for all.

    python -m spacy rnn compare configs/sentiment.cfg --with rnn_tanh,lstm,gru,cnn,bow
    --seeds 3 --output training/cells --training.max_steps 500

    A run that has finished is not repeated: the same command goes on where it was
    interrupted, and with more configs or seeds it does those. A run that fails doesn't
    keep the others from it.
    """
    from spacy_rnn.cli.comparison.runs import check_plan, identify_run

    # What begins with a known option is parsed; all else is among the arguments.
    n_paths = next((i for i, x in enumerate(configs) if x.startswith("--")), None)
    ctx.args = [] if n_paths is None else configs[n_paths:]
    paths = [Path(each) for each in configs[:n_paths]]
    if not paths:
        raise typer.BadParameter("a config has to come before the settings of all")
    overrides: dict[str, Any] = parse_overrides(ctx)
    overrides |= {
        f"paths.{part}": str(path)
        for part, path in (("train", train), ("dev", dev))
        if path is not None
    }
    # Whatever else there is to say, standard output gets nothing but the JSON.
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        with one_message("Can't compare the configs"):
            import_code(code_path)
            setup_gpu(use_gpu, silent=as_json)
            check_writable(output / TABLE)
            plans = make_plans(paths, variants, range(n_seeds), overrides, output)
            identities = [identify_run(plan) for plan in plans]
            for plan, identity in zip(plans, identities, strict=True):
                check_plan(plan, identity)
        results, errors = run_all(plans, identities, use_gpu)
        with one_message("Can't compare the configs"):
            rows = make_rows(plans, results, errors)
            save(rows, output)
    if as_json:
        typer.echo((output / TABLE).read_text(encoding="utf8"))
    else:
        print_comparison(rows)
        msg.good(f"Saved the table and a plot to {output / TABLE} and {output / PLOT}")
    if errors:
        raise typer.Exit(1)


def make_plans(
    paths: Sequence[Path],
    variants: str,
    seeds: Sequence[int],
    overrides: dict[str, Any],
    output: Path,
) -> list["Plan"]:
    """List the runs to do, those of all configs with a seed before the next seed.

    Raises:
        ValueError: If two configs have the same name, or there is no such variant.
    """
    from spacy_rnn.cli.comparison.runs import Plan
    from spacy_rnn.cli.comparison.variants import make_variant

    configs: dict[str, Config] = {}
    names = [path.stem for path in paths]
    for path, name in zip(paths, names, strict=True):
        if not path.is_file():
            raise ValueError(f"{path}: there is no such config")
        if names.count(name) > 1:
            raise ValueError(f"{path}: two configs are called {name!r}. Rename one")
        configs[name] = load_config(path, overrides=overrides, interpolate=False)
    first = configs[names[0]]
    for variant in filter(None, variants.split(",")):
        if variant in configs:
            raise ValueError(f"There are two of {variant!r}")
        configs[variant] = make_variant(first, variant)
    plans = []
    for seed in seeds:
        for name, config in configs.items():
            config = config.copy()
            config["system"] = {**config.get("system", {}), "seed": seed}
            config["training"]["seed"] = seed
            plans.append(Plan(name, seed, config, output / name / f"seed-{seed}"))
    return plans


def run_all(
    plans: Sequence["Plan"], identities: Sequence[dict[str, Any]], use_gpu: int
) -> tuple[list["Result"], dict[str, str]]:
    """Do all runs that haven't finished.

    Returns:
        The results, and by the name of a config why a run of it has none.
    """
    from spacy_rnn.cli.comparison.runs import do_run, read_result

    results, errors = [], {}
    for i, (plan, identity) in enumerate(zip(plans, identities, strict=True), 1):
        title = f"{i} of {len(plans)}: {plan.name}, seed {plan.seed}"
        result = read_result(plan)
        if result is None:
            msg.info(f"{title} is training")
            try:
                result = do_run(plan, identity, use_gpu=use_gpu)
            except THE_USERS as error:
                errors[plan.name] = str(error)
                msg.fail(f"{title} has failed", str(error))
                continue
            if result is None:
                msg.warn("Interrupted. To go on, give the same command")
                raise typer.Exit(INTERRUPTED)
        msg.good(f"{title} has a score of {100 * result.score:.2f}")
        results.append(result)
    return results, errors


def make_rows(
    plans: Sequence["Plan"], results: Sequence["Result"], errors: dict[str, str]
) -> list["Row"]:
    """Make the rows of the table, and measure how fast the pipelines are."""
    from spacy_rnn.cli.comparison.runs import measure_speed
    from spacy_rnn.cli.comparison.table import make_row

    if not results:
        raise ValueError("No run has finished")
    finished = {(each.name, each.seed) for each in results}
    first = {
        plan.name: plan
        for plan in reversed(plans)
        if (plan.name, plan.seed) in finished
    }
    speeds = measure_speed(list(first.values()))
    return [
        make_row(
            name,
            [each for each in results if each.name == name],
            speeds.get(name),
            errors.get(name),
        )
        for name in dict.fromkeys(plan.name for plan in plans)
    ]


def save(rows: Sequence["Row"], output: Path) -> None:
    """Write the table and the plot."""
    from spacy_rnn.cli.comparison.table import draw

    data = {"rows": [row._asdict() for row in rows]}
    write_atomically(output / TABLE, to_json(data).encode())
    write_atomically(output / PLOT, draw(rows))


def print_comparison(rows: Sequence["Row"]) -> None:
    """Print the table."""

    def show(value: float | None, form: str = ",.0f", scale: float = 1) -> str:
        return "-" if value is None else format(scale * value, form)

    cells = [
        (
            row.name,
            show(row.score, ".2f", 100),
            show(row.deviation, ".2f", 100),
            show(row.speed),
            show(row.parameters),
            show(row.size, ",.1f", 1e-6),
            show(row.seconds),
            f"{len(row.seeds)}{' *' if row.error else ''}",
        )
        for row in rows
    ]
    print_rows(
        cells,
        title="Comparison",
        header=(
            "",
            "Score",
            "+/-",
            "Words/s",
            "Parameters",
            "MB",
            "Training (s)",
            "Seeds",
        ),
        aligns=("l", *"rrrrrrr"),
    )
    if any(row.error for row in rows):
        msg.warn("* Not all runs have finished")
