import numpy as np
import pytest
from numpy.testing import assert_array_equal
from thinc.api import Dropout as ThincDropout
from thinc.api import fix_random_seed

from spacy_rnn.layers.dropout import Dropout


def make_vectors(*lengths):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, 5)).astype("f") for n in lengths]


def test_results_and_gradients_are_those_of_thinc():
    Xs = make_vectors(4, 0, 30, 1)
    for is_train in (True, False):
        results = []
        for model in (Dropout(0.4), ThincDropout(0.4)):
            fix_random_seed(0)
            Ys, backprop = model(Xs, is_train=is_train)
            results.append([*Ys, *backprop(Xs)])
        for ours, theirs in zip(*results, strict=True):
            assert_array_equal(ours, theirs)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 20, True, "0.2"])
def test_a_rate_out_of_range_is_refused(rate):
    with pytest.raises(ValueError, match=r"dropout has to be in \[0, 1\)"):
        Dropout(rate)


def test_a_batch_of_nothing_stays_nothing():
    for lengths in ((), (0, 0)):
        Xs = make_vectors(*lengths)
        Ys, backprop = Dropout(0.4)(Xs, is_train=True)
        assert len(Ys) == len(backprop(Ys)) == len(lengths)
