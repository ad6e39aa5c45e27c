"""What the components that label tokens write, learn and keep."""

import pickle

import numpy as np
import pytest
import spacy
from confection import ConfigValidationError
from numpy.testing import assert_array_equal
from spacy.tokens import Doc
from thinc.api import Adam, fix_random_seed, use_ops

from spacy_rnn.gradients import NonFiniteGradientError

FACTORIES = ["rnn_tagger", "rnn_morphologizer"]
TEXTS = ["She likes green eggs !", "", "Eat blue ham", "ham", "\n \t", "a" * 5_000]
TAGS = [["PRP", "VBZ", "JJ", "NNS", "."], ["VB", "JJ", "NN"]]
POS = [["PRON", "VERB", "ADJ", "NOUN", "PUNCT"], ["VERB", "ADJ", "NOUN"]]
MORPHS = [
    ["Case=Nom|Number=Sing", "Tense=Pres", "", "Number=Plur", ""],
    ["Mood=Imp", "", "Number=Sing"],
]
EXPECTED = {
    "rnn_tagger": [
        [(tag, "", "") for tag in TAGS[0]],
        [(tag, "", "") for tag in TAGS[1]],
    ],
    "rnn_morphologizer": [
        [("", pos, morph) for pos, morph in zip(*rows, strict=True)]
        for rows in zip(POS, MORPHS, strict=True)
    ],
}


@pytest.fixture(params=FACTORIES)
def factory(request):
    return request.param


@pytest.fixture(scope="module")
def folders(tmp_path_factory, make_nlp, make_tagged, fit):
    """Folders of trained pipelines, by factory."""
    folders = {}
    for factory in FACTORIES:
        fix_random_seed(0)
        nlp = make_nlp(factory)
        fit(nlp, make_tagged(nlp))
        folders[factory] = tmp_path_factory.mktemp(factory) / "model"
        nlp.to_disk(folders[factory])
    return folders


@pytest.fixture
def trained(folders, factory):
    return spacy.load(folders[factory])


def tokens_of(doc):
    return [(token.tag_, token.pos_, str(token.morph)) for token in doc]


def scores_of(nlp, texts=TEXTS):
    """Scores before the choice of the best, where any change of weights shows."""
    docs = [nlp.make_doc(text) for text in texts]
    return np.concatenate(nlp.get_pipe(nlp.pipe_names[0]).model.predict(docs))


def test_two_sentences_are_learned_and_survive_saving(trained, factory):
    for text, expected in zip((TEXTS[0], TEXTS[2]), EXPECTED[factory], strict=True):
        assert tokens_of(trained(text)) == expected


def test_the_default_model_learns_two_sentences(make_tagged, fit, factory, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory)
    fit(nlp, make_tagged(nlp), 20, learn_rate=0.005)
    nlp.to_disk(tmp_path / "model")
    for loaded in (nlp, spacy.load(tmp_path / "model")):
        assert tokens_of(loaded(TEXTS[0])) == EXPECTED[factory][0]


def test_every_token_gets_the_same_in_any_batch(trained):
    alone = [tokens_of(trained(text)) for text in TEXTS]
    assert [len(tokens) for tokens in alone] == [5, 0, 3, 1, 1, 1]
    texts = [*TEXTS, *TEXTS[::-1]]
    for batch_size in (1, 2, 100):
        docs = trained.pipe(texts, batch_size=batch_size)
        found = [tokens_of(doc) for doc in docs]
        assert found == [*alone, *alone[::-1]]


def test_batches_without_tokens_are_predicted(trained, factory):
    pipe = trained.get_pipe(factory)
    assert list(trained.pipe([])) == []
    assert pipe.predict([]) == []
    guesses = pipe.predict([Doc(trained.vocab), Doc(trained.vocab)])
    assert [len(rows) for rows in guesses] == [0, 0]
    pipe.set_annotations([Doc(trained.vocab)] * 2, guesses)


def test_guesses_are_indices_of_labels(trained, factory):
    pipe = trained.get_pipe(factory)
    docs = [trained.make_doc(text) for text in TEXTS]
    guesses = pipe.predict(docs)
    for rows, scores in zip(guesses, pipe.model.predict(docs), strict=True):
        assert_array_equal(rows, scores.argmax(axis=1))


def test_annotations_of_one_document_may_come_by_themselves(trained, factory):
    pipe = trained.get_pipe(factory)
    doc = trained.make_doc(TEXTS[0])
    pipe.set_annotations(doc, pipe.predict([doc]))
    assert tokens_of(doc) == EXPECTED[factory][0]


@pytest.mark.parametrize("overwrite", [False, True])
def test_tags_that_are_there_stay_unless_overwritten(trained, factory, overwrite):
    if factory == "rnn_morphologizer":
        pytest.skip("tested beside `extend`")
    trained.get_pipe(factory).cfg["overwrite"] = overwrite
    doc = Doc(trained.vocab, words=TEXTS[2].split(), tags=["OLD", "", "OLD"])
    trained.get_pipe(factory)(doc)
    expected = TAGS[1] if overwrite else ["OLD", "JJ", "OLD"]
    assert [token.tag_ for token in doc] == expected


