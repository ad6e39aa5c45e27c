"""Where the labels of tokens come from, how they grow, and what is refused."""

import numpy as np
import pytest
import spacy
import srsly
from numpy.testing import assert_allclose
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam

LABELS = {
    "rnn_tagger": (".", "JJ", "NN", "NNS", "PRP", "VB", "VBZ"),
    "rnn_morphologizer": (
        "Case=Nom|Number=Sing|POS=PRON",
        "POS=VERB|Tense=Pres",
        "POS=ADJ",
        "Number=Plur|POS=NOUN",
        "POS=PUNCT",
        "Mood=Imp|POS=VERB",
        "Number=Sing|POS=NOUN",
    ),
}
NEW = {"rnn_tagger": "UH", "rnn_morphologizer": "POS=INTJ"}
TEXTS = ["She likes green eggs !", "Eat blue ham", "Wow !"]


@pytest.fixture(params=["rnn_tagger", "rnn_morphologizer"])
def factory(request):
    return request.param


@pytest.fixture
def nlp(make_nlp, factory):
    return make_nlp(factory)


@pytest.fixture
def wow(make_tagged):
    """Make an example of a token whose label is new."""
    return lambda nlp: make_tagged(
        nlp,
        [
            {
                "words": ["Wow", "!"],
                "tags": ["UH", "."],
                "pos": ["INTJ", "PUNCT"],
                "morphs": ["", ""],
            }
        ],
    )


def scores_of(nlp, factory):
    docs = [nlp.make_doc(text) for text in TEXTS]
    return np.concatenate(nlp.get_pipe(factory).model.predict(docs))


def labels_of(nlp, factory, text):
    doc = nlp(text)
    if factory == "rnn_tagger":
        return [token.tag_ for token in doc]
    return [f"POS={token.pos_}" for token in doc]


def test_labels_are_read_from_the_examples(nlp, make_tagged, factory):
    nlp.initialize(lambda: make_tagged(nlp))
    pipe = nlp.get_pipe(factory)
    assert pipe.labels == LABELS[factory]
    assert pipe.model.get_dim("nO") == len(pipe.labels)


def test_labels_are_saved_and_read_by_initialize(
    nlp, make_nlp, make_tagged, factory, tmp_path
):
    nlp.initialize(lambda: make_tagged(nlp))
    srsly.write_json(tmp_path / "labels.json", nlp.get_pipe(factory).label_data)
    other = make_nlp(factory)
    other.config["initialize"]["components"][factory] = {
        "labels": {
            "@readers": "spacy.read_labels.v1",
            "path": str(tmp_path / "labels.json"),
        }
    }
    other.initialize(lambda: make_tagged(other)[:1])
    assert other.get_pipe(factory).labels == LABELS[factory]
    assert other.get_pipe(factory).label_data == nlp.get_pipe(factory).label_data
    other.update(make_tagged(other))


def test_labels_may_be_added_before_initializing(nlp, make_tagged, factory):
    pipe = nlp.get_pipe(factory)
    assert [pipe.add_label(NEW[factory]) for _ in range(2)] == [1, 0]
    nlp.initialize(lambda: make_tagged(nlp))
    assert set(pipe.labels) == {*LABELS[factory], NEW[factory]}
    assert pipe.model.get_dim("nO") == len(pipe.labels) == 8


@pytest.mark.parametrize("reload", [False, True])
def test_a_label_added_after_training_is_learned_beside_the_others(
    nlp, make_tagged, wow, fit, factory, reload, tmp_path
):
    fit(nlp, make_tagged(nlp))
    before = scores_of(nlp, factory)
    if reload:
        nlp.to_disk(tmp_path / "model")
        nlp = spacy.load(tmp_path / "model")
    assert nlp.get_pipe(factory).add_label(NEW[factory]) == 1
    after = scores_of(nlp, factory)
    assert_allclose(after[:, :7], before, rtol=1e-5)
    assert after[:, 7].max() < before.max(axis=1).min() - 10
    assert NEW[factory] not in labels_of(nlp, factory, TEXTS[2])

    fit(nlp, [*make_tagged(nlp), *wow(nlp)], 50, initialize=False, learn_rate=0.1)
    assert labels_of(nlp, factory, TEXTS[2])[0] == NEW[factory]
    assert nlp.evaluate([*make_tagged(nlp), *wow(nlp)])[
        "tag_acc" if factory == "rnn_tagger" else "pos_acc"
    ] == pytest.approx(1.0)
    nlp.to_disk(tmp_path / "grown")
    loaded = spacy.load(tmp_path / "grown")
    assert_allclose(scores_of(loaded, factory), scores_of(nlp, factory), rtol=1e-5)


