"""Tables in the terminal."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from wasabi import Printer, msg

from spacy_rnn.visual.tokens import paint


class Table(NamedTuple):
    """What is printed in columns, the first to the left, others to the right."""

    header: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    left_out: str = ""  # what there is no room for


def print_table(table: Table, printer: Printer = msg) -> None:
    """Print a table, with a line for what is left out."""
    aligns = ("l", *"r" * (len(table.header) - 1))
    print_rows(table.rows, printer, header=table.header, aligns=aligns)
    if table.left_out:
        printer.text(table.left_out)


def print_rows(
    rows: Iterable[Iterable[Any]], printer: Printer = msg, **settings: Any
) -> None:
    """Print rows, with the control characters of labels spelled out.

    The settings are those of wasabi's `table`.
    """
    cells = [[paint(str(cell)) for cell in row] for row in rows]
    printer.table(cells, **settings)
