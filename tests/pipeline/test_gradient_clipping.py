"""What a component does with the gradients of its model."""

import numpy as np
import pytest
import spacy
from single_components import ANNOTATION

from spacy_rnn.gradients import NonFiniteGradientError, gradient_arrays


@pytest.fixture(params=ANNOTATION)
def factory(request):
    return request.param


class Watch:
    """An optimizer that looks at gradients and changes nothing."""

    def __init__(self):
        self.gradients = []

    def __call__(self, key, weights, gradient, **_):
        self.gradients.append(gradient.copy())
        gradient *= 0
        return weights, gradient


def update(nlp, example, factory):
    watch = Watch()
    nlp.get_pipe(factory).update([example], sgd=watch)
    return watch.gradients


def norm_of(arrays):
    return np.linalg.norm(np.concatenate([array.ravel() for array in arrays]))


def test_the_optimizer_gets_clipped_gradients(make_pipe, factory):
    plain = update(*make_pipe(factory), factory)
    norm = norm_of(plain)
    nlp, example = make_pipe(factory, max_gradient_norm=float(norm) / 7)
    clipped = update(nlp, example, factory)
    assert norm > 0
    for old, new in zip(plain, clipped, strict=True):
        np.testing.assert_allclose(new, old / 7, rtol=1e-4, atol=1e-9)


def test_a_negative_norm_is_refused(make_pipe, factory):
    with pytest.raises(ValueError, match="max_gradient_norm has to be 0 or more"):
        make_pipe(factory, max_gradient_norm=-1.0)


def test_the_setting_is_saved_with_the_component(make_pipe, factory, tmp_path):
    nlp, _ = make_pipe(factory, max_gradient_norm=2.5)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path).get_pipe(factory)
    assert loaded.cfg["max_gradient_norm"] == 2.5
    copy = make_pipe(factory)[0].get_pipe(factory)
    assert copy.cfg["max_gradient_norm"] == 0.0
    copy.from_bytes(nlp.get_pipe(factory).to_bytes())
    assert copy.cfg["max_gradient_norm"] == 2.5


def test_a_component_without_the_setting_in_its_files_loads(make_pipe, factory):
    nlp, example = make_pipe(factory)
    pipe = nlp.get_pipe(factory)
    del pipe.cfg["max_gradient_norm"]
    loaded = make_pipe(factory)[0].get_pipe(factory)
    loaded.from_bytes(pipe.to_bytes())
    loaded.update([example], sgd=Watch())


def test_weights_survive_a_gradient_that_is_not_a_number(make_pipe, factory):
    nlp, example = make_pipe(factory)
    pipe = nlp.get_pipe(factory)
    pipe.update([example])
    gradient_arrays(pipe.model)[-1].fill(np.nan)
    before = pipe.model.to_bytes()
    with pytest.raises(NonFiniteGradientError, match=f"'{factory}'"):
        pipe.finish_update(nlp.create_optimizer())
    assert pipe.model.to_bytes() == before
    pipe.update([example], sgd=nlp.create_optimizer())
    assert pipe.model.to_bytes() != before
