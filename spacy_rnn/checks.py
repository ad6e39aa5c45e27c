"""Values of settings, checked where a model or a reader is made, and what to say."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

SHOWN = 10  # names in a message, at most


def list_names(names: Iterable[str], like: str | None = None) -> str:
    """List names for a message, in their order; of many, some and how many more.

    Args:
        names: The names.
        like: One that isn't among them. Of many, those begin that are spelled like it.
    """
    return _list_names(tuple(names), like)


@lru_cache(maxsize=256)  # an error may be made for each row of a file
def _list_names(names: tuple[str, ...], like: str | None) -> str:
    if len(names) <= SHOWN:
        return str(list(names))
    close = get_close_matches(like, names, n=3) if like else []
    shown = [*close, *(name for name in names if name not in close)][:SHOWN]
    return f"{str(shown)[:-1]}, and {len(names) - SHOWN:,} more]"


def is_number(value: Any, kind: type = Real) -> bool:
    """Return whether a value is a number, which true and false are not."""
    return isinstance(value, kind) and not isinstance(value, bool)


def check_at_least(name: str, value: int, lowest: int) -> None:
    """Raise a ValueError for what is no whole number, or one that is too small."""
    if not is_number(value, Integral):
        raise ValueError(f"{name} has to be a whole number, but it is {value!r}")
    if value < lowest:
        raise ValueError(f"{name} has to be {lowest} or more, but it is {value}")


def check_two_halves(name: str, value: int) -> None:
    """Raise a ValueError for a width that two directions can't share."""
    if value % 2:
        raise ValueError(
            f"{name} is shared by two directions, so it has to be even, but it is "
            f"{value}"
        )


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise a ValueError for what isn't one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} has to be one of {choices}, but it is {value!r}")


def check_flag(name: str, value: bool) -> None:
    """Raise a ValueError for what is neither true nor false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} has to be true or false, but it is {value!r}")


def check_text(name: str, value: str | None) -> None:
    """Raise a ValueError for what is neither a text nor left out."""
    if not isinstance(value, str | None):
        raise ValueError(f"{name} has to be a text, but it is {value!r}")


def check_rate(name: str, value: float) -> None:
    """Raise a ValueError for what can't be a dropout rate."""
    if not (is_number(value) and 0.0 <= value < 1.0):
        raise ValueError(f"{name} has to be in [0, 1), but it is {value!r}")


def check_share(name: str, value: float) -> None:
    """Raise a ValueError for what can't be one of two shares."""
    if not (is_number(value) and 0.0 < value < 1.0):
        raise ValueError(f"{name} has to be in (0, 1), but it is {value!r}")


def check_portion(name: str, value: float) -> None:
    """Raise a ValueError for what can't be a part of a whole."""
    if not (is_number(value) and 0.0 <= value <= 1.0):
        raise ValueError(f"{name} has to be in [0, 1], but it is {value!r}")


def check_not_negative(name: str, value: float) -> None:
    """Raise a ValueError for a number below 0, or none at all."""
    if not (is_number(value) and 0.0 <= value < float("inf")):
        raise ValueError(f"{name} has to be 0 or more, but it is {value!r}")


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError for a number that isn't above 0, or none at all."""
    if not (is_number(value) and 0.0 < value < float("inf")):
        raise ValueError(f"{name} has to be above 0, but it is {value!r}")


def check_finite(name: str, value: float) -> None:
    """Raise a ValueError for what is no number, or an infinite one."""
    if not (is_number(value) and abs(value) < float("inf")):
        raise ValueError(f"{name} has to be a number, but it is {value!r}")
