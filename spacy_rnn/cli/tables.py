"""Tables in the terminal."""

from typing import Any, NamedTuple

from wasabi import Printer, msg


class Table(NamedTuple):
    """What is printed in columns, the first to the left, others to the right."""

    header: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    left_out: str = ""  # what there is no room for


def print_table(table: Table, printer: Printer = msg) -> None:
    """Print a table, with a line for what is left out."""
    aligns = ("l", *"r" * (len(table.header) - 1))
    printer.table(table.rows, header=table.header, aligns=aligns)
    if table.left_out:
        printer.text(table.left_out)
