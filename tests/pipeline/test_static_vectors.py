"""Word vectors that are given, beside those that are learned."""

import numpy as np
import pytest
import spacy
from numpy.testing import assert_array_equal
from spacy.vectors import Vectors

WIDTH = 10
WORDS = ["We", "loved", "the", "warm", "soup", "staff", "rude", "goat"]


def default_table(width=WIDTH):
    data = np.random.default_rng(0).normal(size=(len(WORDS), width)).astype("f")
    return Vectors(data=data, keys=WORDS, name="words")


def floret_table(width=WIDTH):
    data = np.random.default_rng(0).normal(size=(50, width)).astype("f")
    return Vectors(
        mode="floret", data=data, hash_count=2, minn=3, maxn=4, name="ngrams"
    )


@pytest.fixture(params=[default_table, floret_table])
def table(request):
    return request.param


@pytest.fixture
def start(make_nlp, make_model, make_examples, factory, tmp_path):
    """Initialize a pipeline with a table of vectors, as `[initialize] vectors`."""

    def start(table):
        source = spacy.blank("en")
        source.vocab.vectors = table()
        source.to_disk(tmp_path / "vectors")
        model = make_model(factory)
        model["tok2vec"]["embed"]["include_static_vectors"] = True
        nlp = make_nlp(factory, model=model)
        nlp.config["initialize"]["vectors"] = str(tmp_path / "vectors")
        examples = make_examples(nlp, factory)
        return nlp, examples, nlp.initialize(lambda: examples)

    return start


def test_a_pipeline_with_vectors_trains_and_reloads(
    start, table, texts, scores_of, tmp_path
):
    nlp, examples, optimizer = start(table)
    optimizer.learn_rate = 0.02
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    scores = scores_of(nlp, texts)
    truths = [list(example.reference.cats.values()) for example in examples]
    assert scores == pytest.approx(np.array(truths), abs=0.2)
    nlp.to_disk(tmp_path / "model")
    assert_array_equal(scores_of(spacy.load(tmp_path / "model"), texts), scores)
    assert_array_equal(scores_of(nlp, texts), scores)


def test_scores_depend_on_the_vectors(start, table, texts, scores_of):
    nlp, _, _ = start(table)
    before = scores_of(nlp, texts)
    vectors = nlp.vocab.vectors
    vectors.data = vectors.data * -2
    assert abs(scores_of(nlp, texts) - before).max() > 1e-4


def test_the_vectors_are_not_trained(start, table):
    nlp, examples, optimizer = start(table)
    before = nlp.vocab.vectors.data.copy()
    nlp.update(examples, sgd=optimizer)
    assert_array_equal(nlp.vocab.vectors.data, before)


def test_a_table_of_another_width_is_refused_by_name(start, table, texts):
    nlp, _, _ = start(table)
    other = table(WIDTH + 1)
    nlp.vocab.vectors = other
    with pytest.raises(ValueError, match=other.name) as caught:
        nlp(texts[0])
    assert "width 10" in str(caught.value)
    assert "width 11" in str(caught.value)


def test_a_missing_table_is_told_of_before_training(
    make_nlp, make_model, make_examples, factory
):
    model = make_model(factory)
    model["tok2vec"]["embed"]["include_static_vectors"] = True
    nlp = make_nlp(factory, model=model)
    with pytest.raises(ValueError, match=r"\[initialize\] vectors"):
        nlp.initialize(lambda: make_examples(nlp, factory))
