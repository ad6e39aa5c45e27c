"""Any text gets scores, and the same ones however it is passed in."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc

ODD_TEXTS = {
    "empty": "",
    "space": " ",
    "whitespace": " \n\t\r\n  ",
    "one character": "a",
    "long token": "a" * 300_000,
    "emoji": "\U0001f600\U0001f468‍\U0001f469‍\U0001f467‍\U0001f466 ❤️",
    "right to left": "مرحبا بالعالم שלום",
    "control characters": "\x00\x01\x1b[0m\x7f\ufffe\u200b\u202e",
    "combining": "Z" + "\u0301" * 500,
    "many newlines": "\n" * 2000,
    "other script": "ภาษาไทย 中文 हिन्दी",
}


@pytest.fixture
def reader(shared, factory):
    """A trained pipeline that the tests share, and leave as it is."""
    return shared[factory]


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
def test_odd_texts_get_finite_scores(reader, text):
    scores = list(reader(text).cats.values())
    assert len(scores) == 3
    assert np.isfinite(scores).all()
    assert min(scores) >= 0.0
    assert max(scores) <= 1.0


def test_exclusive_scores_sum_to_one(reader, scores_of, factory):
    sums = scores_of(reader, list(ODD_TEXTS.values())).sum(axis=1)
    if factory == "rnn_textcat":
        assert_allclose(sums, 1.0, atol=1e-5)


def test_each_score_stands_under_its_label(reader, texts, factory):
    pipe, docs = reader.get_pipe(factory), [*map(reader.make_doc, texts)]
    scores = pipe.predict(docs)
    pipe.set_annotations(docs, scores)
    for doc, row in zip(docs, scores, strict=True):
        assert doc.cats == dict(zip(pipe.labels, map(float, row), strict=True))


def test_odd_texts_get_the_same_scores_alone_and_in_a_batch(reader, texts, scores_of):
    mixed = [*ODD_TEXTS.values(), *texts, ""]
    together = scores_of(reader, mixed)
    alone = np.concatenate([scores_of(reader, [text]) for text in mixed])
    assert_allclose(together, alone, atol=1e-5)


def test_an_empty_document_gets_the_models_own_scores(reader, factory):
    empty = Doc(reader.vocab)
    expected = reader.get_pipe(factory).model.predict([empty])
    assert expected.any()
    for docs in ([empty], [empty, empty], [empty, reader.make_doc("soup")]):
        scores = reader.get_pipe(factory).predict(docs)
        assert_allclose(scores[:1], expected, atol=1e-6)


def test_half_a_surrogate_pair_is_no_text(reader):
    with pytest.raises(UnicodeEncodeError):
        reader("half \ud800 a pair")


def test_an_uninitialized_component_says_so_of_an_empty_text(make_nlp, factory):
    with pytest.raises(ValueError, match="E109"):
        make_nlp(factory)("")


def test_pipe_equals_call(reader, texts):
    texts = [*texts, "", "soup", *texts]
    for batch_size in (1, 2, 100):
        docs = list(reader.pipe(texts, batch_size=batch_size))
        assert [doc.text for doc in docs] == texts
        for doc, text in zip(docs, texts, strict=True):
            assert doc.cats == pytest.approx(reader(text).cats, abs=1e-6)


def test_pipe_without_texts_yields_nothing(reader, factory):
    assert list(reader.pipe([])) == []
    assert reader.get_pipe(factory).predict([]).shape == (0, 3)


def test_contexts_stay_with_their_texts(reader, texts):
    pairs = [(text, i) for i, text in enumerate(texts)]
    for doc, i in reader.pipe(pairs, as_tuples=True, batch_size=2):
        assert doc.text == texts[i]
        assert doc.cats == pytest.approx(reader(texts[i]).cats, abs=1e-6)


def test_predictions_repeat_exactly(reader, texts, scores_of):
    assert_array_equal(scores_of(reader, texts), scores_of(reader, texts))


def test_analyze_pipes_knows_what_is_assigned(reader, factory):
    analysis = reader.analyze_pipes()
    assert analysis["summary"][factory]["assigns"] == ["doc.cats"]
    assert "cats_score" in analysis["summary"][factory]["scores"]
    assert analysis["problems"] == {factory: []}


def test_an_empty_text_alone_gets_scores_from_a_model_that_needs_words(
    make_nlp, make_examples, factory
):
    exclusive = "multilabel" not in factory
    model = {
        "@architectures": "spacy.TextCatBOW.v1",
        "exclusive_classes": exclusive,
        "ngram_size": 1,
        "no_output_layer": False,
    }
    nlp = make_nlp(factory, model=model)
    nlp.initialize(lambda: make_examples(nlp, factory))
    pipe = nlp.get_pipe(factory)
    empty, other = Doc(nlp.vocab), nlp.make_doc("soup")
    beside = pipe.predict([empty, other])[0]
    for docs in ([empty], [empty, empty]):
        assert pipe.predict(docs) == pytest.approx(np.array([beside] * len(docs)))
    assert pipe.predict([]).shape == (0, 3)
