"""Gradients of components between the backward pass and the optimizer.

They exist from the first `update` of a batch until `finish_update`, when the optimizer
uses them up. So a component measures and clips them there, and whoever wants to see
those of a whole pipeline, or to change them, waits for the first `finish_update`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from spacy.language import Language
from thinc.api import Model, Optimizer
from thinc.types import FloatsXd
from thinc.util import get_array_module, to_numpy

SHOWN = 5  # parameters that an error names
ACTS = "_acts"  # what a model's class has while somebody waits for its gradients


class Gradient(NamedTuple):
    """The gradient of a parameter.

    Attributes:
        layer: Name of its layer, unlike that of any other layer of the model.
        parameter: Its name in the layer; in a torch layer, its name in the module.
        array: Its values.
    """

    layer: str
    parameter: str
    array: FloatsXd


class NonFiniteGradientError(ValueError):
    """Raised before weights are updated with a gradient that is NaN or infinite.

    Attributes:
        components: The components that have such gradients.
        parameters: The parameters that have such gradients, as
            "component: layer: parameter".
        largest: The parameter with the largest gradient among all others, and its
            norm; None if there are no others.
    """

    def __init__(
        self,
        components: list[str],
        parameters: list[str],
        largest: tuple[str, float] | None,
    ) -> None:
        self.components = components
        self.parameters = parameters
        self.largest = largest
        listed = "; ".join(parameters[:SHOWN])
        if len(parameters) > SHOWN:
            listed += f"; and {len(parameters) - SHOWN} more"
        others = "No other gradient is finite."
        if largest is not None:
            others = f"The largest other norm is {largest[1]:.3g}, of {largest[0]}."
        super().__init__(
            f"The gradient of {', '.join(map(repr, components))} isn't finite, or too "
            f"large to be squared. It is NaN, infinite or too large in: "
            f"{listed}. {others} The weights were not updated. Clipping "
            f"(max_gradient_norm) or a lower learning rate may help."
        )

    def __reduce__(self) -> tuple[type["NonFiniteGradientError"], tuple]:
        return type(self), (self.components, self.parameters, self.largest)


def finish_update(
    name: str, model: Model, optimizer: Optimizer, *, max_norm: float
) -> None:
    """Update the weights of a component's model, after clipping their gradients.

    Args:
        name: Name of the component.
        model: Its model.
        optimizer: The optimizer.
        max_norm: See `clip_gradients`, which also says what is raised.
    """
    finish = show_gradients(model)
    clip_gradients({name: model}, max_norm)
    finish(model, optimizer)


def clip_gradients(models: Mapping[str, Model], max_norm: float) -> None:
    """Clip the gradients of models by their global norm (Pascanu et al., 2013).

    All of them are scaled by the same factor. Whether they are finite is looked at in
    any case. If they aren't, they are set to 0, so that whoever catches the error can
    go on with the next batch.

    Args:
        models: Models by the names of their components.
        max_norm: The largest norm of all gradients together; 0 for any.

    Raises:
        NonFiniteGradientError: If there is a gradient that is NaN or infinite, or
            so large that its square is infinite and it isn't to be clipped.
    """
    arrays = [array for model in models.values() for array in gradient_arrays(model)]
    total = global_norm(measure(arrays))
    if not np.isfinite(total):
        total = global_norm(measure(arrays, dtype="float64"))
        if not max_norm or not np.isfinite(total):
            error = describe(models)
            for array in arrays:
                array.fill(0.0)
            raise error
    if max_norm and total > max_norm:
        for array in arrays:
            array *= max_norm / total


def trained_models(nlp: Language) -> dict[str, Model]:
    """Return the models that training updates, by component, in their order."""
    frozen = nlp.config.interpolate()["training"]["frozen_components"]
    pipeline: Any = nlp.pipeline
    return {
        name: pipe.model
        for name, pipe in pipeline
        if name not in frozen
        and getattr(pipe, "is_trainable", False)
        and isinstance(getattr(pipe, "model", None), Model)
    }


def named_gradients(model: Model) -> Iterator[Gradient]:
    """Yield the gradients of a model, those of torch layers part by part."""
    names = layer_names(model)
    for layer in model.walk():
        module = layer.attrs.get("torch_module")
        for parameter in layer.param_names:
            if not layer.has_grad(parameter):
                continue
            gradient = layer.get_grad(parameter)
            parts = {parameter: gradient}
            if module is not None and parameter == "W":
                parts = module.named_parts(layer, gradient)
            for name, part in parts.items():
                yield Gradient(names[layer.id], name, part)


def measure(
    arrays: Sequence[FloatsXd], *, dtype: Literal["float32", "float64"] = "float32"
) -> np.ndarray:
    """Return the norm of each array, all in one transfer from a GPU."""
    if not arrays:
        return np.zeros(0)
    xp: Any = get_array_module(arrays[0])
    squares = []
    with np.errstate(over="ignore", invalid="ignore"):
        for array in arrays:
            flat = array.astype(dtype, copy=False).ravel()
            squares.append(xp.dot(flat, flat))
    return np.sqrt(to_numpy(xp.stack(squares)).astype("float64"))


def global_norm(norms: Sequence[float] | np.ndarray) -> float:
    """Return the norm of what has these norms."""
    return float(np.linalg.norm(norms))


def once_before_update(model: Model, act: Callable[[], None]) -> None:
    """Call a function when a model's gradients are complete, before they are used.

    It is called once; then the model is as it was before. Functions are called in the
    order in which they came to wait. What one of them makes wait waits for the next
    update.
    """
    # A model has no room for what isn't saved with it, but its class can change.
    kind: Any = type(model)
    if ACTS in vars(kind):
        vars(kind)[ACTS].append(act)
        return
    body = {"__slots__": (), ACTS: [act], "finish_update": show_and_update}
    model.__class__ = type(kind.__name__, (kind,), body)


def stop_waiting(model: Model, act: Callable[[], None]) -> None:
    """Don't call a function any more that waits for a model's gradients."""
    kind: Any = type(model)
    acts = vars(kind).get(ACTS, [])
    if act in acts:
        acts.remove(act)
        if not acts:
            model.__class__ = kind.__base__


def show_gradients(model: Model) -> Callable[[Model, Optimizer], None]:
    """Call the functions that wait for a model's gradients.

    Returns:
        The model's own `finish_update`, for which nobody waits.
    """
    kind: Any = type(model)
    acts = vars(kind).get(ACTS)
    if acts is None:
        return kind.finish_update
    model.__class__ = kind.__base__
    for act in acts:
        act()
    return kind.__base__.finish_update


def show_and_update(model: Model, optimizer: Optimizer) -> None:
    """Stand in for `finish_update` of a model that somebody waits for."""
    show_gradients(model)(model, optimizer)


def gradient_arrays(model: Model) -> list[FloatsXd]:
    """List the gradients of a model."""
    return [
        layer.get_grad(parameter)
        for layer in model.walk()
        for parameter in layer.param_names
        if layer.has_grad(parameter)
    ]


def layer_names(model: Model) -> dict[int, str]:
    """Name the layers of a model by their ids, the second "linear" as "linear 2"."""
    names: dict[int, str] = {}
    counts: dict[str, int] = {}
    for layer in model.walk():
        counts[layer.name] = counts.get(layer.name, 0) + 1
        number = counts[layer.name]
        names[layer.id] = layer.name if number == 1 else f"{layer.name} {number}"
    return names


def describe(models: Mapping[str, Model]) -> NonFiniteGradientError:
    """Say which gradients of models can't be used."""
    components, parameters, norms = [], [], {}
    for component, model in models.items():
        gradients = list(named_gradients(model))
        measured = measure([gradient.array for gradient in gradients])
        for gradient, norm in zip(gradients, measured, strict=True):
            name = f"{component}: {gradient.layer}: {gradient.parameter}"
            if np.isfinite(norm):
                norms[name] = float(norm)
            else:
                parameters.append(name)
                components.append(component)
    largest = max(norms.items(), key=lambda item: item[1], default=None)
    return NonFiniteGradientError(list(dict.fromkeys(components)), parameters, largest)