def test_two_processes_predict_what_one_does(trained):
    texts = TEXTS * 5
    alone = [tokens_of(doc) for doc in trained.pipe(texts)]
    together = trained.pipe(texts, n_process=2, batch_size=4)
    assert [tokens_of(doc) for doc in together] == alone


def test_a_memory_zone_leaves_the_annotations_right(trained, factory):
    with trained.memory_zone():
        first = [tokens_of(doc) for doc in trained.pipe(["Some wholly new words"])]
    with trained.memory_zone():
        assert tokens_of(trained(TEXTS[0])) == EXPECTED[factory][0]
        assert [tokens_of(trained("Some wholly new words"))] == first


def from_bytes(nlp, path):
    return spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())


def from_component_bytes(nlp, path):
    other = spacy.blank("en", config=nlp.config)
    name = nlp.pipe_names[0]
    other.get_pipe(name).from_bytes(nlp.get_pipe(name).to_bytes())
    return other


def from_component_folder(nlp, path):
    other = spacy.blank("en", config=nlp.config)
    name = nlp.pipe_names[0]
    nlp.get_pipe(name).to_disk(path)
    assert other.get_pipe(name).from_disk(path) is other.get_pipe(name)
    return other


def unpickle(nlp, path):
    return pickle.loads(pickle.dumps(nlp))


WAYS = [from_bytes, from_component_bytes, from_component_folder, unpickle]


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_predicts_the_same_and_learns_apart(
    trained, make_tagged, fit, factory, way, tmp_path
):
    before = scores_of(trained)
    loaded = way(trained, tmp_path / "component")
    assert loaded.get_pipe(factory).labels == trained.get_pipe(factory).labels
    assert loaded.get_pipe(factory).cfg == trained.get_pipe(factory).cfg
    assert_array_equal(scores_of(loaded), before)
    assert tokens_of(loaded(TEXTS[0])) == EXPECTED[factory][0]
    fit(loaded, make_tagged(loaded), 2, initialize=False)
    assert abs(scores_of(loaded) - before).max() > 1e-4
    assert_array_equal(scores_of(trained), before)


@pytest.mark.parametrize("model", ["spacy.Tagger.v1", "spacy.Tagger.v2"])
def test_spacys_own_model_works(
    make_nlp, make_tagged, make_tok2vec, fit, factory, model
):
    config = {"@architectures": model, "tok2vec": make_tok2vec()}
    nlp = make_nlp(factory, model=config)
    fit(nlp, make_tagged(nlp))
    assert tokens_of(nlp(TEXTS[0])) == EXPECTED[factory][0]
    assert len(list(nlp.pipe(TEXTS))) == len(TEXTS)


@pytest.mark.parametrize("name", ["tagger", "morphologizer", "trainable_lemmatizer"])
def test_spacys_own_components_work_on_our_model(make_tagger, make_tagged, fit, name):
    nlp = spacy.blank("en")
    rare = {"min_tree_freq": 1} if name == "trainable_lemmatizer" else {}
    nlp.add_pipe(name, config={"model": make_tagger(), **rare})
    examples = make_tagged(nlp)
    for token in (token for example in examples for token in example.reference):
        token.lemma_ = token.lower_.removesuffix("s")
    fit(nlp, examples)
    scores = nlp.evaluate(examples)
    found = {scores.get(f"{attr}_acc") for attr in ("tag", "pos", "morph", "lemma")}
    assert found == {None, 1.0}


def test_a_typing_error_in_the_config_is_named(factory):
    with pytest.raises(ConfigValidationError, match="overwritten"):
        spacy.blank("en").add_pipe(factory, config={"overwritten": True})


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_a_share_out_of_range_is_refused(factory, smoothing):
    config = {"label_smoothing": smoothing}
    with pytest.raises(ValueError, match="label_smoothing"):
        spacy.blank("en").add_pipe(factory, config=config)


def test_metadata_is_that_of_spacys_component(factory):
    nlp = spacy.blank("en")
    ours = nlp.get_factory_meta(factory)
    theirs = nlp.get_factory_meta(factory.removeprefix("rnn_"))
    for name in ("assigns", "requires", "retokenizes", "default_score_weights"):
        assert getattr(ours, name) == getattr(theirs, name)
    shared = ours.default_config.keys() - {"max_gradient_norm"}
    assert shared == theirs.default_config.keys()
    for key in shared - {"model"}:
        assert ours.default_config[key] == theirs.default_config[key]


def test_analyze_pipes_knows_what_is_assigned(trained, factory):
    analysis = trained.analyze_pipes()
    attrs = {
        "rnn_tagger": {"token.tag"},
        "rnn_morphologizer": {"token.morph", "token.pos"},
    }
    assert set(analysis["summary"][factory]["assigns"]) == attrs[factory]
    assert analysis["problems"] == {factory: []}


