"""What layers learn ahead from a whole batch, of which they then compute a part."""

import pickle

import numpy as np
import pytest
import spacy
import torch
from numpy.testing import assert_array_equal
from spacy.tokens import Doc

from spacy_rnn.architectures.hash_embed import build_multi_hash_embed
from spacy_rnn.layers.ngrams import Ngrams

VOCAB = spacy.blank("en").vocab
TEXTS = ["soup was good", "", "bad soup", "good bread was not so good"]


def make_docs(texts):
    return [Doc(VOCAB, words=text.split()) for text in texts]


def make_ngrams():
    layer = Ngrams(2, ngram_size=2, attr="LOWER", rows=64, ngram_dropout=0.0)
    return layer.initialize()


def make_embed():
    rates = {"unknown_rate": 2.0}
    return build_multi_hash_embed(8, ["NORM"], [50], False, **rates).initialize()


@pytest.mark.parametrize("chosen", [[0, 3], [3, 0], [1, 2], [1], []])
@pytest.mark.parametrize("make", [make_ngrams, make_embed])
def test_a_part_is_computed_as_in_the_whole_batch(make, chosen):
    docs, layer = make_docs(TEXTS), make()
    torch.manual_seed(0)
    expected, _ = layer.copy().begin_update(docs)
    torch.manual_seed(0)
    layer.attrs["learn"](layer, docs, chosen)
    found, _ = layer.begin_update([docs[i] for i in chosen])
    assert len(found) == len(chosen)
    for i, Y in zip(chosen, found, strict=True):
        np.testing.assert_allclose(Y, expected[i], atol=1e-6)


@pytest.mark.parametrize("make", [make_ngrams, make_embed])
def test_the_whole_batch_is_learned_once(make):
    docs, layer, alone = make_docs(TEXTS), make(), make()
    alone.begin_update(docs)
    layer.attrs["learn"](layer, docs, [0, 3])
    layer.begin_update([docs[0], docs[3]])
    if make is make_ngrams:
        assert_array_equal(layer.attrs["table"].keys, alone.attrs["table"].keys)
    else:
        found, expected = (each.attrs["value_counts"] for each in (layer, alone))
        assert_array_equal(found.table.keys, expected.table.keys)
        assert_array_equal(found.counts, expected.counts)


@pytest.mark.parametrize("make", [make_ngrams, make_embed])
def test_other_documents_than_announced_are_an_error(make):
    docs, layer = make_docs(TEXTS), make()
    layer.attrs["learn"](layer, docs, [0, 3])
    with pytest.raises(ValueError, match="learned from a batch that it doesn't get"):
        layer.begin_update([docs[0], docs[2]])


@pytest.mark.parametrize("make", [make_ngrams, make_embed])
def test_copies_have_learned_nothing_ahead(make):
    docs, layer = make_docs(TEXTS), make()
    layer.attrs["learn"](layer, docs, [0])
    for copied in (layer.copy(), pickle.loads(pickle.dumps(layer))):
        copied.begin_update(docs[2:])
