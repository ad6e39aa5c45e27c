"""What any component does, whatever it is for."""

import re

import pytest
import spacy
from single_components import ANNOTATION, WORDS
from spacy.tokens import Doc
from spacy.util import load_model_from_config

DAMAGES = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "garbage": lambda data: b"version https://git-lfs.github.com/spec/v1\n",
}


@pytest.fixture(params=sorted(ANNOTATION))
def factory(request):
    return request.param


@pytest.fixture
def made(make_pipe, factory):
    """Return a pipeline, its component, and an example."""
    nlp, example = make_pipe(factory)
    return nlp, nlp.get_pipe(factory), example


def test_prediction_leaves_the_document_alone(made):
    _, pipe, example = made
    before = example.predicted.to_bytes()
    pipe.predict([example.predicted])
    assert example.predicted.to_bytes() == before


def test_losses_are_recorded_under_the_components_name(made, factory):
    nlp, _, example = made
    losses = nlp.update([example])
    assert losses.keys() == {factory}
    assert losses[factory] > 0


def test_a_batch_may_be_any_iterable(made, factory):
    _, pipe, example = made
    assert pipe.update(iter([example]))[factory] > 0


def test_an_uninitialized_component_says_so(made):
    nlp = load_model_from_config(made[0].config)
    doc = Doc(nlp.vocab, WORDS, sent_starts=[True, False, True, False])
    with pytest.raises(ValueError, match="E109"):
        nlp(doc)


def test_an_error_handler_gets_the_documents(made, factory, monkeypatch):
    nlp, pipe, example = made

    def fail(docs):
        raise ArithmeticError("broken")

    caught = []
    monkeypatch.setattr(pipe, "predict", fail)
    nlp.set_error_handler(lambda *args: caught.append(args))
    docs = [example.predicted, nlp.make_doc("Soup")]
    assert list(nlp.pipe(docs, batch_size=1)) == []
    assert [name for name, *_ in caught] == [factory] * 2
    assert [failed for _, _, batch, _ in caught for failed in batch] == docs
    assert {str(error) for *_, error in caught} == {"broken"}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_weights_raise_an_error_that_names_the_path(
    made, factory, damage, tmp_path
):
    made[0].to_disk(tmp_path)
    weights = tmp_path / factory / "model"
    weights.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(ValueError, match=re.escape(str(tmp_path / factory))):
        spacy.load(tmp_path)
