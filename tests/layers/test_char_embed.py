import pickle

import numpy as np
import pytest
import spacy
import torch
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc
from thinc.api import SGD, Adam, fix_random_seed, set_dropout_rate, use_ops

from spacy_rnn.layers import char_embed
from spacy_rnn.layers.char_embed import CharEmbed

NO = 8
ENCODERS = ["cnn", "lstm"]
WORDS = [
    ["the", "cat", "sat", "on", "the", "mat"],
    [],
    ["The", "a", ".", "Straßenbahnhaltestelle"],
    ["\U0001f600", "\U0001f469\u200d\U0001f680", "e\u0301té", "été"],
    ["שלום", "\u202eabc\u202c", "ığdır", "北京", "京"],
    ["\x00", "a\x00b", "\x1b[0m", " \n\n\t", "\ufeff", "\ud7ff", "\U0010ffff"],
    ["x" * 300_000, "the"],
    [],
]


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


@pytest.fixture(scope="module")
def docs(nlp):
    return [Doc(nlp.vocab, words=words) for words in WORDS]


def make_layer(encoder="cnn", **options):
    defaults = {
        "char_width": 5,
        "rows": 300,
        "max_chars": 12,
        "attr": "ORTH",
        "dropout": 0.0,
    }
    return CharEmbed(NO, encoder=encoder, **(defaults | options)).initialize()


def make_doc(nlp, *words):
    return Doc(nlp.vocab, words=list(words))


def predict_without_cache(model, docs):
    model = model.copy()
    Ys = []
    for doc in docs:
        model.attrs["row_cache"].clear()
        Ys += model.predict([doc])
    return Ys


def assert_close(Ys, others, tolerance=1e-5):
    for Y, other in zip(Ys, others, strict=True):
        assert_allclose(Y, other, rtol=0, atol=tolerance)


def differ(Ys, others):
    return any((other != Y).any() for Y, other in zip(Ys, others, strict=True))


def backpropagate(model, docs):
    Ys, backprop = model.begin_update(docs)
    backprop([np.cos(np.arange(Y.size, dtype="f")).reshape(Y.shape) for Y in Ys])


def update(model, docs):
    backpropagate(model, docs)
    model.finish_update(SGD(0.1))


# Output and gradient -----------------------------------------------------------------


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_batch_is_embedded_as_each_of_its_tokens_alone(nlp, docs, encoder):
    model = make_layer(encoder)
    cold = model.predict(docs)
    warm = model.predict(docs[::-1])[::-1]
    trained, _ = model.begin_update(docs)
    for doc, *Ys in zip(docs, cold, warm, trained, strict=True):
        for Y in Ys:
            assert Y.shape == (len(doc), NO)
            for token, row in zip(doc, Y, strict=True):
                model.attrs["row_cache"].clear()
                alone = model.predict([make_doc(nlp, token.text)])[0][0]
                assert_allclose(row, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_gradient_is_the_sum_of_those_of_each_token_alone(nlp, docs, encoder):
    model = make_layer(encoder)
    Ys, backprop = model.begin_update(docs)
    rng = np.random.default_rng(0)
    dYs = [rng.normal(size=Y.shape).astype("f") for Y in Ys]
    backprop(dYs)
    grad = model.get_grad("W").copy()
    model.get_grad("W")[:] = 0
    for doc, dY in zip(docs, dYs, strict=True):
        for i, token in enumerate(doc):
            _, backprop = model.begin_update([make_doc(nlp, token.text)])
            backprop([dY[i : i + 1]])
    scale = np.abs(grad).max()
    assert scale > 0
    assert_allclose(model.get_grad("W"), grad, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize("batch", [[], [[]], [[], []]])
def test_a_batch_without_tokens_is_embedded_as_nothing(nlp, batch):
    model = make_layer()
    docs = [make_doc(nlp, *words) for words in batch]
    assert [Y.shape for Y in model.predict(docs)] == [(0, NO)] * len(batch)
    Ys, backprop = model.begin_update(docs)
    assert backprop(Ys) == []
    model.finish_update(Adam(0.1))


def test_a_span_is_embedded_as_its_part_of_the_doc(nlp, docs):
    model = make_layer()
    whole = model.predict(docs)[0]
    spans = [docs[0][1:4], docs[0][2:2], docs[0][:]]
    trained, backprop = model.begin_update(spans)
    for Ys in (model.predict(spans), trained):
        assert_close(Ys, [whole[1:4], whole[:0], whole])
    backprop(trained)


def test_documents_of_different_vocabs_can_share_a_batch():
    docs = [make_doc(spacy.blank("en"), "cat", word) for word in ("wug", "zorb")]
    model = make_layer()
    assert_close(model.predict(docs), predict_without_cache(model, docs))
    assert_close(model.begin_update(docs)[0], model.predict(docs))


def test_a_prediction_can_not_be_backpropagated_through(docs):
    Ys, backprop = make_layer()(docs, is_train=False)
    with pytest.raises(ValueError, match="is_train=False"):
        backprop(Ys)


# Characters --------------------------------------------------------------------------


@pytest.mark.parametrize(("max_chars", "seen"), [(1, "1"), (2, "19"), (5, "12389")])
def test_of_a_long_token_the_first_and_the_last_characters_are_read(
    nlp, max_chars, seen
):
    model = make_layer(max_chars=max_chars)
    docs = [make_doc(nlp, word) for word in ("123456789", seen)]
    assert_array_equal(*model.predict(docs))
    assert char_embed.cut("123456789", 9) == "123456789"


def test_a_token_of_any_length_costs_max_chars_characters(nlp):
    texts = ["ab" * 150_000, "cat"]
    _, chars, lengths = char_embed.characters(make_layer(), texts)
    assert lengths.tolist() == [12, 3]
    assert chars.shape == (15,)


def test_nearly_every_character_has_rows_of_its_own():
    # Two planes of Unicode, scripts without an alphabet among them.
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x20000)]))
    model = make_layer(rows=2_000, max_chars=len(text))
    rows, chars, _ = char_embed.characters(model, [text])
    sets = np.sort(rows.numpy()[chars.numpy()], axis=1)
    assert len(np.unique(sets, axis=0)) > 0.998 * len(text)


