import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from spacy import registry

from spacy_rnn.architectures.hash_embed import build_hash_embed_rnn
from spacy_rnn.architectures.sentence_scorer import build_sentence_scorer

CONFIG = {
    "model": {
        "@architectures": "spacy-rnn.SentenceScorer.v1",
        "width": 4,
        "tok2vec": {
            "@architectures": "spacy-rnn.HashEmbedRNN.v1",
            "width": 4,
            "depth": 1,
            "embed_size": 60,
        },
    }
}


@pytest.fixture(scope="module")
def docs():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return list(nlp.pipe(["A cat sat. A dog ran. It ran.", "", "Yes"]))


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("cell", "lst", "lstm"),
        ("width", 0, "2 or more"),
        ("width", 5, "even"),
        ("hidden_width", 0, "1 or more"),
        ("views", 0, "1 or more"),
        ("dropout", 1.0, "[0, 1)"),
    ],
)
def test_a_wrong_setting_says_what_is_right(setting, value, message):
    with pytest.raises((ValueError, ConfigValidationError)) as error:
        build_sentence_scorer(build_hash_embed_rnn(4, 1, 60), **{setting: value})
    assert message in str(error.value)
    config = {"model": {**CONFIG["model"], setting: value}}
    with pytest.raises((ValueError, ConfigValidationError)):
        registry.resolve(config)


@pytest.mark.parametrize("cell", ["rnn_tanh", "rnn_relu", "lstm", "gru"])
@pytest.mark.parametrize("views", [1, 4])
def test_each_sentence_gets_a_score(docs, cell, views):
    config = {"model": {**CONFIG["model"], "cell": cell, "views": views}}
    model = registry.resolve(config)["model"].initialize(X=docs)
    scores = model.predict(docs)
    assert [score.shape for score in scores] == [(3,), (0,), (1,)]
    assert np.isfinite(np.concatenate(scores)).all()


def test_sentences_of_content_words_that_return_are_central(docs):
    text = "The dog saw a cat. Cats sleep. The dog ran after the cat. It is so."
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    model = build_sentence_scorer(build_hash_embed_rnn(4, 1, 60), views=1)
    doc = nlp(text)
    model.initialize(X=[doc])
    scorer = model.layers[1].attrs["torch_module"]
    measured = []
    module = scorer.bind(model.layers[1])
    handle = module.statistics.register_forward_hook(
        lambda _module, _inputs, output: measured.append(output)
    )
    model.predict([doc])
    handle.remove()
    centrality = measured[0][:, 4]
    assert centrality[[0, 2]].min() > 2 * centrality[[1, 3]].max()
