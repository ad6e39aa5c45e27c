import sys
from contextlib import redirect_stdout
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from wasabi import msg

from spacy_rnn.atomic import write_atomically
from spacy_rnn.checks import list_names
from spacy_rnn.cli.debugging.topics import count
from spacy_rnn.cli.files import check_file
from spacy_rnn.cli.messages import as_options, one_message
from spacy_rnn.cli.options import RowErrorsOption
from spacy_rnn.cli.tables import print_table

if TYPE_CHECKING:  # the command line loads this module, whatever the command
    from spacy_rnn.cli.starter.data import Findings

STDOUT = Path("-")
SCORE_WEIGHTS = "training.score_weights"


class OptimizeOption(Enum):
    ACCURACY = "accuracy"
    EFFICIENCY = "efficiency"


def init_config_cli(
    output_path: Annotated[
        Path,
        typer.Argument(
            help="The .cfg file to write, - for standard output", allow_dash=True
        ),
    ] = STDOUT,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            "-t",
            help="What to train: ner, spans, tagger, morphologizer, summarizer, "
            "abstractive-summarizer, translator, textcat or textcat-multilabel, or "
            "several with a comma between them, which share an encoder",
            show_default="what the data are fit for",
        ),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(help="Training data to look at, a file or a folder"),
    ] = None,
    dev: Annotated[
        Path | None,
        typer.Option(help="Development data, with the columns and labels of --train"),
    ] = None,
    lang: Annotated[
        str, typer.Option("--lang", "-l", help="Language of the pipeline")
    ] = "en",
    optimize: Annotated[
        OptimizeOption,
        typer.Option(
            "--optimize", "-o", help="Whether the network is larger, or faster"
        ),
    ] = OptimizeOption.ACCURACY,
    gpu: Annotated[
        bool, typer.Option("--gpu", "-G", help="Train on a GPU, in larger batches")
    ] = False,
    vectors: Annotated[
        str | None,
        typer.Option(help="Name or path of a pipeline whose word vectors to use"),
    ] = None,
    pretraining: Annotated[
        bool,
        typer.Option("--pretraining", "-pt", help="Add a block for spacy pretrain"),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace the output if it is there")
    ] = False,
    text_column: Annotated[
        str | None, typer.Option(help="Key or column that holds the text")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option(help="Key or column that holds the label or labels")
    ] = None,
    label_separator: Annotated[
        str | None, typer.Option(help="What is between several labels in a string")
    ] = None,
    summary_column: Annotated[
        str | None, typer.Option(help="Key or column that holds the summary")
    ] = None,
    source_column: Annotated[
        str | None, typer.Option(help="Key or column that holds the source of a pair")
    ] = None,
    target_column: Annotated[
        str | None,
        typer.Option(
            help="Key or column that holds the target, or several with a comma between "
            "them"
        ),
    ] = None,
    target_path: Annotated[
        list[str] | None,
        typer.Option(
            help="Text file whose lines are the targets of those in --train; once for "
            "each such file"
        ),
    ] = None,
    dev_target_path: Annotated[
        list[str] | None, typer.Option(help="The same for --dev")
    ] = None,
    token_column: Annotated[
        str | None, typer.Option(help="Key or column that holds the tokens")
    ] = None,
    tag_column: Annotated[
        str | None, typer.Option(help="Key or column of the tags for tagger")
    ] = None,
    pos_column: Annotated[
        str | None,
        typer.Option(help="Key or column of Universal POS tags for morphologizer"),
    ] = None,
    entity_column: Annotated[
        str | None, typer.Option(help="Key or column of the chunk tags for ner")
    ] = None,
    span_column: Annotated[
        str | None, typer.Option(help="Key or column of the chunk tags for spans")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="Names of the columns of a file without names, from left to right, "
            "with a comma between them, such as tokens,pos,_,ner"
        ),
    ] = None,
    errors: Annotated[
        RowErrorsOption,
        typer.Option(
            help="What the reader does with text that is no valid Unicode; skip leaves "
            "out any record that is not as it should be"
        ),
    ] = RowErrorsOption.STRICT,
) -> None:
    """Write a complete config for spacy rnn train, fit for your data.

    With --train, looks at the data: finds the task, the columns and the labels, names
    them in the config, and says what it found. Reads labelled texts in .jsonl, .csv and
    .tsv, annotated tokens in .jsonl, .conll, .iob, .tsv and .txt, articles with
    summaries, pairs of texts in .jsonl, .csv, .tsv or two files of lines, and .spacy
    files. Only the language is never guessed.

    For example:

    python -m spacy rnn init-config mine.cfg --train train.csv --dev dev.csv

    python -m spacy rnn init-config ner.cfg --task ner --lang de

    python -m spacy rnn init-config - --task tagger,ner --vectors en_core_web_md

    python -m spacy rnn init-config mt.cfg --train train.tsv --source-column en
    --target-column de
    """
    from spacy_rnn.cli.starter import configs
    from spacy_rnn.cli.starter.data import look_at

    named = {
        "text_column": text_column,
        "label_column": label_column,
        "label_separator": label_separator,
        "summary_column": summary_column,
        "source_column": source_column,
        "target_column": _split(target_column),
        "target_path": target_path or None,
        "token_column": token_column,
        "tag_column": tag_column,
        "pos_column": pos_column,
        "entity_column": entity_column,
        "span_column": span_column,
        "columns": columns.split(",") if columns else None,
        "errors": None if errors is RowErrorsOption.STRICT else errors.value,
    }
    given = {key: value for key, value in named.items() if value is not None}
    dev_given = {"target_path": dev_target_path} if dev_target_path else {}
    tasks = list(dict.fromkeys(map(str.strip, task.split(",")))) if task else None
    reader, settings = None, {}
    is_stdout = output_path == STDOUT
    # Whatever else there is to say, standard output gets nothing but the config.
    with (
        redirect_stdout(sys.stderr if is_stdout else sys.stdout),
        one_message("Can't write a config", spell=as_options),
    ):
        if not is_stdout:
            inputs = [path for path in (train, dev) if path is not None]
            inputs += map(Path, [*(target_path or []), *(dev_target_path or [])])
            check_file(output_path, inputs=inputs, force=force)
        if tasks is None and train is None:
            raise ValueError(
                f"name a task by --task, or data by --train; the tasks are "
                f"{', '.join(configs.TASKS)}"
            )
        if train is None and (dev is not None or given):
            raise ValueError("--dev and the names of columns need --train")
        targets = [target_path, dev_target_path]
        if any(targets) and not all([dev, *targets]):
            raise ValueError("--target-path, --dev and --dev-target-path go together")
        configs.check_tasks(tasks or (), vectors=vectors, pretraining=pretraining)
        if vectors is not None:
            configs.check_vectors(vectors)
        if train is not None:
            found = look_at(
                train, dev, tasks=tasks, lang=lang, given=given, dev_given=dev_given
            )
            print_findings(found, is_guess=tasks is None, lang=lang)
            tasks, reader = found.tasks, found.reader
            settings = {"paths.train": str(train), **found.settings}
            settings["paths.dev"] = None if dev is None else str(dev)
        if missing := configs.missing_packages(tasks or ()):
            msg.warn(
                f"Training needs {' and '.join(missing)}, which the extra 'seq2seq' "
                "brings: pip install 'spacy-rnn[seq2seq]'"
            )
        config = configs.make_config(
            tasks or (),
            lang=lang,
            optimize=optimize.value,
            gpu=gpu,
            vectors=vectors,
            pretraining=pretraining,
            reader=reader,
            settings=settings,
        )
        text = configs.format_config(config, tasks or (), output_path)
        if not is_stdout:
            write_atomically(output_path, text.encode("utf8"))
    if is_stdout:
        _print(text)
        return
    msg.good("Saved config", output_path)
    msg.text("You can now train your pipeline:")
    for command in configs.list_commands(config, output_path):
        typer.echo(command + " --gpu-id 0" * gpu)


