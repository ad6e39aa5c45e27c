"""Few shapes for oneDNN.

oneDNN compiles code for each shape that it meets, which takes about as long as the call
itself, and keeps up to a thousand of these, most of a megabyte each. Batches of text
hardly ever have the same shape twice, so sizes are rounded up to few.
"""


def round_up(number: int, bits: int) -> int:
    """Round up to a number with few significant bits.

    With 4 bits, a number grows by a sixteenth on average, an eighth at most.
    """
    quantum = 1 << max(0, number.bit_length() - bits)
    return -(-number // quantum) * quantum
