"""What an entity recognizer learns, from whole and from partial annotation."""

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Linear, chain, with_array

TAGGERS = ["spacy.Tagger.v2", "spacy-rnn.Tagger.v1"]


def entities_of(nlp, words):
    doc = Doc(nlp.vocab, words=words)
    return [(str(ent), ent.label_) for ent in nlp(doc).ents]


def scores_of(nlp, examples):
    return nlp.get_pipe("rnn_ner").model.predict([eg.predicted for eg in examples])


@pytest.mark.parametrize("scheme", ["BIO", "BILUO"])
def test_overfits_three_sentences(make_ner, make_entities, fit, scheme):
    nlp = make_ner(scheme=scheme)
    examples = make_entities(nlp)
    fit(nlp, examples, 20)
    scores = nlp.evaluate(examples)
    assert scores["ents_f"] == 1.0
    assert set(scores["ents_per_type"]) == {"LOC", "PER"}
    for example in examples:
        confidences = nlp(example.predicted).spans["rnn_ner"].attrs["scores"]
        assert (confidences > 0.8).all()


def test_default_model_overfits(make_entities, fit):
    nlp = spacy.blank("en")
    nlp.add_pipe("rnn_ner")
    examples = make_entities(nlp)
    fit(nlp, examples, 15, learn_rate=0.005)
    assert nlp.evaluate(examples)["ents_f"] == 1.0


def test_spans_are_learned_from_a_group(make_ner, make_entities, fit):
    nlp = make_ner(annotate_ents=False, spans_key="chunks")
    examples = make_entities(nlp, key="chunks")
    fit(nlp, examples, 20)
    scores = nlp.evaluate(examples)
    assert scores["spans_chunks_f"] == 1.0
    assert set(scores["spans_chunks_per_type"]) == {"LOC", "PER"}
    assert "ents_f" not in scores
    assert nlp(examples[0].predicted).ents == ()


def test_the_loss_falls_and_is_recorded_under_the_components_name(
    make_ner, make_entities, fit
):
    nlp = make_ner()
    examples = make_entities(nlp)
    first, last = {}, {}
    optimizer = fit(nlp, examples, 1, losses=first)
    fit(nlp, examples, 10, initialize=False)
    nlp.update(examples, sgd=optimizer, losses=last)
    assert set(first) == {"rnn_ner"}
    assert 0 < last["rnn_ner"] < first["rnn_ner"] / 2


def test_the_loss_is_the_negative_log_probability_of_the_entities(trained_ner):
    # All of the probability that the best entities don't have is the loss.
    words = ["So", "Bern", "met", "Nobody"]
    reference = Doc(trained_ner.vocab, words, ents=["O", "B-LOC", "O", "O"])
    example = Example(Doc(trained_ner.vocab, words), reference)
    pipe = trained_ner.get_pipe("rnn_ner")
    scores = pipe.model.predict([example.predicted])
    alone = Doc(trained_ner.vocab, words, ents=[None, "B-LOC", None, None])
    loss, _ = pipe.get_loss([Example(example.predicted, alone)], scores)
    (entities,) = pipe.predict([example.predicted])
    confidence = dict(zip(entities.spans, entities.confidences, strict=True))
    assert loss == pytest.approx(-np.log(confidence[1, 2, "LOC"]), abs=1e-5)
    whole, _ = pipe.get_loss([example], scores)
    assert whole > loss


def test_documents_without_annotation_count_nothing(trained_ner, make_entities):
    pipe = trained_ner.get_pipe("rnn_ner")
    known = make_entities(trained_ner)
    unknown = [
        Example(eg.predicted, Doc(trained_ner.vocab, [t.text for t in eg.predicted]))
        for eg in known
    ]
    empty = Example(Doc(trained_ner.vocab), Doc(trained_ner.vocab))
    loss, gradient = pipe.get_loss(unknown, scores_of(trained_ner, unknown))
    assert loss == 0.0
    assert not any(rows.any() for rows in gradient.emissions)
    assert not gradient.transitions.any()
    _, expected = pipe.get_loss(known, scores_of(trained_ner, known))
    mixed = [empty, *known, *unknown]
    _, gradient = pipe.get_loss(mixed, scores_of(trained_ner, mixed))
    assert_allclose(gradient.transitions, expected.transitions, atol=1e-5)
    for rows, others in zip(gradient.emissions[1:], expected.emissions, strict=False):
        assert_allclose(rows, others, atol=1e-5)


