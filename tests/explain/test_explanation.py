"""Explanations of predictions."""

import copy

import numpy as np
import pytest
import spacy
import torch
from numpy.testing import assert_allclose
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_rnn.explain import explain
from spacy_rnn.explain.explanation import find_component
from spacy_rnn.explain.targets import label_log_odds
from spacy_rnn.layers.contributions import Path

TEXTS = [
    "We loved the warm soup. It was good!",
    "The staff were rude. The soup was cold and slow!",
    "A purple goat sang opera.",
]
LABELS = ["good", "bad", "odd"]
TAGS = ["DET", "NOUN", "VERB"]
CELLS = ["rnn_tanh", "rnn_relu", "lstm", "gru"]


def tok2vec(**encode):
    embed = {
        "@architectures": "spacy-rnn.MultiHashEmbed.v1",
        "width": 8,
        "attrs": ["NORM", "SHAPE"],
        "rows": [200, 100],
        "include_static_vectors": False,
        "word_dropout": 0.5,
    }
    encode = {"@architectures": "spacy-rnn.RNNEncoder.v1", "width": 8, **encode}
    return {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}


def textcat(name="spacy-rnn.TextCat.v1", *, linear=True, encode=None, **settings):
    bag = {"@architectures": "spacy-rnn.BagOfNgrams.v1", "rows": 500, "ngram_size": 3}
    return {
        "@architectures": name,
        "exclusive_classes": True,
        "linear_model": bag if linear else None,
        "tok2vec": tok2vec(**encode or {}),
        **settings,
    }


def flat(**settings):
    return textcat(**{"pooling": ["max", "attention", "mean", "last"], **settings})


def tagger(**encode):
    return {"@architectures": "spacy-rnn.Tagger.v1", "tok2vec": tok2vec(**encode)}


def crf():
    return {"@architectures": "spacy-rnn.CRFTagger.v1", "tok2vec": tok2vec()}


def summarizer():
    return {
        "@architectures": "spacy-rnn.SentenceScorer.v1",
        "tok2vec": tok2vec(),
        "width": 8,
    }


def example_of(nlp, text, i):
    doc = nlp.make_doc(text)
    cats = {label: float(label == LABELS[i]) for label in LABELS}
    tags = [TAGS[len(token) % len(TAGS)] for token in doc]
    reference = Doc(nlp.vocab, words=[t.text for t in doc], tags=tags)
    reference.cats = cats
    for token in reference:
        token.is_sent_start = token.i == 0 or reference[token.i - 1].is_punct
    reference.ents = [Span(reference, 1, 2, "A"), Span(reference, 2, 4, "B")]
    reference.spans["summary"] = [next(iter(reference.sents))]
    return Example(doc, reference)


def train(factory, model, steps=8, **settings):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe(factory, config={"model": model, **settings})
    examples = [example_of(nlp, text, i) for i, text in enumerate(TEXTS)]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(steps):
        nlp.update(examples, sgd=optimizer, annotates=["sentencizer"])
    return nlp


def explain_all(nlp, **settings):
    return [each for of_doc in explain(nlp, TEXTS, **settings) for each in of_doc]


def assert_adds_up(explanations):
    assert explanations
    for each in explanations:
        assert each.contributions.shape == (len(each.doc),)
        difference = each.score - each.baseline
        size = max(abs(difference), 0.01 * np.abs(each.contributions).sum())
        assert abs(each.contributions.sum() - difference) <= 0.01 * size
        assert each.residual == pytest.approx(difference - each.contributions.sum())


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("linear", [True, False])
def test_contributions_to_a_category_add_up(cell, linear):
    nlp = train("rnn_textcat", flat(linear=linear, encode={"cell": cell, "depth": 2}))
    explanations = explain_all(nlp)
    assert_adds_up(explanations)
    for each in explanations:  # as the pipeline says
        assert_allclose(each.probability, each.doc.cats[each.label], atol=1e-5)


