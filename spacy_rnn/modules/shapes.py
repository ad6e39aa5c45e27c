"""Few shapes for oneDNN.

oneDNN compiles code for each shape that it meets and keeps it, which takes time and
memory. Batches of text hardly ever have the same shape twice, so sizes are rounded up
to few.
"""


def round_up(number: int, bits: int) -> int:
    """Round up to a number with few significant bits.

    With 4 bits, a number grows by less than an eighth.
    """
    quantum = 1 << max(0, number.bit_length() - bits)
    return -(-number // quantum) * quantum


def round_down(number: int, bits: int) -> int:
    """Round down to a number with few significant bits, as `round_up` does."""
    quantum = 1 << max(0, number.bit_length() - bits)
    return number // quantum * quantum
