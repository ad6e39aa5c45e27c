"""Settings of components: checked, changed, and those that win over saved ones."""

import warnings
from collections.abc import Callable
from functools import partial
from inspect import Parameter, signature
from math import isclose
from typing import Any, Protocol, get_args

from spacy_rnn.checks import (
    check_at_least,
    check_choice,
    check_flag,
    check_not_negative,
    check_portion,
    check_rate,
    check_text,
)
from spacy_rnn.nltk_text import LineBreaks
from spacy_rnn.pipeline.calibration import check_calibration
from spacy_rnn.pipeline.labels import check_class_weights
from spacy_rnn.pipeline.summary_choice import Order, Unit, check_budget
from spacy_rnn.pipeline.thresholds import check_thresholds
from spacy_rnn.tags.tag_set import Scheme

MOST_LENGTH_PENALTY = 10.0  # far more than anybody uses; more would be no float
CONFIGURED = "configured"  # the settings that a component was made with


def check_length_penalty(name: str, value: float) -> None:
    """Raise a ValueError for a power that lengths can't have."""
    check_not_negative(name, value)
    if value > MOST_LENGTH_PENALTY:
        raise ValueError(
            f"{name} has to be at most {MOST_LENGTH_PENALTY}, but it is {value}"
        )


CHECKS: dict[str, Callable[[str, Any], None]] = {
    "threshold": check_portion,
    "soft_labels": lambda name, value: check_portion(name, value or 0.0),
    "label_smoothing": check_rate,
    "max_gradient_norm": check_not_negative,
    "class_weights": lambda _, value: check_class_weights(value),
    "unit": partial(check_choice, choices=get_args(Unit)),
    "order": partial(check_choice, choices=get_args(Order)),
    "scheme": partial(check_choice, choices=get_args(Scheme)),
    "trigram_blocking": check_flag,
    "line_breaks": partial(check_choice, choices=get_args(LineBreaks)),
    "overwrite": check_flag,
    "extend": check_flag,
    "annotate_ents": check_flag,
    "spans_key": check_text,
    "incorrect_spans_key": check_text,
    "neg_prefix": check_text,
    "beam_width": partial(check_at_least, lowest=1),
    "n_best": partial(check_at_least, lowest=0),
    "attention": check_flag,
    "min_length": partial(check_at_least, lowest=0),
    "max_length": partial(check_at_least, lowest=1),
    "length_penalty": check_length_penalty,
    "coverage_penalty": check_not_negative,
    "no_repeat": partial(check_at_least, lowest=0),
    "whole_words": check_flag,
    "mbr_temperature": check_not_negative,
}
# What has been learned depends on them, or was found by `initialize`.
FIXED = {"extension", "scheme", "class_weights", "neg_prefix", "language"}


class Configurable(Protocol):
    """A component with settings, those of its class's keyword arguments."""

    name: str
    cfg: dict[str, Any]


def check_settings(pipe: Any, cfg: dict[str, Any]) -> None:
    """Raise a ValueError for settings of a component that can't be."""
    for name, check in CHECKS.items():
        if name in cfg:
            check(name, cfg[name])
    if "beam_width" in cfg:
        check_search(cfg)
        if cfg["whole_words"] and not pipe.model.attrs.get("copying", True):
            raise ValueError(
                "whole_words needs a model that copies words: set copying = true in "
                "its block"
            )
    if not cfg.get("annotate_ents", True) and cfg["spans_key"] is None:
        raise ValueError(
            "annotate_ents is false and spans_key null: nothing to write to"
        )
    if "budget" in cfg:
        check_budget(cfg["budget"], cfg["unit"])
    for name in ("temperature", "bias"):
        if name in cfg:
            by_label = not getattr(pipe, "exclusive", True)
            check_calibration(name, cfg[name], cfg["labels"] if by_label else None)
    if "thresholds" in cfg:
        check_thresholds(cfg["thresholds"], cfg["labels"], exclusive=pipe.exclusive)


