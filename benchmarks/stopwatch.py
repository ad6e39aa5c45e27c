"""Where the time of a training goes: timers around what spaCy, Thinc and we call."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from spacy.language import Language
from spacy.training import Corpus
from thinc.api import Model

from spacy_rnn.corpora.texts.corpus import TextCorpus
from spacy_rnn.layers import hash_embed

# What a part calls counts for that part, where it is one of these.
WHOLE = ("evaluation", "saving", "backward")


class Stopwatch:
    """Seconds of processor time by the part that they were spent in.

    Of parts within parts the inner one gets the time. What else runs on the machine
    doesn't count; for one thread on a free core it is the time of the clock.
    """

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._parts: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time within for a part."""
        if self._parts and self._parts[-1] in WHOLE:
            yield
            return
        self._stop()
        self._parts.append(name)
        try:
            yield
        finally:
            self._stop()
            self._parts.pop()

    def time(self, name: str, function: Callable) -> Callable:
        """Return a function whose calls count for a part."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return function(*args, **kwargs)

        return timed

    def time_items(self, name: str, function: Callable) -> Callable:
        """The same for a function that returns an iterator."""

        def timed(*args: Any, **kwargs: Any) -> Iterator:
            items = iter(function(*args, **kwargs))
            with self.part(name):
                item = next(items, items)
            while item is not items:
                yield item
                with self.part(name):
                    item = next(items, items)

        return timed

    def time_layer(self, name: str, layer: Model) -> None:
        """Let a layer's forward pass count for a part; its other pass is "backward"."""
        forward = layer._func

        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                Y, backprop = forward(*args, **kwargs)
            return Y, self.time("backward", backprop)

        layer._func = timed

    def _stop(self) -> None:
        now = time.process_time()
        if self._parts:
            self.seconds[self._parts[-1]] += now - self._since
        self._since = now


@contextmanager
def watched(stopwatch: Stopwatch, nlp: Language) -> Iterator[None]:
    """Measure what happens to a pipeline of one classifier in `spacy train`."""
    (pipe,) = (pipe for _, pipe in nlp.pipeline)
    tok2vec = pipe.model.get_ref("tok2vec")
    parts = {id(layer): "head" for layer in pipe.model.walk()}
    parts |= {id(layer): "embed" for layer in tok2vec.layers[0].walk()}
    parts |= {id(layer): "recurrence" for layer in tok2vec.layers[1].walk()}
    for layer in pipe.model.walk():
        reads = layer.name in ("extract_features", "hash_embed")
        stopwatch.time_layer("features" if reads else parts[id(layer)], layer)
    with ExitStack() as stack:

        def replace(owner: Any, name: str, part: str, time: Callable) -> None:
            timed = time(part, getattr(owner, name))
            stack.enter_context(patch.object(owner, name, timed))

        replace(hash_embed, "run", "embed", stopwatch.time)
        replace(Corpus, "__call__", "reading", stopwatch.time_items)
        replace(TextCorpus, "__call__", "reading", stopwatch.time_items)
        replace(pipe, "finish_update", "optimizer", stopwatch.time)
        replace(pipe, "get_loss", "head", stopwatch.time)
        replace(Language, "evaluate", "evaluation", stopwatch.time)
        replace(Language, "to_disk", "saving", stopwatch.time)
        yield
