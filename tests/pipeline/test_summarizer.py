"""Documents get the summaries that the component has learned to make."""

import pickle

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose, assert_array_equal
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_rnn.pipeline.summary_gold import SHARPNESS, common_parts, sentence_truths

TEXTS = [
    "The cat sat on the mat. Nobody cared at all. The cat saw a dog. So it goes.",
    "Rain fell on Bern. The mayor of Bern resigned. Bern waits. Why? Who knows.",
    "Yes",
]
GOLD = [[0, 2], [1], [0]]


def make_nlp(tok2vec, **config):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    model = {
        "@architectures": "spacy-rnn.SentenceScorer.v1",
        "tok2vec": tok2vec,
        "width": 8,
        "hidden_width": 8,
        "views": 2,
    }
    nlp.add_pipe("rnn_summarizer", config={"model": model, **config})
    return nlp


def make_examples(nlp, *, summaries=False):
    examples = []
    for text, chosen in zip(TEXTS, GOLD, strict=True):
        reference = nlp.get_pipe("sentencizer")(nlp.make_doc(text))
        sentences = list(reference.sents)
        if summaries:
            reference._.summary = " ".join(sentences[i].text for i in chosen)
        else:
            reference.spans["summary"] = [sentences[i] for i in chosen]
        examples.append(Example(nlp.make_doc(text), reference))
    return examples


def fit(nlp, examples, steps=40):
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.03
    losses = {}
    for _ in range(steps):
        losses = {}
        nlp.update(examples, sgd=optimizer, annotates=["sentencizer"], losses=losses)
    return losses


def scores_of(nlp, texts=TEXTS):
    key = nlp.get_pipe("rnn_summarizer").cfg["spans_key"]
    docs = nlp.pipe(texts)
    return [np.array(doc.spans[key].attrs["sentence_scores"]) for doc in docs]


@pytest.fixture(scope="module")
def saved(tmp_path_factory, make_tok2vec):
    """Folder of a trained pipeline."""
    fix_random_seed(0)
    nlp = make_nlp(make_tok2vec(), budget=2)
    fit(nlp, make_examples(nlp))
    path = tmp_path_factory.mktemp("rnn_summarizer") / "model"
    nlp.to_disk(path)
    return path


@pytest.fixture
def trained(saved):
    """A trained pipeline, freshly loaded."""
    return spacy.load(saved)


@pytest.mark.parametrize("summaries", [False, True])
def test_learns_from_chosen_sentences_and_from_summaries(make_tok2vec, summaries):
    nlp = make_nlp(make_tok2vec())
    examples = make_examples(nlp, summaries=summaries)
    losses = fit(nlp, examples)
    assert losses["rnn_summarizer"] < 0.2
    for scores, chosen in zip(scores_of(nlp), GOLD, strict=True):
        assert (scores > 0.5).nonzero()[0].tolist() == chosen


