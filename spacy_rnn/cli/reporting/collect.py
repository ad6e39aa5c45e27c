"""Put a report together: run the pipeline, and look at each of its components."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from spacy.language import Language
from spacy.training import Example

from spacy_rnn.checks import list_names
from spacy_rnn.cli.evaluate import find_given
from spacy_rnn.cli.progress import predict, progress
from spacy_rnn.cli.reporting.card import describe
from spacy_rnn.cli.reporting.facts import Report
from spacy_rnn.cli.reporting.measure import measure
from spacy_rnn.cli.reporting.mistakes import find_mistakes
from spacy_rnn.cli.reporting.view import View
from spacy_rnn.cli.reporting.views import is_viewed, make_views
from spacy_rnn.metrics.bootstrap import RESAMPLES


def find_views(
    nlp: Language, examples: Sequence[Example], component: str | None
) -> list[View]:
    """Look at the components that there is annotation to compare with."""
    pipeline: Any = nlp.pipeline
    return [
        view
        for name, pipe in pipeline
        if component in (None, name)
        for view in make_views(pipe, nlp, examples)
        if view.has_gold()
    ]


def score_others(
    nlp: Language,
    examples: Sequence[Example],
    component: str | None,
    given: tuple[str, ...],
) -> dict[str, dict[str, float]]:
    """Find the scores of components that nothing more is known of.

    Args:
        nlp: The pipeline.
        examples: The documents.
        component: The only component that is looked at.
        given: How the names of scores begin of what the corpus gave the pipeline.
    """
    pipeline: Any = nlp.pipeline
    found = {}
    for name, pipe in pipeline:
        if component in (None, name) and hasattr(pipe, "score") and not is_viewed(pipe):
            plain = {
                key: value
                for key, value in pipe.score(examples).items()
                if isinstance(value, float) and not key.startswith(given)
            }
            if plain:
                found[name] = plain
    return found


def collect(
    nlp: Language,
    examples: Sequence[Example],
    *,
    model: str,
    data: str,
    component: str | None,
    labels: Sequence[str] | None,
    licences: Sequence[str],
) -> Report:
    """Collect the facts of a report.

    Args:
        nlp: The pipeline.
        examples: The documents.
        model: Its name or path.
        data: The path of the data.
        component: The only component that is looked at.
        labels: The only labels whose mistakes are looked at.
        licences: Of the data.

    Raises:
        ValueError: If there is no annotation of what is predicted, or a label is
            unknown.
    """
    given = find_given(examples)
    start = perf_counter()
    predict(nlp, examples)
    seconds = perf_counter() - start
    lengths = [len(each.predicted) for each in examples]
    speed = sum(lengths) / max(seconds, 1e-9)
    views = find_views(nlp, examples, component)
    others = score_others(nlp, examples, component, given)
    if not views and not others:
        whom = f"'{component}'" if component else f"any of {nlp.pipe_names}"
        raise ValueError(f"{data}: no annotation of what {whom} predicts")
    known = {label for view in views for label in view.labels}
    unknown = sorted(set(labels or ()) - known)
    if unknown:
        listed = list_names(sorted(known), unknown[0])
        raise ValueError(f"--label {unknown[0]}: the labels are {listed}")
    tasks = []
    for view in progress(views, unit="component"):
        task = measure(view, lengths)
        task.mistakes = find_mistakes(view, nlp, examples, labels or None)
        tasks.append(task)
    return Report(
        model=model,
        data=data,
        documents=len(examples),
        tokens=sum(lengths),
        resamples=RESAMPLES,
        tasks=tasks,
        others=others,
        card=describe(nlp, words_per_second=speed, licences=licences),
    )
