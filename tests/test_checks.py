"""A setting is refused beyond its edges, and nowhere else."""

from math import inf, nan, nextafter

import pytest
from numpy import float32, int64

from spacy_rnn import checks

LEAST = nextafter(0.0, 1.0)  # above 0
MOST = nextafter(1.0, 0.0)  # below 1
GOOD_AND_BAD = {
    "check_at_least": (
        [(2, 2), (3, 2), (0, 0), (int64(1), 0)],
        [(1, 2), (-1, 0), (2.5, 1), (True, 0), ("2", 1), (None, 0)],
    ),
    "check_two_halves": ([(0,), (4,)], [(1,), (5,)]),
    "check_choice": ([("a", ("a", "b"))], [("c", ("a", "b")), ("", ("a",))]),
    "check_flag": ([(True,), (False,)], [(2,), (1,), ("yes",), (None,)]),
    "check_text": ([("",), ("a",), (None,)], [(1,), (b"a",), (["a"],)]),
    "check_rate": ([(0.0,), (MOST,)], [(-LEAST,), (1.0,), (nan,)]),
    "check_share": ([(LEAST,), (MOST,)], [(0.0,), (1.0,), (nan,)]),
    "check_portion": ([(0.0,), (1.0,)], [(-LEAST,), (nextafter(1.0, 2.0),), (nan,)]),
    "check_not_negative": ([(0.0,), (1e300,)], [(-LEAST,), (inf,), (nan,)]),
    "check_positive": ([(LEAST,), (1e300,)], [(0.0,), (-1.0,), (inf,), (nan,)]),
    "check_finite": ([(0.0,), (-1e300,), (1e300,)], [(inf,), (-inf,), (nan,)]),
}
NUMBERS = [name for name in GOOD_AND_BAD if (nan,) in GOOD_AND_BAD[name][1]]


@pytest.mark.parametrize("name", [each for each in vars(checks) if "check_" in each])
def test_a_value_is_refused_beyond_its_edges_by_the_name_of_its_setting(name):
    check = getattr(checks, name)
    good, bad = GOOD_AND_BAD[name]
    for arguments in good:
        check("the_setting", *arguments)
    if name in NUMBERS:
        check("the_setting", float32(0.5))
        bad = [*bad, ("x",), (None,), (True,), ([0.5],)]
    for arguments in bad:
        with pytest.raises(ValueError, match=r"^the_setting ") as error:
            check("the_setting", *arguments)
        assert str(arguments[0]) in str(error.value)


def test_of_many_names_some_are_listed_and_the_rest_counted():
    names = [f"n{i}" for i in range(checks.SHOWN)]
    assert checks.list_names(names) == str(names)
    more = [*names, "almost", *(f"m{i}" for i in range(2000))]
    listed = checks.list_names(more, like="allmost")
    assert listed.startswith("['almost', 'n0', 'n1'")
    assert listed.endswith(", and 2,001 more]")