def test_contributions_are_those_of_float32_in_mixed_precision(monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    found = []
    for mixed in (False, True):
        model = flat(linear=False, encode={"mixed_precision": mixed})
        found.append(train("rnn_textcat", model, steps=0))
    found[1].get_pipe("rnn_textcat").model.from_bytes(
        found[0].get_pipe("rnn_textcat").model.to_bytes()
    )
    expected, explained = map(explain_all, found)
    for one, other in zip(explained, expected, strict=True):
        assert_allclose(one.contributions, other.contributions, atol=1e-6)


def test_contributions_add_up_where_a_score_has_many_kinks():
    embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 16}
    embed |= {"attrs": ["NORM"], "rows": [200], "include_static_vectors": False}
    encode = {"@architectures": "spacy.MaxoutWindowEncoder.v2", "width": 16}
    encode |= {"window_size": 1, "maxout_pieces": 3, "depth": 4}
    tok2vec = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}
    assert_adds_up(explain_all(train("rnn_textcat", flat(tok2vec=tok2vec), steps=30)))


def test_a_score_that_is_all_jumps_comes_to_an_end():
    class Stairs(Path):
        def __init__(self):
            self.docs, self.steps = [["a"]], 0

        def _gradients(self, points):
            self.steps += len(points)
            return np.zeros((len(points), 1))

        def _scores(self, points):
            return np.floor(np.asarray(points) * 2**16)

    stairs = Stairs()
    assert stairs.refine(1e-3).shape == (1,)
    assert stairs.steps < 100_000


@pytest.mark.parametrize(
    ("factory", "model"),
    [
        pytest.param(
            "rnn_textcat",
            textcat("spacy-rnn.HierarchicalTextCat.v1", width=8),
            id="hierarchical",
        ),
        pytest.param(
            "rnn_textcat_multilabel", flat(exclusive_classes=False), id="multilabel"
        ),
        pytest.param("rnn_tagger", tagger(), id="tagger"),
        pytest.param("rnn_tagger", tagger(bptt=2, depth=2), id="truncated"),
        pytest.param("rnn_tagger", tagger(weight_dropout=0.5), id="weight dropout"),
        pytest.param("rnn_ner", crf(), id="entities"),
        pytest.param("rnn_ner", tagger(), id="entities of a tagger"),
        pytest.param("rnn_summarizer", summarizer(), id="summarizer"),
    ],
)
def test_contributions_add_up_for_every_architecture(factory, model):
    steps = 60 if factory == "rnn_ner" else 8
    assert_adds_up(explain_all(train(factory, model, steps)))


def test_the_categories_that_are_explained_are_those_that_are_predicted():
    model = flat(exclusive_classes=False)
    nlp = train("rnn_textcat_multilabel", model, steps=8)
    pipe = nlp.get_pipe("rnn_textcat_multilabel")
    cats = nlp(TEXTS[0]).cats
    wanted = ["bad", "odd"]
    pipe.configure(thresholds={k: v / 2 for k, v in cats.items() if k in wanted})
    pipe.configure(threshold=1.0)
    (found,) = explain(nlp, TEXTS[:1])
    assert sorted(each.label for each in found) == wanted
    assert sorted(pipe.predicted_labels(nlp(TEXTS[0]))) == wanted


def test_contributions_add_up_where_a_score_changes_suddenly():
    nlp = train("rnn_textcat", flat(encode={"cell": "rnn_tanh"}))
    for node in nlp.get_pipe("rnn_textcat").model.walk():
        if node.name == "rnn_tanh":  # with weights like these, states flip
            node.set_param("W", 8.0 * node.get_param("W"))
    assert_adds_up(explain_all(nlp))


def test_the_score_of_a_tag_is_that_of_its_probability():
    nlp = train("rnn_tagger", {**tagger(), "normalize": True})
    model = nlp.get_pipe("rnn_tagger").model
    for of_doc in explain(nlp, TEXTS):
        (probabilities,) = model.predict([of_doc[0].doc])
        for i, each in enumerate(of_doc):
            assert each.label == each.doc[i].tag_
            assert each.span.text == each.doc[i].text
            assert_allclose(each.probability, probabilities[i].max(), atol=1e-5)


@pytest.mark.parametrize("scheme", ["BIO", "BILUO"])
def test_the_score_of_an_entity_is_that_of_its_confidence(scheme):
    nlp = train("rnn_ner", crf(), steps=60, scheme=scheme)
    for of_doc in explain(nlp, TEXTS):
        spans = of_doc[0].doc.spans["rnn_ner"]
        found = [(each.span.text, each.span.label_) for each in of_doc]
        assert found == [(span.text, span.label_) for span in spans]
        assert [each.label for each in of_doc] == [span.label_ for span in spans]
        confidences = [each.probability for each in of_doc]
        assert_allclose(confidences, spans.attrs["scores"], atol=1e-5)


