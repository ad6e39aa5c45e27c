"""Learning rates that follow a score."""

import pytest
from spacy.util import registry
from thinc.api import Adam

from spacy_rnn.schedules import make_plateau, report_score


def rates(schedule, scores):
    """Return the rate that a schedule gives after each score."""
    found = []
    for step, score in enumerate(scores):
        report_score(score, step)
        found.append(next(schedule))
    return found


def test_a_rising_score_leaves_the_rate_as_it_is():
    schedule = make_plateau(0.1, patience=0)
    assert rates(schedule, [0.1, 0.2, 0.3]) == [0.1, 0.1, 0.1]


def test_the_rate_is_reduced_after_more_evaluations_without_gain_than_patience():
    schedule = make_plateau(0.8, factor=0.5, patience=1)
    found = rates(schedule, [0.5, 0.5, 0.4, 0.5, 0.5, 0.6])
    assert found == [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]


def test_the_rate_never_falls_below_its_lowest():
    schedule = make_plateau(0.8, factor=0.5, patience=0, min_rate=0.3)
    assert rates(schedule, [0.5, 0.5, 0.5, 0.5]) == [0.8, 0.4, 0.3, 0.3]


def test_a_score_that_is_reported_twice_counts_once():
    schedule = make_plateau(0.8, patience=0)
    for _ in range(2):
        report_score(0.5, 0)
        report_score(0.4, 1)
    assert next(schedule) == 0.4


def test_an_optimizer_follows_it():
    schedule = make_plateau(0.8, patience=0)
    optimizer = Adam(schedule)
    report_score(0.5, 0)
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.8
    report_score(0.5, 1)
    optimizer.step_schedules()
    assert optimizer.learn_rate == 0.4


def test_it_can_come_after_a_warm_up():
    warm_up = registry.schedules.get("constant_then.v1")
    schedule = warm_up(0.1, 2, make_plateau(0.8, patience=0))
    assert rates(schedule, [0.5, 0.6, 0.6, 0.6]) == [0.1, 0.1, 0.4, 0.2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 1.0}, r"factor has to be in \(0, 1\), but it is 1.0"),
        ({"patience": -1}, "patience has to be 0 or more"),
        ({"min_rate": -0.1}, "min_rate has to be 0 or more"),
        ({"initial_rate": float("nan")}, "initial_rate has to be 0 or more"),
    ],
)
def test_a_setting_out_of_range_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        make_plateau(**{"initial_rate": 0.1} | options)