def test_several_labels_are_added_one_after_another(nlp, make_tagged, factory):
    nlp.initialize(lambda: make_tagged(nlp))
    pipe = nlp.get_pipe(factory)
    for label in ("POS=X", "POS=SYM", "POS=INTJ"):
        pipe.add_label(label)
    assert pipe.model.get_dim("nO") == len(pipe.labels) == 10
    nlp.update(make_tagged(nlp), sgd=nlp.create_optimizer())
    assert len(pipe.predict([nlp.make_doc(TEXTS[0])])[0]) == 5


def test_a_model_that_does_not_resize_is_an_error_as_in_spacy(
    make_nlp, make_tagged, make_tok2vec, factory
):
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": make_tok2vec()}
    nlp = make_nlp(factory, model=model)
    nlp.initialize(lambda: make_tagged(nlp))
    with pytest.raises(ValueError, match="E922"):
        nlp.get_pipe(factory).add_label(NEW[factory])
    assert nlp.get_pipe(factory).labels == LABELS[factory]


def test_a_tag_of_a_word_symbol_is_learned(make_nlp, make_tagged, fit):
    nlp = make_nlp("rnn_tagger")
    rows = [{"words": ["green", "eggs"], "tags": ["ADJ", "NOUN"]}]  # known to spaCy
    fit(nlp, make_tagged(nlp, rows), 15)
    assert labels_of(nlp, "rnn_tagger", "green eggs") == ["ADJ", "NOUN"]


def test_an_unknown_tag_is_named_with_its_document(make_nlp, make_tagged, wow):
    nlp = make_nlp("rnn_tagger")
    nlp.initialize(lambda: make_tagged(nlp))
    with pytest.raises(ValueError, match="Wow ! ") as caught:
        nlp.update([*make_tagged(nlp), *wow(nlp)])
    assert "'UH'" in str(caught.value)
    assert "'rnn_tagger'" in str(caught.value)
    assert str(sorted(LABELS["rnn_tagger"])) in str(caught.value)


def test_unknown_features_are_left_out_with_a_warning(make_nlp, make_tagged, wow, fit):
    nlp = make_nlp("rnn_morphologizer")
    nlp.initialize(lambda: make_tagged(nlp))
    pipe = nlp.get_pipe("rnn_morphologizer")
    examples = wow(nlp)
    scores, _ = pipe.model.begin_update([eg.predicted for eg in examples])
    with pytest.warns(UserWarning, match="'INTJ'.*'Wow ! '"):
        _, gradient = pipe.get_loss(examples, scores)
    assert not gradient[0][0].any()
    assert gradient[0][1].any()


def test_a_batch_without_annotation_is_skipped_with_a_warning(
    make_nlp, make_tagged, factory
):
    nlp = make_nlp(factory)
    nlp.initialize(lambda: make_tagged(nlp))
    bare = make_tagged(nlp, [{"words": ["No", "annotation"]}])
    before = nlp.get_pipe(factory).model.to_bytes()
    with pytest.warns(UserWarning, match="no token is annotated") as caught:
        losses = nlp.update(bare, sgd=Adam(0.1))
    assert len(caught) == 1
    assert f"'{factory}'" in str(caught[0].message)
    assert losses[factory] == 0.0
    assert nlp.get_pipe(factory).model.to_bytes() == before
    nlp.update([*bare, *make_tagged(nlp)])  # among others it's no news