def soft_truths(text, summary, chosen):
    """Soften the choice of some sentences of a text."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("rnn_summarizer")  # registers doc._.summary
    reference = nlp.make_doc(text)
    reference._.summary = summary
    example = Example(nlp.get_pipe("sentencizer")(nlp.make_doc(text)), reference)
    n_sentences = len(list(example.predicted.sents))
    return common_parts(np.isin(np.arange(n_sentences), chosen).astype("f"), example)


def test_soft_labels_rank_sentences_by_what_they_say_of_the_summary():
    found = soft_truths(TEXTS[0], "The cat sat there, and it saw a dog.", [0])
    assert found.argsort().tolist()[:2] == [1, 3]
    assert ((found > 0.0) & (found < 1.0)).all()
    several = soft_truths(TEXTS[0], ["The cat sat.", "So it goes."], [0])
    assert several.argmax() == 0  # the first reference counts


@pytest.mark.parametrize("chosen", [[0], [1, 2], [0, 1, 2, 3]])
def test_the_log_odds_of_soft_labels_have_the_choices_mean_and_one_spread(chosen):
    found = soft_truths(TEXTS[0], "The cat sat there, and it saw a dog.", chosen)
    odds = np.log(found / (1.0 - found))
    n = len(chosen)
    assert odds.mean() == pytest.approx(np.log((n + 0.5) / (4 - n + 0.5)), abs=1e-4)
    assert odds.std() == pytest.approx(SHARPNESS, rel=1e-4)


@pytest.mark.parametrize("summary", [None, "", " "])
def test_without_a_written_summary_soft_labels_are_the_choice(summary):
    assert soft_truths(TEXTS[0], summary, [1]).tolist() == [0, 1, 0, 0]


def test_sentences_that_are_alike_have_the_same_soft_label():
    assert_allclose(soft_truths("No. No. No.", "Yes.", [1]), 1.5 / 4, rtol=1e-6)
    assert_allclose(soft_truths("Yes.", "Yes.", [0]), 1.5 / 2, rtol=1e-6)
    assert len(soft_truths("", "Yes.", [])) == 0


def test_the_loss_is_that_of_the_mixture_of_choice_and_soft_labels(make_tok2vec):
    nlp = make_nlp(make_tok2vec())
    pipe = nlp.get_pipe("rnn_summarizer")
    example = make_examples(nlp, summaries=True)[0]
    nlp.get_pipe("sentencizer")(example.predicted)
    scores = [np.zeros(4, dtype="f")]
    gradients = []
    for share in (0.0, 0.25, 1.0):
        pipe.cfg["soft_labels"] = share
        gradients.append(pipe.get_loss([example], scores)[1][0])
    truths = np.array([1, 0, 1, 0], dtype="f")
    assert_allclose(gradients[0], 0.5 - truths)
    assert_allclose(gradients[2], 0.5 - common_parts(truths, example), rtol=1e-6)
    assert_allclose(gradients[1], 0.75 * gradients[0] + 0.25 * gradients[2], rtol=1e-6)


@pytest.mark.parametrize("is_extract", [True, False])
def test_by_default_the_summary_tells_what_is_learned(make_tok2vec, is_extract):
    nlp = make_nlp(make_tok2vec())
    pipe = nlp.get_pipe("rnn_summarizer")
    example = make_examples(nlp, summaries=True)[0]
    nlp.get_pipe("sentencizer")(example.predicted)
    if not is_extract:
        example.reference._.summary = "A dog was seen by the cat on its mat"
    scores = [np.zeros(4, dtype="f")]
    pipe.cfg["soft_labels"] = 0.0 if is_extract else 1.0
    _, expected = pipe.get_loss([example], scores)
    pipe.cfg["soft_labels"] = None
    assert_array_equal(pipe.get_loss([example], scores)[1][0], expected[0])


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_of_soft_labels_that_cannot_be_is_refused(make_tok2vec, share):
    with pytest.raises(ValueError, match=r"soft_labels has to be in \[0, 1\]"):
        make_nlp(make_tok2vec(), soft_labels=share)


def test_a_summary_has_its_sentences_text_and_scores(trained):
    doc = trained(TEXTS[0])
    spans = doc.spans["summary"]
    sentences = list(doc.sents)
    assert list(spans) == [sentences[0], sentences[2]]
    assert doc._.summary == "The cat sat on the mat.\nThe cat saw a dog."
    every = spans.attrs["sentence_scores"]
    assert len(every) == len(sentences)
    assert all(0.0 <= score <= 1.0 for score in every)
    assert spans.attrs["scores"] == [every[0], every[2]]


def test_sentences_come_in_the_asked_order(trained):
    pipe = trained.get_pipe("rnn_summarizer")
    doc = trained.make_doc(TEXTS[1])
    trained.get_pipe("sentencizer")(doc)
    scores = [np.array([0.1, 0.2, 0.9, 0.3, 0.0])]
    pipe.set_annotations([doc], scores)
    assert [span.start for span in doc.spans["summary"]] == [11, 14]
    pipe.cfg["order"] = "rank"
    pipe.set_annotations([doc], scores)
    assert doc._.summary == "Bern waits.\nWhy?"
    pipe.set_annotations([doc], [np.array([0.1, 0.2, 0.3, 0.9, 0.0])])
    assert doc._.summary == "Why?\nBern waits."


def test_scores_do_not_depend_on_the_batch(trained):
    texts = [*TEXTS, "", " ", "One. " * 300, *TEXTS]
    together = scores_of(trained, texts)
    for text, scores in zip(texts, together, strict=True):
        assert_allclose(scores_of(trained, [text])[0], scores, atol=1e-5)


@pytest.mark.parametrize(
    ("text", "summary"),
    [("", ""), (" ", ""), ("...", ""), ("Yes", "Yes"), ("One sentence.",) * 2],
)
def test_documents_of_at_most_one_sentence_are_legal(trained, text, summary):
    doc = trained(text)
    assert doc._.summary == summary
    assert " ".join(span.text for span in doc.spans["summary"]) == summary
    assert len(doc.spans["summary"].attrs["sentence_scores"]) == len(list(doc.sents))


def test_a_batch_without_sentences_can_be_learned_from(trained):
    examples = [Example(trained.make_doc(""), trained.make_doc(""))]
    trained.update(examples, annotates=["sentencizer"])
    trained.update([*examples, *make_examples(trained)], annotates=["sentencizer"])
    assert trained.get_pipe("rnn_summarizer").predict([]) == []


def test_earlier_annotation_stays_as_it_is(trained):
    doc = trained.make_doc(TEXTS[1])
    doc.ents = [Span(doc, 3, 4, label="LOC")]
    doc.spans["other"] = [doc[1:3]]
    doc.cats["news"] = 1.0
    before = trained.get_pipe("sentencizer")(doc).copy()
    doc = trained.get_pipe("rnn_summarizer")(doc)
    assert [span.label_ for span in doc.ents] == ["LOC"]
    assert [span.text for span in doc.spans["other"]] == ["fell on"]
    assert doc.cats == {"news": 1.0}
    assert_array_equal(doc.to_array("SENT_START"), before.to_array("SENT_START"))


@pytest.mark.parametrize("way", ["bytes", "disk", "docbin", "pickle"])
def test_a_summary_survives_saving(trained, way, tmp_path):
    doc = trained(TEXTS[0])
    if way == "bytes":
        loaded = Doc(trained.vocab).from_bytes(doc.to_bytes())
    elif way == "disk":
        doc.to_disk(tmp_path / "doc")
        loaded = Doc(trained.vocab).from_disk(tmp_path / "doc")
    elif way == "pickle":
        loaded = pickle.loads(pickle.dumps(doc))
    else:
        data = DocBin(docs=[doc], store_user_data=True).to_bytes()
        loaded = next(DocBin().from_bytes(data).get_docs(trained.vocab))
    assert loaded._.summary == doc._.summary
    assert [s.text for s in loaded.spans["summary"]] == [
        s.text for s in doc.spans["summary"]
    ]
    assert loaded.spans["summary"].attrs == doc.spans["summary"].attrs


@pytest.mark.parametrize("way", ["disk", "bytes", "pickle"])
def test_scores_and_settings_survive_saving(trained, way, tmp_path):
    pipe = trained.get_pipe("rnn_summarizer")
    pipe.cfg["order"] = "rank"
    if way == "disk":
        trained.to_disk(tmp_path / "model")
        loaded = spacy.load(tmp_path / "model")
    elif way == "bytes":
        loaded = spacy.blank("en", config=trained.config)
        loaded.from_bytes(trained.to_bytes())
    else:
        loaded = pickle.loads(pickle.dumps(trained))
    assert loaded.get_pipe("rnn_summarizer").cfg == pipe.cfg
    for scores, expected in zip(scores_of(loaded), scores_of(trained), strict=True):
        assert_array_equal(scores, expected)
    before = scores_of(trained)[0]
    mistakes = make_examples(loaded)
    mistakes[0].reference.spans["summary"] = []
    optimizer = loaded.create_optimizer()
    optimizer.learn_rate = 0.02
    for _ in range(5):
        loaded.update(mistakes, sgd=optimizer, annotates=["sentencizer"])
    assert abs(scores_of(loaded)[0] - before).max() > 1e-5
    assert_array_equal(scores_of(trained)[0], before)


def test_documents_without_sentence_boundaries_are_refused(trained):
    trained.remove_pipe("sentencizer")
    with pytest.raises(ValueError, match="annotating_components"):
        trained(TEXTS[0])
    with pytest.raises(ValueError, match="nltk_sentencizer"):
        trained.update(make_examples_like(trained))


def make_examples_like(nlp):
    """Make examples without any sentence boundaries in the predicted documents."""
    doc = nlp.make_doc(TEXTS[0])
    doc.spans["summary"] = [doc[:7]]
    return [Example(nlp.make_doc(TEXTS[0]), doc)]


def test_training_data_without_gold_is_refused(make_tok2vec):
    nlp = make_nlp(make_tok2vec())
    examples = [Example(nlp.make_doc(text), nlp.make_doc(text)) for text in TEXTS]
    with pytest.raises(ValueError, match="nothing to learn from"):
        nlp.initialize(lambda: examples)


def test_a_document_without_gold_counts_nothing(trained):
    pipe = trained.get_pipe("rnn_summarizer")
    examples = make_examples(trained)
    for example in examples:
        trained.get_pipe("sentencizer")(example.predicted)
    scores = pipe.model.predict([example.predicted for example in examples])
    loss, gradient = pipe.get_loss(examples, scores)
    doc = trained.get_pipe("sentencizer")(trained.make_doc(TEXTS[0]))
    unknown = [*examples, Example(doc, trained.make_doc(TEXTS[0]))]
    more = pipe.get_loss(unknown, pipe.model.predict([e.predicted for e in unknown]))
    assert more[0] == pytest.approx(loss, rel=1e-5)
    assert not more[1][-1].any()
    for found, expected in zip(more[1], gradient, strict=False):
        assert_allclose(found, expected, atol=1e-6)


def test_the_loss_is_the_mean_over_sentences_that_are_known(trained):
    examples = make_examples(trained)
    examples[1].reference.spans.pop("summary")
    for example in examples:
        trained.get_pipe("sentencizer")(example.predicted)
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=n).astype("f") for n in (4, 5, 1)]
    loss, _ = trained.get_pipe("rnn_summarizer").get_loss(examples, scores)
    known, truths = np.append(scores[0], scores[2]), np.array([1, 0, 1, 0, 1])
    expected = np.logaddexp(0.0, known) - truths * known
    assert loss == pytest.approx(expected.mean(), rel=1e-5)


def test_other_boundaries_than_those_of_the_reference_are_aligned(trained):
    pipe = trained.get_pipe("rnn_summarizer")
    words = ["Don't", "won't", "can't", ".", "She", "left", "."]
    reference = Doc(trained.vocab, words=words)
    reference.spans["summary"] = [reference[4:7]]
    words = ["Do", "n't", "wo", "n't", "ca", "n't", ".", "She", "left", "."]
    spaces = [word not in ("Do", "wo", "ca") for word in words]
    starts = [word in ("Do", "She") for word in words]
    predicted = Doc(trained.vocab, words=words, spaces=spaces, sent_starts=starts)
    example = Example(predicted, reference)
    scores = [np.zeros(2, dtype="f")]
    _, gradient = pipe.get_loss([example], scores)
    assert_allclose(gradient[0], [0.5, -0.5], atol=1e-6)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("unit", "sentence", "sentences"),
        ("order", "score", "rank"),
        ("budget", 0, "above 0"),
        ("budget", -1, "above 0"),
    ],
)
def test_a_wrong_setting_says_what_is_right(make_tok2vec, setting, value, message):
    with pytest.raises(ValueError, match=message):
        make_nlp(make_tok2vec(), **{setting: value})


def test_a_share_is_at_most_one(make_tok2vec):
    with pytest.raises(ValueError, match="share"):
        make_nlp(make_tok2vec(), unit="share", budget=3)


def test_another_group_of_spans_can_be_used(make_tok2vec):
    nlp = make_nlp(make_tok2vec(), spans_key="highlights", unit="share", budget=0.5)
    examples = make_examples(nlp)
    for example in examples:
        example.reference.spans["highlights"] = example.reference.spans["summary"]
        del example.reference.spans["summary"]
    fit(nlp, examples, 2)
    doc = nlp(TEXTS[0])
    assert list(doc.spans) == ["highlights"]
    assert 0 < len(doc.spans["highlights"]) < 4


def test_an_uninitialized_component_says_so_of_an_empty_text(make_tok2vec):
    with pytest.raises(ValueError, match="E109"):
        make_nlp(make_tok2vec())("")


def test_an_extension_of_the_users_own_is_kept(make_tok2vec):
    Doc.set_extension("summary", default="none yet", force=True)
    try:
        nlp = make_nlp(make_tok2vec())
        assert Doc.get_extension("summary")[0] == "none yet"
        fit(nlp, make_examples(nlp), 1)
    finally:
        Doc.set_extension("summary", default=None, force=True)


def test_a_listener_reads_the_vectors_of_the_shared_encoder(make_tok2vec, tmp_path):
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8}
    nlp = make_nlp({**listener, "upstream": "tok2vec"}, budget=2)
    nlp.add_pipe("tok2vec", config={"model": make_tok2vec()}, first=True)
    fit(nlp, make_examples(nlp))
    for scores, chosen in zip(scores_of(nlp), GOLD, strict=True):
        assert (scores > 0.5).nonzero()[0].tolist() == chosen
    before = scores_of(nlp)
    nlp.replace_listeners("tok2vec", "rnn_summarizer", ["model.tok2vec"])
    nlp.remove_pipe("tok2vec")
    nlp.to_disk(tmp_path / "model")
    for model in (nlp, spacy.load(tmp_path / "model")):
        for scores, expected in zip(scores_of(model), before, strict=True):
            assert_allclose(scores, expected, atol=1e-5)


def test_truths_follow_sentences_that_are_predicted_anew(make_tok2vec):
    nlp = make_nlp(make_tok2vec())
    example, *_ = make_examples(nlp, summaries=True)
    whole = example.predicted.copy()
    for token in whole:
        token.is_sent_start = token.i == 0  # as an untrained component may have it
    once = Example(whole, example.reference)
    assert_array_equal(sentence_truths(once, "summary"), [1.0])
    nlp.get_pipe("sentencizer")(example.predicted)
    for _ in range(2):
        found = sentence_truths(Example(example.predicted, once.reference), "summary")
        assert_array_equal(found, [1.0, 0.0, 1.0, 0.0])


def test_texts_without_a_token_are_summarized_by_nothing_with_any_encoder():
    cnn = {"@architectures": "spacy.HashEmbedCNN.v2", "width": 16, "depth": 1}
    cnn |= {"embed_size": 100, "window_size": 1, "maxout_pieces": 2}
    cnn |= {"subword_features": True, "pretrained_vectors": None}
    nlp = make_nlp(cnn)
    fit(nlp, make_examples(nlp), 1)
    (doc,) = nlp.pipe([""])
    assert doc._.summary == ""
    assert len(doc.spans["summary"]) == 0
