"""Components learn from a batch in an order that lets a GPU work on."""

import pytest
from single_components import ANNOTATION, make_pipeline


class Loss:
    """An array without dimensions, on a GPU: who reads it waits for it."""

    def __init__(self, done):
        self.done = done

    def __float__(self):
        self.done.append("loss")
        return 1.5


@pytest.mark.parametrize("factory", sorted(ANNOTATION))
def test_a_loss_is_read_when_the_backward_pass_is_under_way(
    factory, make_nlp, make_tok2vec, monkeypatch
):
    nlp, example = make_pipeline(factory, make_nlp, make_tok2vec)
    pipe, optimizer, done = nlp.get_pipe(factory), nlp.create_optimizer(), []
    begin, get_loss, finish = pipe.model.begin_update, pipe.get_loss, pipe.finish_update

    def begin_update(inputs):
        Y, backprop = begin(inputs)
        return Y, lambda dY: (done.append("backward"), backprop(dY))

    def finish_update(sgd):
        done.append("weights")
        finish(sgd)

    monkeypatch.setattr(type(pipe.model), "begin_update", lambda _, X: begin_update(X))
    monkeypatch.setattr(pipe, "finish_update", finish_update)
    monkeypatch.setattr(
        pipe, "get_loss", lambda *args: (Loss(done), get_loss(*args)[1])
    )
    losses = pipe.update([example], sgd=optimizer, losses={factory: 1.0})
    assert losses == {factory: 2.5}
    assert done == ["backward", "loss", "weights"]