def test_half_of_the_annotation_is_enough(make_ner, make_entities, fit):
    rng = np.random.default_rng(0)
    names = {"PER": ["Ada", "Bob", "Eve", "Ann"], "LOC": ["Bern", "Rome", "Oslo"]}
    tags = ["B-PER", "O", "B-PER", "O", "B-LOC", "O", "B-LOC"]
    whole, partial, outside = [], [], []
    for _ in range(40):
        (a, b), (c, d) = (rng.choice(names[label], 2).tolist() for label in names)
        words = [a, "met", b, "in", c, "or", d]
        known = list(zip(tags, rng.random(len(words)) < 0.5, strict=True))
        whole.append((words, tags))
        partial.append((words, [tag if is_known else None for tag, is_known in known]))
        outside.append((words, [tag if is_known else "O" for tag, is_known in known]))
    scores = []
    for rows in (partial, outside):
        nlp = make_ner()
        fit(nlp, make_entities(nlp, rows), 20)
        scores.append(nlp.evaluate(make_entities(nlp, whole))["ents_f"])
    assert scores[0] > 0.95
    assert scores[1] < 0.8


def test_entities_that_cross_tokens_are_missing(make_ner, fit):
    nlp = make_ner()
    reference = Doc(
        nlp.vocab, ["New", "Yorkers", "met", "Ada"], ents=["B-LOC", "O", "O", "B-PER"]
    )
    predicted = Doc(nlp.vocab, ["New Yorkers", "met", "Ada"])
    examples = [Example(predicted, reference)]
    with pytest.warns(UserWarning, match="'New' in the document 'New Yorkers met Ada"):
        fit(nlp, examples, 1)
    fit(nlp, examples, 15, initialize=False)
    assert entities_of(nlp, ["New Yorkers", "met", "Ada"])[-1] == ("Ada", "PER")


def test_incorrect_spans_are_unlearned_and_others_are_not(make_ner, make_entities, fit):
    nlp = make_ner(incorrect_spans_key="wrong")
    examples = make_entities(nlp)
    fit(nlp, examples, 15)
    words = ["So", "Bern", "met", "Ada"]
    assert entities_of(nlp, words) == [("Bern", "LOC"), ("Ada", "PER")]
    reference = Doc(nlp.vocab, words, ents=["O", None, "O", "B-PER"])
    reference.spans["wrong"] = [Span(reference, 1, 2, label="LOC")]
    wrong = Example(Doc(nlp.vocab, words), reference)
    fit(nlp, [examples[0], wrong], 15, initialize=False)
    assert ("Bern", "LOC") not in entities_of(nlp, words)
    assert ("Ada", "PER") in entities_of(nlp, words)


def test_a_span_that_is_both_right_and_incorrect_is_an_error(make_ner, make_entities):
    nlp = make_ner(incorrect_spans_key="wrong")
    examples = make_entities(nlp)
    nlp.initialize(lambda: examples)
    doc = examples[1].reference
    doc.spans["wrong"] = [doc.ents[0]]
    with pytest.raises(ValueError, match=r"'So Bern met Ada.*1, 2, 'LOC'"):
        nlp.update(examples)


def test_what_is_predicted_already_does_not_matter_in_training(make_ner, make_entities):
    nlp = make_ner()
    examples = make_entities(nlp)
    nlp.initialize(lambda: examples)
    pipe = nlp.get_pipe("rnn_ner")
    scores = scores_of(nlp, examples)
    _, expected = pipe.get_loss(examples, scores)
    examples[0].predicted.set_ents([], default="blocked")
    _, gradient = pipe.get_loss(examples, scores)
    assert_array_equal(gradient.emissions[0], expected.emissions[0])


def test_empty_documents_can_be_learned_from(trained_ner, make_entities):
    empty = make_entities(trained_ner, [([], [])])
    assert trained_ner.update(empty) == {"rnn_ner": 0.0}
    losses = trained_ner.update([*empty, *make_entities(trained_ner), *empty])
    assert np.isfinite(losses["rnn_ner"])


@pytest.mark.parametrize("architecture", TAGGERS)
@pytest.mark.parametrize("normalize", [True, False])
def test_a_tagger_will_do_as_the_model(
    make_ner, make_entities, make_tok2vec, fit, architecture, normalize, tmp_path
):
    model = {
        "@architectures": architecture,
        "tok2vec": make_tok2vec(),
        "normalize": normalize,
    }
    nlp = make_ner(model=model)
    examples = make_entities(nlp)
    fit(nlp, examples, 30)
    assert nlp.evaluate(examples)["ents_f"] == 1.0
    confidences = nlp(examples[0].predicted).spans["rnn_ner"].attrs["scores"]
    assert (confidences > 0.5).all()
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    words = [token.text for token in examples[0].predicted]
    assert entities_of(loaded, words) == entities_of(nlp, words)


