import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.architectures.char_embed import build_char_embed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width.*0"),
        ({"encoder": "rnn"}, "encoder.*'cnn', 'lstm'.*'rnn'"),
        ({"encoder": "lstm", "width": 7}, "width.*even.*7"),
        ({"char_width": 0}, "char_width.*0"),
        ({"rows": 0}, "rows.*0"),
        ({"max_chars": 0}, "max_chars.*0"),
        ({"attr": "LENGTH"}, "attr.*'ORTH'.*'LENGTH'"),
        ({"dropout": 1.0}, "dropout.*1"),
    ],
    ids=str,
)
def test_a_value_out_of_range_is_refused_by_its_name(settings, message):
    with pytest.raises(ValueError, match=message):
        build_char_embed(**({"width": 8} | settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "cnnn"}, "'cnn'.*'lstm'"),
        ({"attr": "TEXT"}, "'ORTH'.*'LOWER'.*'NORM'"),
        ({"max_char": 20}, "max_char"),
        ({"width": "wide"}, "width"),
    ],
    ids=str,
)
def test_a_mistake_in_a_config_is_told_with_the_valid_values(settings, message):
    config = {"@architectures": "spacy-rnn.CharEmbed.v1", "width": 8} | settings
    with pytest.raises(ConfigValidationError, match=message):
        spacy.registry.resolve({"model": config})


@pytest.mark.parametrize("encoder", ["cnn", "lstm"])
def test_a_config_needs_no_more_than_a_width(encoder):
    config = {
        "@architectures": "spacy-rnn.CharEmbed.v1",
        "width": 8,
        "encoder": encoder,
    }
    model = spacy.registry.resolve({"model": config})["model"].initialize()
    nlp = spacy.blank("xx")
    docs = [Doc(nlp.vocab, words=["the", "cat"]), Doc(nlp.vocab, words=[])]
    assert [Y.shape for Y in model.predict(docs)] == [(2, 8), (0, 8)]


def make_words(n_stems, seed):
    """Make up words of random stems, and tag them by their endings."""
    rng = np.random.default_rng(seed)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    stems = ["".join(rng.choice(letters, size=5)) for _ in range(n_stems)]
    endings = {"ed": "D", "ing": "G", "s": "S"}
    words = [(stem + ending, tag) for stem in stems for ending, tag in endings.items()]
    return tuple(zip(*words, strict=True))


@pytest.mark.parametrize("encoder", ["cnn", "lstm"])
def test_endings_are_recognized_in_words_never_seen(encoder):
    nlp = spacy.blank("en")
    embed = {
        "@architectures": "spacy-rnn.CharEmbed.v1",
        "width": 16,
        "encoder": encoder,
    }
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": embed}
    tagger = nlp.add_pipe("tagger", config={"model": model})
    words, tags = make_words(60, seed=0)
    examples = [Example.from_dict(Doc(nlp.vocab, words=words), {"tags": tags})]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(40):
        nlp.update(examples, sgd=optimizer)
    words, tags = make_words(20, seed=1)
    found = [token.tag_ for token in tagger(Doc(nlp.vocab, words=words))]
    assert sum(tag == truth for tag, truth in zip(found, tags, strict=True)) >= 57
