"""What the components that label tokens are trained towards."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import NumpyOps

OPS = NumpyOps()
MISSING = [
    {
        "words": ["Eat", "green", "!"],
        "tags": ["VB", "", "."],
        "pos": ["", "ADJ", "PUNCT"],
    },
    {"words": ["no", "annotation"]},
]


@pytest.fixture(params=["rnn_tagger", "rnn_morphologizer"])
def factory(request):
    return request.param


@pytest.fixture
def make_pair(make_nlp, make_tagged):
    """Make our component and spaCy's, with the same labels."""

    def make(factory, **config):
        nlp = make_nlp(factory, **config)
        peer = factory.removeprefix("rnn_")
        nlp.add_pipe(peer, config=config)
        nlp.initialize(lambda: make_tagged(nlp))
        return nlp, nlp.get_pipe(factory), nlp.get_pipe(peer)

    return make


def random_scores(examples, n_labels):
    """Make probabilities of the labels of each token."""
    rng = np.random.default_rng(0)
    return [
        OPS.softmax(rng.normal(size=(len(eg.predicted), n_labels)).astype("f"))
        for eg in examples
    ]


def gradient_of(pipe, examples):
    scores = random_scores(examples, len(pipe.labels))
    _, gradient = pipe.get_loss(examples, scores)
    assert [rows.shape for rows in gradient] == [rows.shape for rows in scores]
    return np.concatenate(gradient)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_is_that_of_spacys_component(
    make_pair, make_tagged, factory, smoothing
):
    nlp, ours, theirs = make_pair(factory, label_smoothing=smoothing)
    examples = [*make_tagged(nlp), *make_tagged(nlp, MISSING)]
    found = gradient_of(ours, examples)
    assert_allclose(found, gradient_of(theirs, examples), rtol=0, atol=1e-6)


def test_tokens_without_annotation_count_nothing(make_pair, make_tagged, factory):
    nlp, pipe, _ = make_pair(factory)
    known = gradient_of(pipe, make_tagged(nlp, MISSING)).any(axis=1).tolist()
    first, second = {"rnn_tagger": (True, False), "rnn_morphologizer": (False, True)}[
        factory
    ]
    assert known == [first, second, True, False, False]


def test_the_loss_is_the_mean_over_annotated_tokens(make_pair, make_tagged, factory):
    nlp, pipe, _ = make_pair(factory)
    examples = [*make_tagged(nlp), *make_tagged(nlp, MISSING)]
    scores = random_scores(examples, len(pipe.labels))
    rows, expected = np.concatenate(scores), []
    for P, gradient in zip(rows, gradient_of(pipe, examples), strict=True):
        if gradient.any():
            expected.append(-np.log(P[gradient.argmin()]))  # only the truth is below 0
    assert pipe.get_loss(examples, scores)[0] == pytest.approx(np.mean(expected))
    assert len(expected) == 10


@pytest.mark.parametrize(
    ("predicted", "reference", "known"),
    [
        (["Eatblue", "ham"], ["Eat", "blue", "ham"], [False, True]),
        (["Ea", "tblue", "ham"], ["Eat", "blue", "ham"], [True, False, True]),
        (["Ea", "t", "blue", "ham"], ["Eat", "blue", "ham"], [True] * 4),
        (["Eat", " ", "blue", "ham"], ["Eat", "blue", "ham"], [1, 0, 1, 1]),
        (["Eat", "blue", "ham"], ["Eat", "blue", "ham"], [True] * 3),
    ],
)
def test_other_tokens_than_the_references_are_aligned(
    make_pair, factory, predicted, reference, known
):
    nlp, ours, theirs = make_pair(factory)
    reference = Doc(
        nlp.vocab,
        words=reference,
        tags=["VB", "JJ", "NN"],
        pos=["VERB", "ADJ", "NOUN"],
        morphs=["Mood=Imp", "", "Number=Sing"],
        spaces=[False] * 3,
    )
    predicted = Doc(nlp.vocab, words=predicted, spaces=[False] * len(predicted))
    examples = [Example(predicted, reference)]
    found = gradient_of(ours, examples)
    assert_allclose(found, gradient_of(theirs, examples), rtol=0, atol=1e-6)
    assert found.any(axis=1).tolist() == [bool(each) for each in known]


def test_smoothing_that_hides_the_truth_is_refused(make_pair, make_tagged, factory):
    nlp, pipe, _ = make_pair(factory, label_smoothing=0.9)
    examples = make_tagged(nlp)
    with pytest.raises(ValueError, match="label_smoothing"):
        pipe.get_loss(examples, random_scores(examples, 7))


def test_one_label_is_learned_from(make_nlp, make_tagged, factory):
    nlp = make_nlp(factory)
    rows = [{"words": ["a", "b"], "tags": ["X", "X"], "pos": ["X", "X"]}]
    nlp.initialize(lambda: make_tagged(nlp, rows))
    assert nlp.update(make_tagged(nlp, rows))[factory] == pytest.approx(0.0, abs=1e-6)
    assert len(list(nlp.pipe(["a b"]))[0]) == 2


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_no_examples_have_no_loss(make_pair, factory, smoothing):
    _, pipe, _ = make_pair(factory, label_smoothing=smoothing)
    assert pipe.get_loss([], []) == (0.0, [])


def test_a_denied_tag_is_unlearned(make_nlp, make_tagged, fit):
    nlp = make_nlp("rnn_tagger")
    fit(nlp, make_tagged(nlp))
    assert nlp("Eat blue ham")[0].tag_ == "VB"
    denied = [{"words": ["Eat", "blue", "ham"], "tags": ["!VB", "", ""]}]
    fit(nlp, make_tagged(nlp, denied), 10, initialize=False)
    assert nlp("Eat blue ham")[0].tag_ != "VB"


def test_a_denied_tag_is_summed_over(make_pair, make_tagged):
    nlp, pipe, _ = make_pair("rnn_tagger")
    examples = make_tagged(nlp, [{"words": ["Eat", "ham"], "tags": ["!VB", ""]}])
    scores = random_scores(examples, 7)
    VB = pipe.labels.index("VB")
    loss, gradient = pipe.get_loss(examples, scores)
    assert loss == pytest.approx(-np.log(1 - scores[0][0, VB]), rel=1e-5)
    assert gradient[0][0, VB] == pytest.approx(scores[0][0, VB])
    assert (np.delete(gradient[0][0], VB) < 0).all()
    assert not gradient[0][1].any()
