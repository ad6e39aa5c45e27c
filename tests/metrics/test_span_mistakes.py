"""Why spans are wrong."""

import random

import pytest

from spacy_rnn.metrics.span_mistakes import KINDS, count_span_mistakes


@pytest.mark.parametrize(
    ("true", "predicted", "kind"),
    [
        ({((0, 2), "a")}, {((0, 2), "b")}, "label"),
        ({((0, 2), "a")}, {((1, 2), "a")}, "boundaries"),
        ({((0, 2), "a")}, {((1, 3), "b")}, "both"),
        ({((0, 2), "a")}, {((1, 3), "b"), ((0, 1), "a")}, "boundaries"),
        ({((0, 2), "a")}, set(), "missing"),
        (set(), {((0, 2), "a")}, "made up"),
        ({((0, 2), "a")}, {((0, 2), "a")}, None),
    ],
)
def test_a_mistake_is_of_one_kind(true, predicted, kind):
    counts = count_span_mistakes([true], [predicted])
    assert counts == {each: int(each == kind) for each in KINDS}


def test_spans_that_only_touch_are_two_mistakes():
    counts = count_span_mistakes([{((0, 2), "a")}], [{((2, 4), "a")}])
    assert (counts["missing"], counts["made up"]) == (1, 1)


@pytest.mark.parametrize("seed", range(5))
def test_every_true_span_is_right_or_counted_once(seed):
    draw = random.Random(seed)

    def make_doc():
        starts = [draw.randrange(10) for _ in range(4)]
        return {((s, s + draw.randint(1, 3)), draw.choice("ab")) for s in starts}

    true, predicted = ([make_doc() for _ in range(20)] for _ in range(2))
    counts = count_span_mistakes(true, predicted)
    right = sum(len(a & b) for a, b in zip(true, predicted, strict=True))
    counted = sum(n for kind, n in counts.items() if kind != "made up")
    assert right + counted == sum(map(len, true))