def test_probabilities_and_their_scores_give_the_same_entities(
    make_ner, make_entities, make_tok2vec
):
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": make_tok2vec()}
    nlp = make_ner(model=model)
    examples = make_entities(nlp)
    nlp.initialize(lambda: examples)
    pipe = nlp.get_pipe("rnn_ner")
    layer = pipe.model.get_ref("output_layer")
    layer.set_param("W", np.random.default_rng(0).normal(size=(9, 8)).astype("f"))
    docs = [example.predicted for example in examples]
    by_scores = pipe.predict(docs)
    layer.attrs["softmax_normalize"] = True
    for one, other in zip(pipe.predict(docs), by_scores, strict=True):
        assert one.spans == other.spans
        assert_allclose(one.confidences, other.confidences, atol=1e-5)


@pytest.mark.parametrize("softmax", [True, False])
def test_a_tagger_gets_the_gradient_of_the_loss(
    make_ner, make_entities, make_tok2vec, softmax
):
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": make_tok2vec()}
    nlp = make_ner(model=model)
    examples = make_entities(nlp)
    examples[1].reference.set_ents([], default="missing")
    nlp.initialize(lambda: examples)
    pipe = nlp.get_pipe("rnn_ner")
    if not softmax:
        layer = Linear(9, 8)
        tok2vec = pipe.model.get_ref("tok2vec")
        pipe.model = chain(tok2vec, with_array(layer))
        layer.initialize()
    else:
        layer = pipe.model.get_ref("output_layer")
    rng = np.random.default_rng(0)
    W = rng.normal(size=(9, 8)).astype("f")
    docs = [example.predicted for example in examples]
    tok2vec = pipe.model.layers[0]
    for node in tok2vec.walk():
        if "word_dropout" in node.attrs:
            node.attrs["word_dropout"] = 0.0

    def loss(W):
        layer.set_param("W", W)
        scores, backprop = pipe.model.begin_update(docs)
        value, gradient = pipe.get_loss(examples, scores)
        return value * len(examples), lambda: backprop(gradient)

    _, backprop = loss(W)
    layer.set_grad("W", np.zeros_like(W))
    backprop()
    gradient = layer.get_grad("W").copy()
    direction = rng.normal(size=W.shape).astype("f")
    step = 1e-2
    up, down = loss(W + step * direction)[0], loss(W - step * direction)[0]
    expected = float((gradient * direction).sum())
    assert (up - down) / (2 * step) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("architecture", ["CRFTagger", "Tagger"])
def test_rehearsing_keeps_what_would_be_forgotten(
    make_ner, make_entities, make_tok2vec, fit, architecture
):
    name = f"spacy-rnn.{architecture}.v1"
    old_words, new = ["So", "Bern", "met", "Ada"], [(["Eat", "pie"], ["O", "O"])]
    losses = {}
    for rehearses in (False, True):
        nlp = make_ner(model={"@architectures": name, "tok2vec": make_tok2vec()})
        examples = make_entities(nlp)
        fit(nlp, examples, 25)
        pipe = nlp.get_pipe("rnn_ner")
        assert pipe.rehearse(examples) == {"rnn_ner": 0.0}  # nothing to remember yet
        optimizer = nlp.resume_training()
        optimizer.learn_rate = 0.02
        pipe.add_label("FOOD")
        known = make_entities(nlp, [(old_words, ["O", "B-LOC", "O", "B-PER"])])
        start, _ = pipe.get_loss(known, scores_of(nlp, known))
        outside = make_entities(nlp, [(old_words, ["O"] * 4)])
        for _ in range(10):
            nlp.update(outside + make_entities(nlp, new), sgd=optimizer)
            if rehearses:
                nlp.rehearse(known, sgd=optimizer)
        losses[rehearses] = pipe.get_loss(known, scores_of(nlp, known))[0] - start
    assert losses[True] < losses[False] / 2


def test_rehearsing_an_unchanged_model_changes_nothing(trained_ner, make_entities):
    examples = make_entities(trained_ner)
    trained_ner.resume_training()
    pipe = trained_ner.get_pipe("rnn_ner")
    for node in pipe.model.walk():
        if "word_dropout" in node.attrs:
            node.attrs["word_dropout"] = 0.0
    losses = pipe.rehearse(examples, losses={"x": 1.0})
    assert losses["x"] == 1.0
    assert losses["rnn_ner"] == pytest.approx(0.0, abs=1e-5)
    assert pipe.rehearse(make_entities(trained_ner, [([], [])])) == {"rnn_ner": 0.0}