def test_the_sentences_of_a_summary_are_explained():
    nlp = train("rnn_summarizer", summarizer(), budget=1)
    for (each,) in explain(nlp, TEXTS):
        (chosen,) = each.doc.spans["summary"]
        assert (each.start, each.end) == (chosen.start, chosen.end)
        assert_allclose(
            each.probability, each.doc.spans["summary"].attrs["scores"][0], atol=1e-5
        )


def test_of_a_bag_alone_tokens_contribute_what_their_ngrams_weigh():
    """A slow count, n-gram by n-gram."""
    nlp = train("rnn_textcat", flat(linear_share=0.999999), steps=3)
    model = nlp.get_pipe("rnn_textcat").model
    scorer = model.layers[0].layers[0]  # the bag
    (each,) = explain(nlp, [TEXTS[0]], labels=["good"])[0]
    ngrams = scorer.layers[0]
    part = ngrams.attrs["linear"](ngrams, [each.doc], 1.0)
    (total,) = scorer.predict([each.doc])
    assert_allclose(part.tokens[0].sum(axis=0) + part.bias[0], total, atol=1e-5)
    # A word that is known, among words that aren't, has what its own n-gram weighs.
    alone = Doc(nlp.vocab, words=["zzz", "soup", "qqq"])
    part = ngrams.attrs["linear"](ngrams, [alone], 1.0)
    (with_soup,) = scorer.predict([alone])
    (without,) = scorer.predict([Doc(nlp.vocab, words=["zzz", "www", "qqq"])])
    assert_allclose(part.tokens[0][1], with_soup - without, atol=1e-5)
    assert_allclose(part.tokens[0][[0, 2]], 0.0)


def test_attention_is_that_of_words_and_of_sentences():
    model = textcat("spacy-rnn.HierarchicalTextCat.v1", width=8)
    for (each,) in explain(train("rnn_textcat", model), TEXTS):
        sentences = list(each.doc.sents)
        assert each.attention["sentences"].shape == (len(sentences),)
        assert_allclose(each.attention["sentences"].sum(), 1.0, atol=1e-5)
        words = each.attention["words"]
        for sentence in sentences:
            of_sentence = words[sentence.start : sentence.end]
            assert_allclose(of_sentence.sum(), 1.0, atol=1e-5)


def test_attention_weighs_the_pooled_vector():
    nlp = train("rnn_textcat", flat(linear=False, pooling=["attention"]))
    network = nlp.get_pipe("rnn_textcat").model.layers[0]
    encode, pool = network.layers[:2]
    for (each,) in explain(nlp, TEXTS):
        (X,) = encode.predict([each.doc])
        (pooled,) = pool.predict([X])
        assert_allclose(each.attention["words"] @ X, pooled, atol=1e-5)


def test_a_model_without_attention_has_none():
    nlp = train("rnn_textcat", flat(pooling=["max"]))
    assert all(each.attention == {} for each in explain_all(nlp))


def test_explaining_leaves_the_component_as_it_was():
    nlp = train("rnn_textcat", flat())
    pipe = nlp.get_pipe("rnn_textcat")
    before, cats = pipe.to_bytes(), [copy.copy(doc.cats) for doc in nlp.pipe(TEXTS)]
    explain(nlp, TEXTS)
    assert pipe.to_bytes() == before
    assert [doc.cats for doc in nlp.pipe(TEXTS)] == cats
    for node in pipe.model.walk():
        assert not any(node.get_grad(n).any() for n in node.grad_names)


def test_explaining_twice_gives_the_same():
    nlp = train("rnn_textcat", flat())
    for first, second in zip(explain_all(nlp), explain_all(nlp), strict=True):
        assert_allclose(first.contributions, second.contributions)


def test_a_listener_is_explained_as_its_own_layer():
    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": tok2vec()})
    listener = {
        "@architectures": "spacy.Tok2VecListener.v1",
        "width": 8,
        "upstream": "tok2vec",
    }
    nlp.add_pipe("rnn_textcat", config={"model": flat(tok2vec=listener)})
    examples = [example_of(nlp, text, i) for i, text in enumerate(TEXTS)]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.02
    for _ in range(5):
        nlp.update(examples, sgd=optimizer)
    listening = explain_all(nlp)
    assert_adds_up(listening)
    nlp.replace_listeners("tok2vec", "rnn_textcat", ["model.tok2vec"])
    for each, own in zip(listening, explain_all(nlp), strict=True):
        assert_allclose(each.contributions, own.contributions, atol=1e-5)


