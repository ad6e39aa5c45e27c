"""One training run: its settings, its steps, and what its checkpoints hold."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.loop import (
    create_before_to_disk_callback,
    create_evaluation_callback,
    create_train_batches,
    train_while_improving,
)
from spacy.util import registry, resolve_dot_names
from thinc.api import fix_random_seed, set_gpu_allocator

from spacy_rnn.gradients import trained_models
from spacy_rnn.schedules import report_score
from spacy_rnn.training.checkpoint import Checkpoint, RankState
from spacy_rnn.training.finite import (
    check_losses,
    check_weights,
    checked_predictions,
)
from spacy_rnn.training.identity import identify
from spacy_rnn.training.output import Output
from spacy_rnn.training.random_states import (
    StreamState,
    restore_torch,
    torch_states,
)
from spacy_rnn.training.ranks import Ranks
from spacy_rnn.training.stream import Stream, batch_all
from spacy_rnn.training.together import Together
from spacy_rnn.training.weights import get_weights, restore_weights

ALONE = Ranks()
SHOWN = 60  # characters of a text in a message


class Run:
    """A training run that can go on where another one was interrupted.

    It does so by replay: spaCy's own loop runs from the first step, with empty batches
    and recorded scores, up to the step to do next. So schedules, shuffles, patience and
    all else that counts steps are where they were. Then weights and random states are
    restored.
    """

    def __init__(
        self, nlp: Language, *, use_gpu: int = -1, ranks: Ranks = ALONE
    ) -> None:
        config = nlp.config.interpolate()
        if config["training"]["seed"] is not None:
            fix_random_seed(config["training"]["seed"])
        if use_gpu >= 0 and config["training"]["gpu_allocator"]:
            set_gpu_allocator(config["training"]["gpu_allocator"])
        settings: Any = registry.resolve(
            config["training"], schema=ConfigSchemaTraining
        )
        names = [settings["train_corpus"], settings["dev_corpus"]]
        train_corpus, dev_corpus = resolve_dot_names(config, names)
        self.nlp = nlp
        self.ranks = ranks
        self.settings = settings
        self.optimizer = settings["optimizer"]
        self.frozen: list[str] = settings["frozen_components"]
        self.models = trained_models(nlp)
        if not self.models:
            raise ValueError(f"No component of {nlp.pipe_names} is there to be trained")
        self.identity = identify(config, ranks.size)
        self.start = 0
        self.saved: Checkpoint | None = None
        self.scores: list[float] = []
        batcher: Any = partial(batch_all, settings["batcher"])
        self.together = Together(ranks, self.models)
        self.together.start(nlp, config, self.identity)
        self.stream = Stream(
            create_train_batches(nlp, train_corpus, batcher, settings["max_epochs"]),
            start=0,
            draws={},
            drawing=self.together.shared.drawn,
        )
        self._evaluate = create_evaluation_callback(
            nlp, dev_corpus, settings["score_weights"]
        )
        self._before_to_disk = create_before_to_disk_callback(
            settings["before_to_disk"]
        )

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Let `steps` begin where a checkpoint was written."""
        self.saved, self.start = checkpoint, checkpoint.next_step
        self.stream.start, self.stream.draws = self.start, checkpoint.draws

    def learned(self) -> list[Example] | None:
        """Return the batch of the step, None if it is only replayed."""
        return self.stream.batch if self.stream.step >= self.start else None

    def steps(self) -> Iterator[tuple[dict[str, Any], bool | None]]:
        """Train, one step at a time.

        Yields:
            spaCy's information about the step, and whether it brought the best score so
            far, None without an evaluation.

        Raises:
            ValueError: If a loss is not a finite number, or the checkpoint doesn't fit.
        """
        if self.start == 0:
            self._restore({})
        try:
            for _, info, is_best in self._loop():
                if info["step"] < self.start:
                    if info["step"] == self.start - 1:
                        self._restore(info["losses"])
                    continue
                check_losses(info["losses"])
                info["words"] = self.stream.words
                if is_best is not None:
                    info["losses"] = self.together.add_losses(info["losses"])
                yield info, is_best
        except Exception as error:
            if self.stream.step >= self.start:
                error.add_note(self._describe_step())
            raise
        if self.stream.step < self.start - 1:
            raise ValueError(
                f"The checkpoint was written before step {self.start}, but by "
                f"max_steps, max_epochs or patience this run ends before it, after "
                f"step {self.stream.step}"
            )

    def checkpoint(self, *, next_step: int, losses: dict[str, float]) -> Checkpoint:
        """Take down the state of the run, which no weight may spoil.

        Args:
            next_step: The step to do next.
            losses: This rank's losses since the last evaluation, by pipe.
        """
        check_weights(self.models)
        losses = {name: float(loss) for name, loss in losses.items()}
        state = RankState(StreamState.now(), torch_states(), losses)
        return Checkpoint(
            self.identity,
            next_step=next_step,
            words=self.stream.words,
            scores=self.scores,
            performance=self.nlp.meta.get("performance", {}),
            draws=self.stream.draws,
            ranks=self.ranks.gather(state),
            shared=self.together.shared.state,
            weights=get_weights(self.models, self.optimizer),
            strings=list(self.nlp.vocab.strings),
        )

    def save_model(self, output: Output, *, is_best: bool) -> None:
        """Write the pipeline, with averaged weights if there are."""
        with self.nlp.use_params(self.optimizer.averages):
            check_weights(self.models)
            output.save(self._before_to_disk(self.nlp), is_best=is_best)

    def _loop(self) -> Iterator[Any]:
        return train_while_improving(
            self.together.learner(self.nlp),
            self.optimizer,
            self.stream,
            self._score,
            dropout=self.settings["dropout"],
            accumulate_gradient=self.settings["accumulate_gradient"],
            patience=self.settings["patience"],
            max_steps=self.settings["max_steps"],
            eval_frequency=self.settings["eval_frequency"],
            exclude=self.frozen,
            annotating_components=self.settings["annotating_components"],
            before_update=self._before_update,
        )

    def _before_update(self, nlp: Language, step: dict[str, Any]) -> None:
        callback = self.settings["before_update"]
        if callback is not None and step["step"] >= self.start:
            callback(self.nlp, step)

    def _score(self) -> tuple[float, dict[str, Any]]:
        """Evaluate, or recall the score of an evaluation that was done before."""
        known = self.saved.scores if self.saved is not None else []
        score: float = 0.0
        scores: dict[str, Any] = {}
        if len(self.scores) < len(known):
            score = known[len(self.scores)]
        else:
            if self.ranks.is_first:
                check_weights(self.models)
                with checked_predictions(self.models):
                    score, scores = self._evaluate()
            score, scores = self.ranks.hand_on((score, scores))
        self.scores.append(float(score))
        report_score(score, self.stream.step)
        return score, scores

    def _restore(self, losses: dict[str, float]) -> None:
        saved = self.saved
        if saved is None:
            return
        if saved.words != self.stream.words:
            raise ValueError(
                f"The training data has changed: the steps before step {self.start} "
                f"had {saved.words} words, but now they have {self.stream.words}"
            )
        for string in saved.strings:
            self.nlp.vocab.strings.add(string)
        self.nlp.meta["performance"] = saved.performance
        own = saved.ranks[self.ranks.rank]
        losses.update(own.losses)
        restore_weights(self.models, self.optimizer, saved.weights)
        check_weights(self.models)
        restore_torch(own.torch)
        own.random.restore()
        self.together.shared.state = saved.shared
        self.saved = None  # the weights in it are no longer needed

    def _describe_step(self) -> str:
        batch = self.stream.batch
        texts = [example.reference.text[:SHOWN] for example in batch[:1]]
        return (
            f"This was step {self.stream.step}, with a batch of {len(batch)} documents "
            f"and {sum(map(len, batch))} words, which begins with {texts}"
        )
