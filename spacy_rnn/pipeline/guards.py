"""What is looked at before weights are changed, and when they are loaded."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from spacy.pipeline import TrainablePipe
from thinc.api import Model, Optimizer
from thinc.model import serialize_attr
from thinc.types import FloatsXd
from thinc.util import to_numpy

from spacy_rnn.checks import list_names
from spacy_rnn.gradients import finish_update as clip_and_update
from spacy_rnn.gradients import layer_names
from spacy_rnn.pipeline.labels import score
from spacy_rnn.pipeline.learning import update
from spacy_rnn.pipeline.settings import configure, join_settings

SEAL = "seal"  # attribute of a saved model: digests of what may not change
# What the outputs of a model mean, as far as a component has it.
OUTPUTS = ("labels", "labels_morph", "labels_pos", "scheme")
UNSEALED = (SEAL, "torch_module")  # which checks itself, so that it can be extended
SHOWN = 5  # parameters that an error names

PipeT = TypeVar("PipeT", bound=type[TrainablePipe])


def guarded(pipe: PipeT) -> PipeT:
    """Let a component check gradients, settings, gold labels, and what it loads."""
    saving = (to_bytes, from_bytes, to_disk, from_disk)
    for method in (update, finish_update, score, configure, *saving):
        if method.__name__ not in vars(pipe):
            setattr(pipe, method.__name__, method)
    return pipe


def finish_update(self: TrainablePipe, sgd: Optimizer) -> None:
    """Update the weights, after clipping their gradients.

    Raises:
        NonFiniteGradientError: If a gradient is NaN or infinite.
    """
    max_norm = self.cfg["max_gradient_norm"]
    clip_and_update(self.name, self.model, sgd, max_norm=max_norm)


def to_bytes(self: TrainablePipe, *, exclude: Iterable[str] = ()) -> bytes:
    """Save the component to a string of bytes."""
    self.model.attrs[SEAL] = make_seal(self)
    return TrainablePipe.to_bytes(self, exclude=exclude)


def to_disk(
    self: TrainablePipe, path: str | Path, *, exclude: Iterable[str] = ()
) -> None:
    """Save the component to a folder."""
    self.model.attrs[SEAL] = make_seal(self)
    TrainablePipe.to_disk(self, path, exclude=exclude)


def from_bytes(
    self: TrainablePipe, bytes_data: bytes, *, exclude: Iterable[str] = ()
) -> Any:
    """Load the component from bytes.

    Raises:
        ValueError: As `from_disk`.
    """
    exclude = list(exclude)
    with naming_the_path(self.name, "bytes"), checking(self, exclude):
        return TrainablePipe.from_bytes(self, bytes_data, exclude=exclude)


def from_disk(
    self: TrainablePipe, path: str | Path, *, exclude: Iterable[str] = ()
) -> Any:
    """Load the component.

    Settings that it was made with, other than when it was saved, stay as they are.

    Raises:
        ValueError: If the weights are damaged, or those of another model, or what was
            saved beside them is missing, can't be, or doesn't belong to them.
    """
    exclude = list(exclude)
    with naming_the_path(self.name, path), checking(self, exclude):
        return TrainablePipe.from_disk(self, path, exclude=exclude)


@contextmanager
def naming_the_path(name: str, path: str | Path) -> Iterator[None]:
    """Turn what damaged or foreign weights raise into a ValueError that says where.

    Args:
        name: Name of the component.
        path: Its folder.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ValueError(
            f"Can't load the component '{name}' from {path}: {error}"
        ) from error