def test_a_tag_that_is_denied_names_a_label(make_nlp, make_tagged):
    rows = [{"words": ["a", "b", "!", "c"], "tags": ["!NN", "VB", "!", ""]}]
    nlp = make_nlp("rnn_tagger")
    nlp.initialize(lambda: make_tagged(nlp, rows))
    assert nlp.get_pipe("rnn_tagger").labels == ("!", "NN", "VB")
    nlp = make_nlp("rnn_tagger", neg_prefix="")
    nlp.initialize(lambda: make_tagged(nlp, rows))
    assert nlp.get_pipe("rnn_tagger").labels == ("!", "!NN", "VB")


def add_number(pipe, examples):
    pipe.add_label(5)


def give_no_function(pipe, examples):
    pipe.initialize(None)


def give_a_list(pipe, examples):
    pipe.initialize(examples)


def give_texts(pipe, examples):
    pipe.initialize(lambda: ["just", "texts"])


def give_nothing(pipe, examples):
    pipe.initialize(list)


def update_with_texts(pipe, examples):
    pipe.initialize(lambda: examples)
    pipe.update(["just", "texts"])


MISTAKES = [
    add_number,
    give_no_function,
    give_a_list,
    give_texts,
    give_nothing,
    update_with_texts,
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_raises_what_it_raises_in_spacy(nlp, make_tagged, factory, mistake):
    nlp.add_pipe(factory.removeprefix("rnn_"))
    caught = []
    for name in (factory, factory.removeprefix("rnn_")):
        with pytest.raises(Exception) as found:  # noqa: PT011
            mistake(nlp.get_pipe(name), make_tagged(nlp))
        message = str(found.value).replace("rnn_", "").replace("RNN", "")
        # spaCy names the tagger there, whichever of the two it is.
        message = message.replace("Morphologizer.update", "Tagger.update")
        caught.append((type(found.value), message))
    assert caught[0] == caught[1]


def test_labels_of_another_initialization_are_learned(nlp, make_tagged, factory):
    pipe, tagged = nlp.get_pipe(factory), make_tagged(nlp)
    pipe.initialize(lambda: tagged[:1])
    before = len(pipe.labels)
    pipe.initialize(lambda: tagged)
    assert len(pipe.labels) > before
    assert np.isfinite(pipe.update(tagged)[factory])
    assert pipe.model.predict([tagged[0].predicted])[0].shape[1] == len(pipe.labels)


def test_data_without_labels_is_told_with_where_they_were_looked_for(nlp, factory):
    doc = Doc(nlp.vocab, words=["plain"])
    with pytest.raises(ValueError, match=r"no labels.*token\.(tag|pos)_.*column"):
        nlp.get_pipe(factory).initialize(lambda: [Example(doc, doc.copy())])


def test_labels_other_than_given_ones_are_ignored_and_named(nlp, make_tagged, factory):
    pipe = nlp.get_pipe(factory)
    pipe.initialize(lambda: make_tagged(nlp)[:1])
    label_data = pipe.label_data
    fresh = type(pipe)(nlp.vocab, pipe.model.copy())
    with pytest.warns(UserWarning, match=f"'{factory}' ignores .*given") as caught:
        fresh.initialize(lambda: make_tagged(nlp), labels=label_data)
    assert len(caught) == 1
    assert fresh.labels == pipe.labels
    examples = make_tagged(nlp)
    scores, _ = fresh.model.begin_update([example.predicted for example in examples])
    _, gradient = fresh.get_loss(examples, scores)
    assert abs(gradient[0]).max() > 0
    assert abs(gradient[1][0]).max() == 0  # "Eat", of which the tag isn't given


def test_labels_that_only_the_dev_data_has_are_named(nlp, make_tagged, factory):
    pipe = nlp.get_pipe(factory)
    pipe.initialize(lambda: make_tagged(nlp)[:1])
    with pytest.warns(UserWarning, match=f"'{factory}' doesn't know some of"):
        pipe.score(make_tagged(nlp))
