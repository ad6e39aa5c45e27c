"""How wide text is."""

from unicodedata import combining, east_asian_width


def count_columns(text: str) -> int:
    """Count the columns of a terminal that a text takes: two for Chinese ones."""
    return sum(
        0 if combining(letter) else 1 + (east_asian_width(letter) in "WF")
        for letter in text
    )