def test_evaluation_finds_the_scores_of_spacys_component(trained, make_tagged, factory):
    scores = trained.evaluate(make_tagged(trained))
    if factory == "rnn_tagger":
        assert scores["tag_acc"] == 1.0
    else:
        assert scores["pos_acc"] == scores["morph_acc"] == 1.0
        assert set(scores["morph_per_feat"]) == {"Case", "Number", "Tense", "Mood"}


def test_the_loss_is_small_after_training(trained, make_tagged, factory):
    losses = trained.update(make_tagged(trained))
    assert 0 < losses[factory] < 1


def test_documents_without_tokens_are_trained_on(trained, make_tagged, factory):
    empty = make_tagged(trained, [{"words": []}])
    for batch in ([], empty, [*empty, *make_tagged(trained), *empty]):
        losses = trained.update(batch, drop=0.2)
        assert np.isfinite(losses.get(factory, 0.0))


def test_not_a_number_stops_training(trained, make_tagged, factory):
    layer = trained.get_pipe(factory).model.get_ref("output_layer")
    layer.get_param("b")[0] = float("nan")
    with pytest.raises(NonFiniteGradientError):
        trained.update(make_tagged(trained))


def test_gradients_of_several_batches_add_up(trained, make_tagged, factory):
    pipe = trained.get_pipe(factory)
    gradients = []
    examples = make_tagged(trained)
    for batches in ([examples], [[example] for example in examples]):
        for batch in batches:
            pipe.update(batch)
        found = []
        for node in pipe.model.walk():
            for name in node.param_names:
                found.append(node.get_grad(name).copy().ravel())
                node.get_grad(name)[:] = 0.0
        gradients.append(np.concatenate(found))
    np.testing.assert_allclose(gradients[1], gradients[0], rtol=0, atol=1e-5)
    assert abs(gradients[0]).max() > 1e-3


def go_astray(nlp, examples, optimizer, steps=5):
    """Learn that every token has the first label."""
    pipe = nlp.get_pipe(nlp.pipe_names[0])
    for _ in range(steps):
        Ys, backprop = pipe.model.begin_update([eg.predicted for eg in examples])
        first = np.eye(len(pipe.labels), dtype="f")[0]
        backprop([Y - first for Y in Ys])
        pipe.finish_update(optimizer)


@pytest.mark.parametrize("grown", [False, True])
def test_rehearsing_leads_back_to_where_training_resumed(
    trained, make_tagged, factory, grown
):
    pipe = trained.get_pipe(factory)
    examples = make_tagged(trained)
    optimizer = trained.resume_training()
    optimizer.learn_rate = 0.01
    if grown:
        pipe.add_label("POS=X")
    go_astray(trained, examples, optimizer)
    assert tokens_of(trained(TEXTS[0])) != EXPECTED[factory][0]
    losses = [trained.rehearse(examples, sgd=optimizer)[factory] for _ in range(60)]
    assert 0 < losses[-1] < losses[0] / 2
    assert tokens_of(trained(TEXTS[0])) == EXPECTED[factory][0]


def test_averages_are_used_in_evaluation(trained, make_tagged, factory):
    optimizer = Adam(0.05, use_averages=True)
    before = scores_of(trained)
    for _ in range(3):
        trained.update(make_tagged(trained), sgd=optimizer)
    after = scores_of(trained)
    with trained.use_params(optimizer.averages):
        averaged = scores_of(trained)
    assert abs(averaged - after).max() > 1e-4
    assert abs(averaged - before).max() > 1e-4
    assert_array_equal(scores_of(trained), after)


@pytest.mark.gpu
def test_a_gpu_trains_what_a_cpu_reads(device, make_nlp, make_tagged, fit, factory):
    nlp = make_nlp(factory)
    fit(nlp, make_tagged(nlp))
    found = [tokens_of(doc) for doc in nlp.pipe(TEXTS)]
    assert found[0] == EXPECTED[factory][0]
    data = nlp.to_bytes()
    with use_ops("numpy"):
        loaded = spacy.blank("en", config=nlp.config).from_bytes(data)
        assert [tokens_of(doc) for doc in loaded.pipe(TEXTS)] == found


def test_a_sourced_component_writes_what_the_other_pipeline_can_read(trained, factory):
    nlp = spacy.blank("en")
    nlp.add_pipe(factory, source=trained)
    doc = nlp.make_doc(TEXTS[0])
    pipe = nlp.get_pipe(factory)
    assert doc.vocab is not pipe.vocab
    assert tokens_of(nlp(doc)) == EXPECTED[factory][0]
    label = "POS=X" if factory == "rnn_morphologizer" else "NEVER SEEN"
    pipe.add_label(label)
    pipe.set_annotations([doc := nlp.make_doc("a")], [np.array([len(pipe.labels) - 1])])
    assert (doc[0].tag_ or doc[0].pos_) == label.removeprefix("POS=")
