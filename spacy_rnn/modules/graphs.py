"""What a GPU does for inputs of one shape, captured once and then launched as a whole.

The kernels of a block of documents take less time than their launches, one by one from
Python, unless the block is large. A CUDA graph launches them all at once.
`benchmarks/block_costs.py` has both beside each other.
"""

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from itertools import chain, count
from threading import RLock
from typing import Any, TypeVar
from weakref import ref

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from spacy_rnn.modules.cells import AllWeights, end_to_end

T = TypeVar("T")
Work = Callable[[Sequence[Tensor], AllWeights], Tensor]

SHARE = 8  # of a GPU's memory, one in so many bytes is for graphs
IDLE = 1_000  # runs of others, after which a graph makes room, or is tried again


class Lease:
    """A graph is taken as long as this exists."""


class Graph:
    """Work on tensors of one shape, with its backward pass if gradients are enabled.

    Its tensors lie where they lay when it was captured, so it can be run again only
    when nobody needs what the last run left there.

    Attributes:
        lease: Returns the lease of who has taken it, None if nobody has.
        last_run: When it was taken last, in runs of all graphs.
        memory: Bytes that are kept for it.
    """

    def __init__(
        self, work: Work, inputs: Sequence[Tensor], weights: AllWeights
    ) -> None:
        self.lease: Callable[[], Lease | None] = lambda: None
        self.last_run = 0
        self.gradients: Sequence[Tensor] = ()
        trains, before = torch.is_grad_enabled(), used_memory()
        with torch.inference_mode(False), torch.set_grad_enabled(trains):
            self.inputs = [each.detach().clone() for each in inputs]
            own = {
                module: [each.detach() for each in end_to_end(parameters)]
                for module, parameters in weights.items()
            }
            kept = [*self.inputs, *flat(own)]
            sources = [kept[0], *kept[len(inputs) :]]
            for source in sources:
                source.requires_grad_(trains)

            def forward() -> Tensor:
                self.output = work(self.inputs, own)
                return self.output

            def backward() -> Sequence[Tensor]:
                return torch.autograd.grad(self.output, sources, self.d_output)

            def warm() -> None:
                self.d_output = torch.zeros_like(forward())
                if trains:
                    backward()

            warm_up(warm)
            # Parts of it would be shared, though they are of another stream than that
            # of a capture, of which torch warns.
            del self.output
            self.forward, Y = record(forward)
            if trains:
                self.backward, self.gradients = record(backward, self.forward)
        self.Y = Y.detach()
        # Those of one type are copied by one launch.
        places: dict[torch.dtype, list[int]] = defaultdict(list)
        for i, each in enumerate(kept):
            places[each.dtype].append(i)
        self.copies = [([kept[i] for i in same], same) for same in places.values()]
        self.memory = used_memory() - before

    def run(self, tensors: Sequence[Tensor]) -> Tensor:
        """Return the output for inputs and weights. The next run overwrites it."""
        for own, places in self.copies:
            torch._foreach_copy_(own, [tensors[i] for i in places])
        self.forward.replay()
        return self.Y

    def run_back(self, dY: Tensor) -> Sequence[Tensor]:
        """Return the gradients of the first input and all weights of the last run."""
        self.d_output.copy_(dY)
        self.backward.replay()
        # Copies: the next run overwrites them.
        return torch._foreach_mul(list(self.gradients), 1.0)


def warm_up(work: Callable[[], None]) -> None:
    """Do something once, so that kernels are loaded and chosen before it's captured."""
    stream = side_stream(torch.cuda.current_device())
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()
    torch.cuda.current_stream().wait_stream(stream)


@cache
def side_stream(device: int) -> torch.cuda.Stream:
    """Return one stream for all, as memory is kept for each."""
    return torch.cuda.Stream(device)


def record(work: Callable[[], T], earlier: Any = None) -> tuple[Any, T]:
    """Capture what something does on the current GPU.

    Args:
        work: What is done. Nothing is computed yet.
        earlier: A graph that is always run before, whose memory can be used.

    Returns:
        The graph, and what `work` returned, which has the right contents after a run.
    """
    graph = torch.cuda.CUDAGraph()
    # What other threads do meanwhile is not of this graph.
    with torch.cuda.graph(
        graph,
        pool=None if earlier is None else earlier.pool(),
        capture_error_mode="thread_local",
    ):
        made = work()
    return graph, made


def used_memory() -> int:
    """Return how many bytes of the current GPU are in use, those of graphs too."""
    torch.cuda.empty_cache()  # as a capture does, which isn't to count
    return torch.cuda.memory_reserved()


