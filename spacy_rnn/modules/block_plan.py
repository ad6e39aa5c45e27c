"""Which documents of a batch run side by side."""

from typing import NamedTuple

STEP_BITS = 4
DOC_BITS = 3
# What is run at once. oneDNN refuses a million steps, and works in memory that grows
# with them.
MAX_STEPS = 16_384


class Costs(NamedTuple):
    """What blocks cost, in cells of one layer and direction, and their limits.

    The documents of a block run side by side.

    Attributes:
        block: The cost of a block, however small.
        step: The cost of a time step, beside that of its cells.
        max_docs: Documents in a block.
        max_cells: Cells in a block, unless it holds one document. The budget bounds the
            memory, whatever the lengths are.
    """

    block: int
    step: int
    max_docs: int
    max_cells: int


# On one core a step costs what its cells cost, and up to about 64 documents a layer's
# block stays in the cache.
CPU = Costs(block=160, step=1, max_docs=64, max_cells=16_384)

# What `benchmarks/block_costs.py` solves from the times of two LSTM layers in two
# directions, forward and back, for five blocks of width 128 and three of 512 on an
# H200. A block costs its launches, few as a graph. Steps cost more where cuDNN has no
# kernel that keeps the weights on the chip.
GPU = Costs(block=110_000, step=19, max_docs=4_096, max_cells=262_144)
WIDE_GPU = GPU._replace(block=69_000, step=2_000)
GRAPHS = GPU._replace(block=5_200, step=55)
WIDE_GRAPHS = GPU._replace(block=0, step=740)
WIDE = 128  # features of a cell, from which on they cost more


def costs_of(device: str, width: int, *, cuda_graphs: bool) -> Costs:
    """Return what blocks cost.

    Args:
        device: The type of the device that they run on.
        width: Features of a cell.
        cuda_graphs: Whether they run as graphs there.
    """
    if device == "cpu":
        return CPU
    if width > WIDE:
        return WIDE_GRAPHS if cuda_graphs else WIDE_GPU
    return GRAPHS if cuda_graphs else GPU


def shrunk(costs: Costs, times: int) -> Costs:
    """Let blocks be so many times smaller."""
    return costs._replace(
        max_docs=max(1, costs.max_docs // times),
        max_cells=max(1, costs.max_cells // times),
    )


def plan(lengths: list[int], costs: Costs) -> list[tuple[int, int]]:
    """Cut documents, sorted by falling length, into the blocks that cost least.

    Runs of documents of nearly the same length are joined to blocks by dynamic
    programming.

    Args:
        lengths: Tokens in each document, at least 1, falling.
        costs: Of where the blocks are to run.

    Returns:
        Time steps and documents of each block, before they are rounded.
    """
    runs = cut_runs(lengths, costs)
    # Of the first runs: what their blocks cost, and where the last of these starts.
    totals, starts = [0], [0]
    for end in range(1, len(runs) + 1):
        found: list[tuple[int, int]] = []
        docs = 0
        for start in reversed(range(end)):
            docs += runs[start][1]
            steps, columns = round_shape(runs[start][0], docs)
            full = docs > costs.max_docs or steps * columns > costs.max_cells
            if found and full:
                break
            cost = costs.block + steps * (costs.step + columns)
            found.append((totals[start] + cost, start))
        cost, start = min(found)
        totals.append(cost)
        starts.append(start)
    blocks, end = [], len(runs)
    while end:
        start = starts[end]
        blocks.append((runs[start][0], sum(docs for _, docs in runs[start:end])))
        end = start
    return blocks[::-1]


def cut_runs(lengths: list[int], costs: Costs) -> list[tuple[int, int]]:
    """Cut documents, sorted by falling length, into runs of an eighth of a block.

    Within a run, lengths fall by an eighth at most.

    Args:
        lengths: Tokens in each document.
        costs: Of where the blocks are to run.

    Returns:
        Length of the first document of each run, and documents in it.
    """
    max_docs = max(1, costs.max_docs // 8)
    runs: list[tuple[int, int]] = []
    for length in lengths:
        if runs:
            longest, docs = runs[-1]
            full = docs >= max_docs or longest * (docs + 1) > costs.max_cells
            if not full and length >= 0.875 * longest:
                runs[-1] = (longest, docs + 1)
                continue
        runs.append((length, 1))
    return runs


def round_shape(steps: int, docs: int) -> tuple[int, int]:
    """Round up to one of few shapes.

    oneDNN compiles code for each shape that it meets and keeps it, which takes time and
    memory, and batches of text hardly ever have the same shape twice. A single document
    of more than `MAX_STEPS` is cut in time anyway.
    """
    if docs == 1 and steps > MAX_STEPS:
        return steps, docs
    return round_up(steps, STEP_BITS), round_up(docs, DOC_BITS)


def round_up(number: int, bits: int) -> int:
    """Round up to a number with few significant bits.

    With 4 bits, a number grows by less than an eighth.
    """
    quantum = 1 << max(0, number.bit_length() - bits)
    return -(-number // quantum) * quantum
