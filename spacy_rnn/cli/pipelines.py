"""Pipelines that commands change, and where they are saved."""

import shutil
from pathlib import Path

from spacy.language import Language
from wasabi import msg

from spacy_rnn.atomic import check_writable, write_folder


def find_target(model: str, output: Path | None, *, in_place: bool) -> Path | None:
    """Return the folder to write; None for none.

    Raises:
        ValueError: If there is already something, or it isn't clear what to write.
        OSError: If it can't be written.
    """
    if output is not None and in_place:
        raise ValueError("Either --output or --in-place, not both")
    if in_place:
        if not Path(model).is_dir():
            raise ValueError(
                f"{model}: only a folder can be changed in place. Use --output"
            )
        check_writable(Path(model) / "meta.json")
        return Path(model)
    if output is None:
        return None
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(
            f"{output}: the output is there already. Name a new folder, or change a "
            f"pipeline by --in-place"
        )
    check_writable(output / "meta.json")
    return output


def save(nlp: Language, folder: Path, *, in_place: bool) -> None:
    """Write a pipeline, or leave what is there as it was.

    Args:
        nlp: The pipeline.
        folder: Where to.
        in_place: Whether to keep what else stands there, beside the pipeline.
    """

    def write(path: Path) -> None:
        if in_place:
            shutil.copytree(folder, path)
        nlp.to_disk(path)

    folder.parent.mkdir(parents=True, exist_ok=True)
    write_folder(folder, write)


def say_what_was_saved(what: str, target: Path | None) -> None:
    """Say where something was saved, or how it would have been."""
    if target is not None:
        msg.good(f"Saved {what} to {target}")
        return
    msg.info("Nothing was saved: --output saves a new pipeline, --in-place this one")
