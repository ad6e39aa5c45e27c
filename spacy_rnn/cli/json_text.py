"""JSON that commands print."""

import json
from typing import Any

import srsly


def to_json(value: Any) -> str:
    """Write JSON, with null for what is no number."""
    # Python writes what is no number by a name, which it lets be read as another value.
    plain = json.loads(json.dumps(value), parse_constant=lambda name: None)
    return srsly.json_dumps(plain, indent=2)