def check_search(cfg: dict[str, Any]) -> None:
    """Raise a ValueError for settings of a search that don't fit each other."""
    for name, limit in (("n_best", "beam_width"), ("min_length", "max_length")):
        if cfg[name] > cfg[limit]:
            raise ValueError(
                f"{name} can't be more than {limit}, but they are {cfg[name]} and "
                f"{cfg[limit]}"
            )


def note_settings(pipe: Configurable) -> None:
    """Check the settings of a new component, and remember that it was made with them.

    Raises:
        ValueError: If there is one that can't be.
    """
    check_settings(pipe, pipe.cfg)
    pipe.cfg[CONFIGURED] = {name: pipe.cfg[name] for name in default_settings(pipe)}


def configure(self: Configurable, **settings: Any) -> None:
    """Change settings, which is the same as having made the component with them.

    Raises:
        ValueError: If there is no such setting, or it can't be that, or can't be
            changed any more.
    """
    changeable = default_settings(self).keys() - FIXED
    unknown = sorted(settings.keys() - changeable)
    if unknown:
        raise ValueError(
            f"'{self.name}' has no settings {unknown} that can be changed. It has "
            f"{sorted(changeable)}."
        )
    check_settings(self, self.cfg | settings)
    self.cfg.update(settings)


def join_settings(
    pipe: Configurable, loaded: dict[str, Any], *, warn: bool
) -> dict[str, Any]:
    """Decide between the settings that a component was made with and saved ones.

    A component that is loaded is made by its config, then gets what was saved. Where
    the config says the same as when it was saved, what was saved holds: it may have
    been changed since. Where not, the config was overridden, so it holds.

    Args:
        pipe: The component, as it was made.
        loaded: What was saved.
        warn: Whether to say what was asked for in vain.

    Returns:
        What `pipe.cfg` should be.

    Raises:
        ValueError: If there is a setting that can't be.
    """
    made, was_made = pipe.cfg, loaded.get(CONFIGURED)
    joined = made | loaded
    joined[CONFIGURED] = made.get(CONFIGURED, {}) | (was_made or {})
    ignored = []
    for name, default in default_settings(pipe).items():
        wanted, saved = made[name], loaded.get(name, made[name])
        if is_same(wanted, (was_made or loaded).get(name, wanted)):
            continue
        # One that was made without a config has the defaults, which nobody asked for.
        if was_made and wanted != default and name not in FIXED:
            joined[name] = joined[CONFIGURED][name] = wanted
        elif not is_same(wanted, saved) and (was_made or wanted != default):
            ignored.append(f"{name} = {saved!r}, not {wanted!r}")
    check_settings(pipe, joined)
    if ignored and warn:
        warnings.warn(
            f"'{pipe.name}' keeps what it was saved with: {'; '.join(ignored)}. "
            f"Its method `configure` changes what can be changed.",
            stacklevel=6,
        )
    return joined


def is_same(one: Any, other: Any) -> bool:
    """Compare settings, of which one was saved: srsly's JSON is not exact."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            is_same(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-12)
    return bool(one == other)


def default_settings(pipe: Configurable) -> dict[str, Any]:
    """Return the settings of a component's class, with their defaults.

    A class that takes `**settings` hands them on, so it has those of its base too.
    """
    settings: dict[str, Any] = {}
    for base in type(pipe).__mro__:
        init = vars(base).get("__init__")
        if init is None:  # it leaves that to the next one, as a mixin does
            continue
        parameters = signature(init).parameters.values()
        own = [each for each in parameters if each.kind is Parameter.KEYWORD_ONLY]
        settings = {each.name: each.default for each in own} | settings
        if all(each.kind is not Parameter.VAR_KEYWORD for each in parameters):
            break
    return {name: settings[name] for name in settings if name in pipe.cfg}
