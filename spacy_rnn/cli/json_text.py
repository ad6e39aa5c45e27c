"""JSON that commands print."""

import math
from typing import Any

import srsly


def to_json(value: Any) -> str:
    """Write JSON, with null for what is no number."""
    return srsly.json_dumps(without_nan(value), indent=2)


def without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