def test_the_characters_are_those_of_the_attribute(nlp):
    docs = [make_doc(nlp, "The", "the", "THE")]
    first, second, third = make_layer(attr="LOWER").predict(docs)[0]
    assert_array_equal(first, second)
    assert_array_equal(first, third)
    first, second, third = make_layer(attr="ORTH").predict(docs)[0]
    assert (first != second).any()
    assert (first != third).any()
    docs[0][0].norm_ = "THE"
    first, second, third = make_layer(attr="NORM").predict(docs)[0]
    assert (first != second).any()
    assert_array_equal(second, third)


def test_distinct_words_are_read_once_and_known_ones_never_again(docs, monkeypatch):
    read = []
    characters = char_embed.characters

    def record(model, texts):
        read.extend(texts)
        return characters(model, texts)

    monkeypatch.setattr(char_embed, "characters", record)
    distinct = {token.text for doc in docs for token in doc}
    model = make_layer()
    model.begin_update(docs)
    assert sorted(read) == sorted(distinct)
    read.clear()
    model.predict(docs[:3])
    model.predict(docs)
    assert sorted(read) == sorted(distinct)


# Dropout -----------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", ENCODERS)
def test_dropout_masks_are_drawn_per_document_in_training_only(nlp, encoder):
    docs = [make_doc(nlp, "the", "the", "cat") for _ in range(20)]
    model = make_layer(encoder, dropout=0.5)
    kept = model.predict(docs)
    assert not any((Y == 0).any() for Y in kept)
    masks = set()
    for Y, whole in zip(model.begin_update(docs)[0], kept, strict=True):
        mask = (Y != 0).any(axis=0)
        assert_allclose(Y, 2 * mask * whole, rtol=0, atol=1e-5)
        masks.add(tuple(mask.tolist()))
    assert len(masks) > 1


def test_set_dropout_rate_replaces_dropout(docs):
    model = make_layer(dropout=0.9)
    set_dropout_rate(model, 0.0)
    assert_close(model.begin_update(docs)[0], model.predict(docs))


def test_dropout_is_drawn_from_the_seed_of_thinc(docs):
    model = make_layer(dropout=0.4)
    draws = []
    for seed in (1, 1, 2):
        fix_random_seed(seed)
        draws.append(np.concatenate(model.begin_update(docs)[0]))
    assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


# Saving ------------------------------------------------------------------------------


def through_bytes(model, tmp_path):
    fresh = make_layer(model.name.removeprefix("char_"))
    return fresh.from_bytes(model.to_bytes())


def through_disk(model, tmp_path):
    model.to_disk(tmp_path / "model")
    fresh = make_layer(model.name.removeprefix("char_"))
    return fresh.from_disk(tmp_path / "model")


def through_pickle(model, tmp_path):
    return pickle.loads(pickle.dumps(model))


def through_copy(model, tmp_path):
    return model.copy()


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(
    "way",
    [through_bytes, through_disk, through_pickle, through_copy],
    ids=lambda way: way.__name__,
)
def test_a_twin_predicts_the_same(way, encoder, docs, tmp_path):
    model = make_layer(encoder)
    update(model, docs)
    Ys = model.predict(docs)
    saved = model.to_bytes()
    twin = way(model, tmp_path)
    assert len(twin.attrs["row_cache"]) == 0
    assert_close(twin.predict(docs), Ys, 0)
    assert twin.to_bytes() == saved


@pytest.mark.parametrize(
    ("encoder", "options"), [("lstm", {}), ("cnn", {"char_width": 6})]
)
def test_the_weights_of_another_network_are_refused(encoder, options):
    other = make_layer(encoder, **options)
    with pytest.raises(ValueError, match="saved with other settings"):
        make_layer("cnn").from_bytes(other.to_bytes())


@pytest.mark.gpu
@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("encoder", ENCODERS)
def test_on_a_gpu_output_and_gradient_are_those_of_the_cpu(docs, encoder):
    model = make_layer(encoder)
    with use_ops("numpy"):
        twin = make_layer(encoder).from_bytes(model.to_bytes())
    results = []
    for layer in (model, twin):
        predicted = layer.predict(docs)
        Ys, backprop = layer.begin_update(docs)
        backprop(Ys)
        results.append([*predicted, *Ys, layer.get_grad("W")])
    assert torch.is_tensor(torch.from_dlpack(results[0][0]))
    assert_close([array.get() for array in results[0]], results[1], 1e-4)
