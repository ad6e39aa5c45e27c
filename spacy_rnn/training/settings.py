"""Settings that spaCy takes without a look, and then ignores or fails at."""

from difflib import get_close_matches
from typing import Any

from spacy.schemas import ConfigSchemaInit, ConfigSchemaNlp, ConfigSchemaTraining

from spacy_rnn.checks import check_at_least, check_rate

SCHEMAS: dict[str, Any] = {
    "nlp": ConfigSchemaNlp,
    "initialize": ConfigSchemaInit,
    "training": ConfigSchemaTraining,
}
LOWEST = {
    "patience": 0,
    "max_epochs": -1,
    "max_steps": 0,
    "eval_frequency": 1,
    "accumulate_gradient": 1,
}


def check_settings(config: dict[str, Any]) -> None:
    """Raise a ValueError for a name that nobody reads, or a number that can't be meant.

    What has another type than it should is left to spaCy, which names it.

    Args:
        config: The config, interpolated.
    """
    for section, schema in SCHEMAS.items():
        check_names(section, config.get(section, {}), list(schema.model_fields))
    settings = config.get("training", {})
    for name, lowest in LOWEST.items():
        if isinstance(value := settings.get(name), int):
            check_at_least(f"training.{name}", value, lowest)
    if isinstance(dropout := settings.get("dropout"), int | float):
        check_rate("training.dropout", dropout)


def check_names(section: str, settings: dict[str, Any], known: list[str]) -> None:
    """Raise a ValueError for a setting that a section of a config hasn't."""
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            raise ValueError(f"[{section}] has no setting {name!r}; {hint}")
