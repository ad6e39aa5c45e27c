"""Labels of both parts of the data, side by side."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import pi, sqrt

from spacy_rnn.cli.debugging.topics import Table, Topic, count, percent
from spacy_rnn.pipeline.labels import list_counts

FEW = 20  # of a label, which is little to learn from
MAX_ROWS = 30  # of a table
SHIFT = 0.2  # of labels between parts, in total variation, that is worth a word
NOT_MEANT = frozenset(("", "_", "-", "?", "nan", "none", "null", "n/a", "na"))


def label_table(title: str, train: Counter[str], dev: Counter[str] | None) -> Table:
    """Make a table of how often each label occurs, the most frequent first."""
    parts = {"Train": train} if dev is None else {"Train": train, "Dev": dev}
    both = Counter(train)
    for label in parts.get("Dev", ()):
        both.setdefault(label, 0)
    rows = [
        (label, *(f"{part[label]:,}" for part in parts.values()))
        for label, _ in both.most_common(MAX_ROWS)
    ]
    more = len(both) - len(rows)
    left_out = f"and {count(more, 'more label')}" if more else ""
    return Table((title, *parts), rows, left_out)


def compare_labels(
    topic: Topic,
    train: Counter[str],
    dev: Counter[str],
    *,
    unit: str,
    given: Sequence[str] | None,
) -> None:
    """Say what labels there are, and what is odd about them.

    Args:
        topic: Where to say it.
        train: How often each label is in the training data.
        dev: And in the development data.
        unit: What has a label, such as "text".
        given: The only labels that the config allows; None: any.
    """
    if given is not None:
        train, dev = keep_given(topic, train, dev, given)
    both = {label: [train[label], dev[label]] for label in {**train, **dev}}
    topic.facts["labels"] = {
        label: {"train": pair[0], "dev": pair[1]} for label, pair in both.items()
    }
    topic.tables.append(label_table("Label", train, dev))
    judge_unknown(topic, train, dev)
    judge_rare(topic, train, unit)
    judge_names(topic, train + dev)
    judge_shift(topic, train, dev)


def keep_given(
    topic: Topic, train: Counter[str], dev: Counter[str], given: Sequence[str]
) -> tuple[Counter[str], Counter[str]]:
    """Leave out labels that the config doesn't name, and say so."""
    others = Counter({k: n for k, n in (train + dev).items() if k not in given})
    if others:
        topic.add(
            "info",
            f"Labels that the config doesn't name are ignored: {list_counts(others)}",
        )
    lacking = Counter(dict.fromkeys((k for k in given if not train[k]), 0))
    if lacking:
        names = ", ".join(map(repr, lacking))
        topic.add("warn", f"The config names labels that train lacks: {names}")
    kept = [Counter({k: part[k] for k in given if part[k]}) for part in (train, dev)]
    return kept[0], kept[1]


def judge_unknown(topic: Topic, train: Counter[str], dev: Counter[str]) -> None:
    """Say which labels only one of the parts has."""
    unknown = Counter({label: n for label, n in dev.items() if label not in train})
    unseen = Counter({label: n for label, n in train.items() if label not in dev})
    if not train or not dev:
        return
    if len(unknown) == len(dev):
        topic.add(
            "fail",
            f"No label of dev is in train. Dev has {list_counts(dev)}, train has "
            f"{list_counts(train)}",
        )
        return
    if unknown:
        topic.add(
            "warn",
            f"Train lacks {count(len(unknown), 'label')} of dev, which are "
            f"{percent(unknown.total(), dev.total())} of its labels and count as "
            f"mistakes: {list_counts(unknown)}",
        )
    else:
        topic.add("good", "Train has all labels of dev")
    if unseen:
        topic.add(
            "warn",
            f"Dev lacks {count(len(unseen), 'label')} of train, so that no score says "
            f"how well they are learned: {list_counts(unseen)}",
        )


def judge_rare(topic: Topic, train: Counter[str], unit: str) -> None:
    """Say which labels hardly anything has."""
    rare = Counter({label: n for label, n in train.items() if n < FEW})
    if rare:
        topic.add(
            "warn",
            f"Fewer than {FEW} {unit}s of train have {count(len(rare), 'label')}, "
            f"which is little to learn from: {list_counts(rare)}",
        )


def judge_names(topic: Topic, labels: Counter[str]) -> None:
    """Say which labels may be slips of the pen."""
    alike: defaultdict[str, list[str]] = defaultdict(list)
    for label in labels:
        alike[" ".join(label.lower().split())].append(label)
    for group in alike.values():
        if len(group) > 1:
            counts = Counter({label: labels[label] for label in group})
            topic.add(
                "warn",
                f"Labels that differ only in case or white space: "
                f"{list_counts(counts)}",
            )
    odd = Counter({k: n for k, n in labels.items() if k.strip().lower() in NOT_MEANT})
    if odd:
        topic.add("warn", f"Labels that look like missing ones: {list_counts(odd)}")


def judge_shift(topic: Topic, train: Counter[str], dev: Counter[str]) -> None:
    """Say whether labels have other shares in one part than in the other."""
    n_train, n_dev = train.total(), dev.total()
    if not n_train or not n_dev:
        return
    differences = {
        label: dev[label] / n_dev - train[label] / n_train for label in {**train, **dev}
    }
    distance = sum(map(abs, differences.values())) / 2
    by_chance = sqrt(len(differences) / (2 * pi)) * sqrt(1 / n_train + 1 / n_dev)
    topic.facts["label_shift"] = distance
    if distance > max(SHIFT, 2 * by_chance):
        label = max(differences, key=lambda label: abs(differences[label]))
        topic.add(
            "warn",
            f"Labels have other shares in dev than in train, {label!r} "
            f"{percent(dev[label], n_dev)} instead of "
            f"{percent(train[label], n_train)}. Was sorted data split unshuffled?",
        )


def judge_missing(topic: Topic, name: str, place: str, *, has: int, lack: int) -> None:
    """Say how many texts of a part have no annotation.

    Args:
        topic: Where to say it.
        name: The part.
        place: Where annotation is looked for.
        has: How many have some.
        lack: How many have none.
    """
    if not has:
        topic.add("fail", f"No text of {name} has annotation in {place}")
    elif lack:
        topic.add(
            "info",
            f"{count(lack, 'text')} of {name} ({percent(lack, has + lack)}) have no "
            f"annotation in {place}, and are skipped",
        )