def print_findings(found: "Findings", *, is_guess: bool, lang: str) -> None:
    """Say what was found in the data, and what was taken for granted."""
    from spacy_rnn.cli.debugging.labels import label_table

    msg.info("Looked at the data")
    for part in (found.train, found.dev):
        if part is not None:
            msg.text(f"- {part.path}: {count(part.n_docs, 'document')}")
            for remark in part.remarks:
                msg.warn(as_options(remark))
    msg.text(f"- Task: {', '.join(found.tasks)}{' (guessed)' * is_guess}")
    if found.others and is_guess:
        msg.text(f"- Also fit for: {', '.join(found.others)}")
    shown = {**found.reader, **found.settings}
    for place, value in shown.items():
        block, _, name = place.rpartition(".")
        if name == "labels" or name.startswith("@") or block == SCORE_WEIGHTS:
            continue
        value = ", ".join(map(str, value)) if isinstance(value, list) else value
        value = repr(value) if name == "label_separator" else value
        of = "dev " if block.startswith("corpora.dev") else ""
        msg.text(f"- {(of + name.replace('_', ' ')).capitalize()}: {value}")
    if f"{SCORE_WEIGHTS}.morph_acc" in shown:
        msg.text("- Features: none, so they have no weight in the score")
    msg.text(f"- Language: {lang} (not guessed; set it by --lang)")
    for task, labels in found.train.labels.items():
        dev_labels = None if found.dev is None else found.dev.labels[task]
        print_table(label_table(f"Labels of {task}", labels, dev_labels))
    for task, names in found.unknown.items():
        msg.warn(f"Labels of {task} that training data lack: {list_names(names)}")
    if found.dev is None:
        msg.warn("No development data: name it by --dev now, or by --paths.dev later")


def _split(names: str | None) -> str | list[str] | None:
    """Split names with commas between them; a single one stays what it is."""
    return names.split(",") if names and "," in names else names


def _print(text: str) -> None:
    """Write to standard output, or say why not."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        typer.echo(f"Can't write a config: {error}", err=True)
        raise
