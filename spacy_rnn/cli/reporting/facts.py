"""The facts of a report, as a program reads them and as a page shows them."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Score:
    """A score, with the interval that holds it with a probability of 95 %.

    Attributes:
        key: Its name in what `nlp.evaluate` returns.
        title: What people call it.
        value: In [0, 1].
        low: The lower end of the interval.
        high: The upper end.
    """

    key: str
    title: str
    value: float
    low: float
    high: float


@dataclass
class LabelScore:
    """The scores of a label, in [0, 1], and how often it is true and predicted."""

    label: str
    precision: float
    recall: float
    f1: float
    low: float
    high: float
    support: int
    predicted: int


@dataclass
class Confusion:
    """Which label is taken for which one: a list for each true label."""

    labels: list[str]
    counts: list[list[float]]


@dataclass
class Curve:
    """Precision by recall, with the thresholds that they come of."""

    label: str | None
    average_precision: float
    thresholds: list[float]
    precision: list[float]
    recall: list[float]


@dataclass
class Reliability:
    """How often what is so probable is right, in bins of equal width."""

    expected_calibration_error: float
    confidence: list[float]  # NaN in an empty bin, as is the accuracy
    accuracy: list[float]
    counts: list[int]


@dataclass
class LengthScore:
    """The main score of documents of these lengths, in tokens."""

    shortest: int
    longest: int
    documents: int
    value: float
    low: float
    high: float


@dataclass
class Mistake:
    """A prediction that is wrong, of which the component was sure.

    Attributes:
        document: Its number in the data, from 0.
        predicted: The label that was predicted, or is missing.
        is_missing: Whether it is missing.
        true: The labels that there are in its place.
        confidence: The probability of the predicted label; None if nobody knows.
        tokens: The text around it, token by token.
        spaces: What is between them.
        start: Which of these tokens it begins with.
        end: The token after the last one.
        contributions: What each token adds to the prediction, in log odds; None if the
            component can't be explained.
        is_cut: Whether there is more of the text before, and after.
        lang: Code of the text's language.
        direction: "ltr" or "rtl".
    """

    document: int
    predicted: str
    is_missing: bool
    true: list[str]
    confidence: float | None
    tokens: list[str]
    spaces: list[str]
    start: int
    end: int
    contributions: list[float] | None = None
    is_cut: tuple[bool, bool] = (False, False)
    lang: str = "en"
    direction: str = "ltr"


@dataclass
class Task:
    """What a component does with one annotation.

    Attributes:
        component: Its name.
        annotation: Where its labels are, such as "doc.cats".
        unit: What has a label: "documents", "tokens", "spans" or "sentences".
        exclusive: Whether each of them has exactly one.
        documents: How many have a true label.
        scores: The one that matters most first.
        labels: The most frequent one first.
        confusion: None for a single label.
        kinds: Of spans, how many are wrong in which way.
        curves: That of all labels first.
        reliability: None if nothing is known of probabilities.
        lengths: The shortest documents first.
        mistakes: The most certain one first.
    """

    component: str
    annotation: str
    unit: str
    exclusive: bool
    documents: int
    scores: list[Score]
    labels: list[LabelScore]
    confusion: Confusion | None = None
    kinds: dict[str, int] = field(default_factory=dict)
    curves: list[Curve] = field(default_factory=list)
    reliability: Reliability | None = None
    lengths: list[LengthScore] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)


@dataclass
class Training:
    """What a log of a training says, a value for each evaluation.

    Attributes:
        steps: The steps after which there was one.
        losses: By component.
        scores: By name, in [0, 1].
        final: The score that the best pipeline is chosen by, in [0, 1].
    """

    steps: list[int]
    losses: dict[str, list[float]]
    scores: dict[str, list[float]]
    final: list[float]


@dataclass
class Report:
    """All of it.

    Attributes:
        model: Name or path of the pipeline.
        data: Path of the data.
        documents: How many there are.
        tokens: How many they have.
        resamples: How many times documents were drawn for the intervals.
        tasks: What components do that has annotation to compare with.
        others: Scores of other components by their names, without intervals.
        card: What the pipeline is, by title.
        training: What the log says, if there is one.
    """

    model: str
    data: str
    documents: int
    tokens: int
    resamples: int
    tasks: list[Task]
    others: dict[str, dict[str, float]]
    card: dict[str, Any]
    training: Training | None = None
