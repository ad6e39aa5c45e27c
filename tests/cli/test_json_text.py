"""JSON that commands print."""

import json
import math

from spacy_rnn.cli.json_text import to_json


def test_what_is_no_number_is_null_wherever_it_stands():
    value = {"a": [math.nan, 0.5, (math.inf, 1)], "b": {"c": -math.inf}, "d": "nan"}
    expected = {"a": [None, 0.5, [None, 1]], "b": {"c": None}, "d": "nan"}
    assert json.loads(to_json(value)) == expected
