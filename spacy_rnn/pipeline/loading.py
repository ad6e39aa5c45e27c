"""Errors of loading, in the words of the one who loads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
