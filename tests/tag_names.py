"""Tags by name, and the spans that they make: one after the other, as they are read."""

PREFIXES = {"BIO": "BI", "BILUO": "BILU"}


def make_tags(labels, scheme):
    """List the names of the tags in the order of a `TagSet`."""
    return ["O", *(f"{p}-{label}" for label in labels for p in PREFIXES[scheme])]


def spans_to_tags(spans, length, scheme):
    """Name the tags of a document's tokens."""
    tags = ["O"] * length
    for start, end, label in spans:
        tags[start:end] = [f"I-{label}"] * (end - start)
        if scheme == "BILUO":
            tags[end - 1] = f"L-{label}"
        tags[start] = f"B-{label}"
        if scheme == "BILUO" and end - start == 1:
            tags[start] = f"U-{label}"
    return tags


def number_tags(spans, length, scheme, labels):
    """Number the tags of a document's tokens."""
    tags = make_tags(labels, scheme)
    return [tags.index(tag) for tag in spans_to_tags(spans, length, scheme)]


def tags_to_spans(tags, scheme):
    """Read spans from the names of tags, None if these make no whole spans."""
    spans, start, current = [], 0, ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, label = tag.partition("-")
        if prefix in ("I", "L"):
            if label != current:
                return None
        elif current:
            if scheme == "BILUO":
                return None
            spans.append((start, i, current))
        if prefix in ("B", "U"):
            start = i
        if prefix in ("L", "U"):
            spans.append((start, i + 1, label))
        current = label if prefix in ("B", "I") else ""
    return spans