def total_memory() -> int:
    """Return how many bytes the current GPU has."""
    return torch.cuda.mem_get_info()[1]


class Graphs:
    """Graphs of one piece of work by the shapes of its inputs.

    A shape that comes for the second time is captured, unless graphs have their share
    of the memory and all of them are in use. Threads may share it.
    """

    def __init__(self) -> None:
        self.kept: dict[Any, Graph] = {}
        self.met: Counter[Any] = Counter()
        self.n_runs = 0
        self._lock = RLock()

    def __reduce__(self) -> tuple[type["Graphs"], tuple[()]]:
        return Graphs, ()  # for copies as well

    def run(self, work: Work, inputs: Sequence[Tensor], weights: AllWeights) -> Tensor:
        """Do the work, as a graph where there is one.

        Args:
            work: It takes what follows, draws no random numbers, and always does the
                same with tensors of the same shape.
            inputs: Of which the first one may require a gradient, which is to be used
                before this is run again.
            weights: Parameters by whose they are. They have the same shapes always.
        """
        X, tensors = inputs[0], [*inputs, *flat(weights)]
        trains = torch.is_grad_enabled()
        if trains and not X.requires_grad:
            return work(inputs, weights)
        shapes = tuple(each.shape for each in inputs)
        lease = Lease()
        with self._lock:
            graph = self._take((trains, X.device, shapes), work, inputs, weights)
            if graph is not None and not trains:
                return graph.run(tensors).clone()
            if graph is not None:
                graph.lease = ref(lease)
        if graph is None:
            return work(inputs, weights)
        return Run.apply(graph, lease, len(inputs), *tensors)

    def clear(self) -> None:
        """Give the memory of all graphs back, once they are no longer in use."""
        with self._lock:
            self.kept.clear()
            self.met.clear()

    def _take(
        self, key: Any, work: Work, inputs: Sequence[Tensor], weights: AllWeights
    ) -> Graph | None:
        """Find a graph that nobody uses, or capture one."""
        self.n_runs += 1
        for i in count():
            graph = self.kept.get((key, i))
            if graph is None:
                break
            if graph.lease() is None:
                graph.last_run = self.n_runs
                return graph
        self.met[key, i] += 1
        if self.met[key, i] < 2 or not self._has_room():
            return None
        try:
            graph = Graph(work, inputs, weights)
        except torch.cuda.OutOfMemoryError:
            self.clear()
            self.met[key, i] = -IDLE
            return None
        except RuntimeError as error:
            self.met[key, i] = -IDLE
            warnings.warn(
                f"A block of documents can't be captured as a CUDA graph, and is "
                f"computed without one. Set cuda_graphs = false in the recurrent "
                f"encoder if this goes on. {error}",
                stacklevel=2,
            )
            return None
        graph.last_run = self.n_runs
        self.kept[key, i] = graph
        return graph

    def _has_room(self) -> bool:
        """Whether there is memory for one more, that of an idle graph if need be."""
        used = sum(graph.memory for graph in self.kept.values())
        if used < total_memory() // SHARE:
            return True
        if not self.kept:
            return False
        oldest = min(self.kept, key=lambda key: self.kept[key].last_run)
        graph = self.kept[oldest]
        if graph.lease() is not None or self.n_runs - graph.last_run < IDLE:
            return False
        del self.kept[oldest], self.met[oldest]
        return True


class Run(torch.autograd.Function):
    """A graph as one operation."""

    @staticmethod
    def forward(
        ctx: Any, graph: Graph, lease: Lease, n_inputs: int, *tensors: Tensor
    ) -> Tensor:
        """Return the output, to be used before the graph is run again.

        Args:
            ctx: Torch's record for the backward pass.
            graph: What is run.
            lease: What keeps others from running it before the backward pass.
            n_inputs: How many of the tensors are inputs.
            tensors: Inputs, and all weights.
        """
        ctx.graph, ctx.lease, ctx.n_inputs = graph, lease, n_inputs
        return graph.run(tensors).detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dY: Tensor) -> tuple[Tensor | None, ...]:
        dX, *gradients = ctx.graph.run_back(dY)
        ctx.lease = None
        others = [None] * (ctx.n_inputs - 1)
        return None, None, None, dX, *others, *gradients


def flat(weights: AllWeights) -> list[Tensor]:
    """List the parameters of all modules."""
    return list(chain.from_iterable(weights.values()))
