"""Print whatever scores the components of a pipeline give."""

from collections.abc import Mapping
from typing import Any

from spacy_rnn.cli.tables import print_rows

NAMES = {  # of scores, whole or up to the last underscore; as spaCy's evaluate has them
    "cats": "TEXTCAT",
    "cats_macro": "TEXTCAT macro",
    "cats_micro": "TEXTCAT micro",
    "cats_score": "TEXTCAT",
    "chrf": "chrF",
    "dep_las": "LAS",
    "dep_uas": "UAS",
    "ents": "NER",
    "rouge_1": "ROUGE-1",
    "rouge_2": "ROUGE-2",
    "rouge_l": "ROUGE-L",
    "rouge_lsum": "ROUGE-Lsum",
    "sents": "SENT",
    "token": "TOK",
}
AREAS = "_auc_per_type"
GROUPS = ("_per_type", "_per_feat")  # how the names of mappings end
DESCRIPTION = "_desc"  # of the score that is named before it
TOKENS = ("token_acc", "token_p", "token_r", "token_f")
SPEED = "speed"  # in words per second


def print_scores(
    scores: Mapping[str, Any],
    *,
    title: str,
    spans_key: str | None = None,
    without: tuple[str, ...] = (),
) -> None:
    """Print a table of the plain scores, and one of each mapping among them.

    Scores of tokens that spaCy's scorer has no numbers for, since nobody knows where
    spaces were, are not printed. Of areas under a curve there may be none.

    Args:
        scores: By their names. Numbers are shares, which are printed in percent.
        title: Of the first table.
        spans_key: The only group of `doc.spans` whose scores are printed; None: any.
        without: How the names of scores begin that are not printed.
    """
    scores = {
        key: value
        for key, value in blank_areas(scores).items()
        if not key.startswith(without) and (value is not None or key not in TOKENS)
    }
    if spans_key is not None:
        scores = {
            key: value
            for key, value in scores.items()
            if not key.startswith("spans_") or key.startswith(f"spans_{spans_key}_")
        }
    rows = [
        (describe(key, scores), format_score(key, value))
        for key, value in scores.items()
        if not isinstance(value, Mapping) and not key.endswith(DESCRIPTION)
    ]
    if rows:
        print_rows(rows, title=title, aligns=("l", "r"))
    for key, value in scores.items():
        if isinstance(value, Mapping) and value:
            print_group(name_group(key), value)


def blank_areas(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Put None for areas of which spaCy means to say 0 where no label has one.

    A label has one if it is right for some texts and wrong for others.
    """
    found = dict(scores)
    for key, areas in scores.items():
        if key.endswith(AREAS) and all(area is None for area in areas.values()):
            prefix = key.removesuffix(AREAS)
            found[f"{prefix}_macro_auc"] = None
            if scores.get(f"{prefix}_score{DESCRIPTION}") == "macro AUC":
                found[f"{prefix}_score"] = None
    return found


def print_group(title: str, group: Mapping[str, Any]) -> None:
    """Print a table of scores by label, or of several scores of each label."""
    several = {
        label: value if isinstance(value, Mapping) else {"": value}
        for label, value in group.items()
    }
    columns = list(dict.fromkeys(key for value in several.values() for key in value))
    print_rows(
        [
            (label, *(format_score(key, value.get(key)) for key in columns))
            for label, value in several.items()
        ],
        title=title,
        header=("", *(column.upper() for column in columns)) if any(columns) else None,
        aligns=("l", *"r" * len(columns)),
    )


def describe(key: str, scores: Mapping[str, Any]) -> str:
    """Name a score, with what the scores say of it."""
    description = scores.get(f"{key}{DESCRIPTION}")
    return f"{name_score(key)} ({description})" if description else name_score(key)


def name_group(key: str) -> str:
    """Name a mapping of labels to scores, such as `ents_per_type`."""
    for end in GROUPS:
        if key.endswith(end):
            return f"{name_score(key.removesuffix(end))} ({end[1:].replace('_', ' ')})"
    return name_score(key)


def name_score(key: str) -> str:
    """Name a score as spaCy's evaluate does: NER F is `ents_f`, TAG is `tag_acc`."""
    if key in NAMES:
        return NAMES[key]
    stem, _, measure = key.rpartition("_")
    name = NAMES.get(stem) or stem.replace("_", " ").upper()
    return " ".join(part for part in (name, measure.upper()) if part != "ACC").strip()


def format_score(key: str, value: Any) -> str:
    """Format a share in percent, anything else as it is; None is a dash."""
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:.0f}" if key == SPEED else f"{100 * value:.2f}"