def test_an_explanation_does_not_depend_on_the_batch():
    nlp = train("rnn_textcat", flat())
    together = explain(nlp, [*TEXTS, "", TEXTS[0]])
    assert together[3] == []
    for text, (each,) in zip(TEXTS, together[:3], strict=True):
        ((alone,),) = explain(nlp, [text])
        assert_allclose(each.contributions, alone.contributions, atol=0.02)
    assert_allclose(together[0][0].contributions, together[4][0].contributions)


def test_a_document_that_comes_twice_is_explained_twice():
    nlp = train("rnn_textcat", flat())
    doc = nlp(TEXTS[0])
    assert [len(each) for each in explain(nlp, [doc, doc])] == [1, 1]


def test_chosen_labels_are_explained_in_the_order_of_the_component():
    nlp = train("rnn_textcat", flat())
    ((first, second),) = explain(nlp, TEXTS[:1], labels=["odd", "good"])
    assert {first.label, second.label} == {"odd", "good"}
    assert second.probability != first.probability


def test_explanations_are_written_to_an_extension_on_request():
    nlp = train("rnn_textcat", flat())
    doc = nlp(TEXTS[0])
    (found,) = explain(nlp, [doc], extension="why")
    assert doc._.why == found


def test_the_last_component_that_can_be_explained_is_the_default():
    nlp = train("rnn_textcat", flat())
    nlp.add_pipe("sentencizer", name="after")
    assert {each.component for each in explain_all(nlp)} == {"rnn_textcat"}
    nlp.add_pipe("rnn_tagger", name="first", config={"model": tagger()}, first=True)
    assert find_component(nlp) == "rnn_textcat"
    nlp.add_pipe("rnn_tagger", name="last", config={"model": tagger()})
    assert find_component(nlp) == "last"


def test_what_cant_be_explained_is_said():
    nlp = train("rnn_textcat", flat())
    with pytest.raises(ValueError, match="'nope'.*sentencizer"):
        explain(nlp, TEXTS, component="nope")
    with pytest.raises(ValueError, match="'sentencizer' can't be explained"):
        explain(nlp, TEXTS, component="sentencizer")
    with pytest.raises(ValueError, match=r"\['better'\].*'bad'"):
        explain(nlp, TEXTS, labels=["better"])
    with pytest.raises(ValueError, match="no component that can be explained"):
        explain(spacy.blank("en"), TEXTS)
    nlp = train("rnn_summarizer", summarizer(), budget=1)
    with pytest.raises(ValueError, match="'rnn_summarizer' has no labels by which"):
        explain(nlp, TEXTS, labels=["summary"])


@pytest.mark.parametrize("exclusive", [True, False])
def test_log_odds_are_those_of_the_probabilities(exclusive):
    scores = np.random.default_rng(0).normal(size=(4, 3)) * 3
    columns = np.array([0, 2, 1, 1])
    exponents = np.exp(scores)
    p = exponents / exponents.sum(axis=1, keepdims=True)
    if not exclusive:
        p = 1.0 / (1.0 + np.exp(-scores))
    p = p[np.arange(4), columns]
    found, gradient = label_log_odds(scores, columns, exclusive=exclusive)
    assert_allclose(found, np.log(p / (1.0 - p)))
    step = 1e-6
    for k in range(3):
        moved = scores.copy()
        moved[:, k] += step
        there, _ = label_log_odds(moved, columns, exclusive=exclusive)
        assert_allclose((there - found) / step, gradient[:, k], atol=1e-4)


def test_what_the_scores_of_a_row_have_in_common_changes_no_log_odds():
    scores = np.random.default_rng(0).normal(size=(4, 3))
    columns, common = np.array([0, 2, 1, 1]), np.array([[0], [-2e3], [3e3], [1]])
    expected = label_log_odds(scores, columns, exclusive=True)
    found = label_log_odds(scores + common, columns, exclusive=True)
    for each, same in zip(found, expected, strict=True):
        assert_allclose(each, same, atol=1e-9)


def test_one_text_in_place_of_several_is_refused():
    nlp = spacy.blank("en")
    for text in ("Good soup.", nlp("Good soup.")):
        with pytest.raises(TypeError, match="put it in a list"):
            explain(nlp, text)