@contextmanager
def checking(pipe: TrainablePipe, exclude: list[str]) -> Iterator[None]:
    """Check what is loaded into a component meanwhile."""
    made, pipe.cfg = pipe.cfg, {}
    pipe.model.attrs.pop(SEAL, None)
    try:
        yield
        loaded = pipe.cfg
    finally:
        pipe.cfg = made
    if "cfg" not in exclude:
        if not loaded:
            raise ValueError("its settings and labels, the part 'cfg', are missing")
        # The pipeline has the vocabulary, so whoever loads one leaves that out.
        pipe.cfg = join_settings(pipe, loaded, warn="vocab" in exclude)
    if "model" not in exclude:
        check_weights(pipe.model)
        check_outputs(pipe)
        check_seal(pipe, has_cfg="cfg" not in exclude)


def named_params(model: Model) -> dict[str, FloatsXd]:
    """Return the parameters of all layers that have any, by layer and name."""
    names = layer_names(model)
    return {
        f"{names[layer.id]}: {name}": layer.get_param(name)
        for layer in model.walk()
        for name in layer.param_names
        if layer.has_param(name)
    }


def named_attrs(model: Model) -> Iterator[tuple[str, bytes]]:
    """Yield the attributes of all layers as they are saved, by layer and name."""
    names = layer_names(model)
    for layer in model.walk():
        for name, value in layer.attrs.items():
            if name not in UNSEALED:
                with suppress(TypeError):  # it isn't saved
                    saved = serialize_attr(value, value, name, layer)
                    yield f"{names[layer.id]}: {name}", saved


def check_weights(model: Model) -> None:
    """Raise a ValueError for weights that no training can have left behind."""
    for name, weights in named_params(model).items():
        array = to_numpy(weights)
        if array.dtype != np.float32:
            raise ValueError(
                f"the weights of {name} have to be of type float32, but they are of "
                f"type {array.dtype}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"the weights of {name} are NaN or infinite in part")


def check_outputs(pipe: TrainablePipe) -> None:
    """Raise a ValueError for a component with more labels than its model can have."""
    has_labels = not pipe.cfg.keys().isdisjoint(OUTPUTS)
    is_trained = pipe.model.has_dim("nO") and named_params(pipe.model)
    if not (has_labels and is_trained):
        return
    n_outputs = pipe.model.get_dim("nO")
    if not n_outputs >= len(pipe.labels) > 0:
        raise ValueError(
            f"the model has {n_outputs} outputs, which doesn't fit the labels "
            f"{list_names(pipe.labels)}"
        )


def check_seal(pipe: TrainablePipe, *, has_cfg: bool) -> None:
    """Raise a ValueError if what was saved together has changed since.

    Args:
        pipe: What was loaded. The first version saved no seal.
        has_cfg: Whether its labels were loaded with the weights.
    """
    saved = pipe.model.attrs.get(SEAL)
    if saved is None:
        return
    found = make_seal(pipe)
    changed = sorted(
        name
        for name, before in saved["parts"].items()
        if before != found["parts"].get(name)
    )
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise ValueError(
            f"these parts are damaged or missing, since they aren't what was saved: "
            f"{'; '.join(changed[:SHOWN])}{more}"
        )
    if has_cfg and saved["outputs"] != found["outputs"]:
        raise ValueError(
            f"the weights were saved with other labels, or in another order, than "
            f"those of 'cfg': {list_names(pipe.labels)}"
        )


def make_seal(pipe: TrainablePipe) -> dict[str, Any]:
    """Make digests of all parts of the model, and of what its outputs mean."""
    outputs = {name: pipe.cfg[name] for name in OUTPUTS if name in pipe.cfg}
    parts = dict(named_attrs(pipe.model)) | named_params(pipe.model)
    return {
        "outputs": digest(json.dumps(outputs).encode("utf8")),
        "parts": {name: digest(part) for name, part in parts.items()},
    }


def digest(part: Any) -> str:
    """Return what tells bytes, or an array, from any others."""
    is_bytes = isinstance(part, bytes)
    array = np.frombuffer(part, "uint8") if is_bytes else to_numpy(part)
    found = blake2b(f"{array.dtype} {array.shape}".encode(), digest_size=16)
    found.update(np.ascontiguousarray(array).reshape(-1).data)
    return found.hexdigest()
