"""spaCy's training loop, with checkpoints from which it can go on."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any

from spacy.language import Language
from spacy.training.loop import update_meta
from wasabi import Printer

from spacy_rnn.training.checkpoint import Checkpoint
from spacy_rnn.training.output import Output
from spacy_rnn.training.ranks import TIMEOUT, Ranks, join_ranks
from spacy_rnn.training.run import ALONE, Run
from spacy_rnn.training.settings import check_settings


def train(
    nlp: Language,
    output_path: Path,
    *,
    resume: bool = False,
    checkpoint_frequency: int = 0,
    use_gpu: int = -1,
    rank_timeout: float = TIMEOUT,
    stdout: IO[str] = sys.stdout,
    stderr: IO[str] = sys.stderr,
) -> bool:
    """Train a pipeline as `spacy train` does, with checkpoints.

    At each evaluation the pipeline is written, as `spacy train` writes it, and a
    checkpoint. A run that goes on from one gets the weights that it would have had
    without the interruption: to the bit on a CPU, elsewhere as far as the device
    repeats itself. SIGINT and SIGTERM let the step end and write a checkpoint; a second
    signal stops at once.

    Args:
        nlp: An initialized pipeline with its full config.
        output_path: Folder for `model-best`, `model-last` and `checkpoint`.
        resume: Whether to go on from the checkpoint there. Without one, start.
        checkpoint_frequency: Steps from one checkpoint to the next, besides those at
            evaluations; 0 for none besides.
        use_gpu: Number of the GPU, -1 for the CPU.
        rank_timeout: Where torchrun started several processes, seconds to wait for one
            before it counts as lost.
        stdout: Where the table is printed.
        stderr: Where a progress bar is printed.

    Returns:
        Whether training came to its end, False if a signal ended it.

    Raises:
        ValueError: If a setting of `[training]` can't be meant, the output folder holds
            what another run made or makes, or is in one that is read, the checkpoint is
            damaged or another run's, no step can be made, or a loss or a weight is not
            a finite number. An error in a step has a note that says which step and
            batch.
    """
    config = nlp.config.interpolate()
    check_settings(config)
    output = Output(output_path)
    with (
        join_ranks(on_gpu=use_gpu >= 0, timeout=rank_timeout) as ranks,
        open_output(output, config, ranks, resume=resume),
    ):
        return train_into(
            output,
            nlp,
            ranks=ranks,
            checkpoint_frequency=checkpoint_frequency,
            use_gpu=use_gpu,
            stdout=stdout,
            stderr=stderr,
        )


@contextmanager
def open_output(
    output: Output, config: dict[str, Any], ranks: Ranks, *, resume: bool
) -> Iterator[None]:
    """Open the output folder on the first rank, the only one that needs it."""
    opened = output.open(config, resume=resume) if ranks.is_first else nullcontext()
    with opened:
        ranks.gather(None)  # if it can't be opened, no rank goes on
        yield


def train_into(
    output: Output,
    nlp: Language,
    *,
    ranks: Ranks = ALONE,
    checkpoint_frequency: int = 0,
    use_gpu: int = -1,
    stdout: IO[str] = sys.stdout,
    stderr: IO[str] = sys.stderr,
) -> bool:
    """Train as `train` does, into a folder that was opened before."""
    run = Run(nlp, use_gpu=use_gpu, ranks=ranks)
    content = None
    if ranks.is_first and output.checkpoint.exists():
        content = output.checkpoint.read_bytes()
    if (content := ranks.hand_on(content)) is not None:
        run.go_on_from(Checkpoint.load(output.checkpoint, run.identity, content))
    together = run.together
    with (
        together.exchanging(run.learned),
        logging(run, stdout, stderr) as log_step,
        together.interrupts,
    ):
        for info, is_best in run.steps():
            evaluated = is_best is not None
            if evaluated and ranks.is_first:
                write_model(run, output, info, is_best=bool(is_best))
            log_step(info if evaluated else None)
            must_stop = together.must_stop
            done = info["step"] + 1
            due = checkpoint_frequency and done % checkpoint_frequency == 0
            if evaluated or due or must_stop:
                losses = {} if evaluated else info["losses"]
                checkpoint = run.checkpoint(next_step=done, losses=losses)
                if ranks.is_first:
                    checkpoint.save(output.checkpoint)
            if must_stop:
                return False
    if ranks.is_first:
        run.save_model(output, is_best=False)
        conclude(run, output, stdout)
    return True


@contextmanager
def logging(run: Run, stdout: IO[str], stderr: IO[str]) -> Iterator[Callable]:
    """Give a function to log a step with, which only does so on the first rank."""
    if not run.ranks.is_first:
        yield lambda info: None
        return
    announce(run, stdout)
    with run.nlp.select_pipes(disable=run.frozen):
        log_step, finish = run.settings["logger"](run.nlp, stdout, stderr)
    try:
        yield log_step
    finally:
        finish()


def write_model(
    run: Run, output: Output, info: dict[str, Any], *, is_best: bool
) -> None:
    """Write the models of an evaluation, and in spaCy's information where they are."""
    with run.nlp.select_pipes(disable=run.frozen):
        update_meta(run.settings, run.nlp, info)
    run.save_model(output, is_best=is_best)
    info["output_path"] = str(output.last)


def announce(run: Run, stdout: IO[str]) -> None:
    """Print what `spacy train` prints before its table, and where a run goes on."""
    msg = Printer(no_print=True)
    lines = [f"Pipeline: {run.nlp.pipe_names}"]
    if run.frozen:
        lines.append(f"Frozen components: {run.frozen}")
    if run.settings["annotating_components"]:
        lines.append(
            f"Set annotations on update for: {run.settings['annotating_components']}"
        )
    lines.append(f"Initial learn rate: {run.optimizer.learn_rate}")
    if run.start:
        lines.append(f"Going on from the checkpoint before step {run.start}")
    stdout.writelines(f"{msg.info(line)}\n" for line in lines)


def conclude(run: Run, output: Output, stdout: IO[str]) -> None:
    """Print what `spacy train` prints after its table, and which model is the best."""
    msg = Printer(no_print=True)
    best = max(run.scores)
    step = run.scores.index(best) * run.settings["eval_frequency"]
    lines = {
        "Saved pipeline to output directory": output.last,
        f"The best score, {best:.2f}, is that of step {step}": output.best,
    }
    stdout.writelines(f"{msg.good(line, str(path))}\n" for line, path in lines.items())
