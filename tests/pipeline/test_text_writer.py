"""Components that write texts: translations, summaries in their own words."""

import pickle
import re
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
import spacy
from numpy.testing import assert_allclose
from small_writer import (
    FACTORIES,
    PAIRS,
    TEXTS,
    fit,
    make_examples,
    make_nlp,
    small_model,
    written,
)
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from thinc.api import fix_random_seed

from spacy_rnn.gradients import gradient_arrays
from spacy_rnn.layers import subwords
from spacy_rnn.metrics.agreement import expected_agreement


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder of a trained pipeline."""
    nlp = make_nlp()
    fit(nlp, make_examples(nlp))
    path = tmp_path_factory.mktemp("rnn_translator") / "model"
    nlp.to_disk(path)
    return path


@pytest.fixture
def trained(saved):
    """A trained pipeline, freshly loaded."""
    return spacy.load(saved)


@pytest.mark.parametrize("factory", FACTORIES)
def test_what_was_learned_is_written_also_after_saving(factory, tmp_path):
    extension = FACTORIES[factory]
    nlp = make_nlp(factory)
    fit(nlp, make_examples(nlp, extension))
    expected = [target for _, target in PAIRS]
    assert written(nlp, extension=extension) == expected
    nlp.to_disk(tmp_path / "model")
    loaded = spacy.load(tmp_path / "model")
    assert written(loaded, extension=extension) == expected
    loaded = make_nlp(factory).from_bytes(nlp.to_bytes())
    assert written(loaded, extension=extension) == expected
    copied = pickle.loads(pickle.dumps(nlp))
    assert written(copied, extension=extension) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"attention": "additive", "cell": "gru", "tied": False},
        {"attention": "dot", "copying": True, "coverage": True, "coverage_loss": 0.1},
        {"target_subwords": {"@architectures": "spacy-rnn.Subwords.v1", "size": 330}},
        {"subwords": {"@architectures": "spacy-rnn.Subwords.v1", "kind": "unigram"}},
    ],
)
def test_every_kind_of_network_learns(settings, tmp_path):
    nlp = make_nlp(model=small_model(**settings))
    fit(nlp, make_examples(nlp), 80)
    expected = [target for _, target in PAIRS]
    assert written(nlp) == expected
    nlp.to_disk(tmp_path / "model")
    assert written(spacy.load(tmp_path / "model")) == expected


def test_token_vectors_of_a_listener_get_gradients(make_tok2vec):
    nlp = spacy.blank("en")
    nlp.add_pipe("tok2vec", config={"model": make_tok2vec()})
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": 8}
    nlp.add_pipe("rnn_translator", config={"model": small_model(tok2vec=listener)})
    examples = make_examples(nlp)
    examples.append(Example(nlp.make_doc(""), nlp.make_doc("")))
    optimizer = nlp.initialize(lambda: examples)
    before = nlp.get_pipe("tok2vec").model.to_bytes()
    nlp.update(examples[-1:], sgd=optimizer)
    for _ in range(2):  # spaCy updates a tok2vec with the gradient of the step before
        nlp.update(examples, sgd=optimizer)
    assert nlp.get_pipe("tok2vec").model.to_bytes() != before
    assert len(written(nlp)) == len(TEXTS)


@pytest.mark.parametrize(
    ("beam_width", "mbr_temperature"), [(1, 0.0), (5, 0.0), (5, 2.0)]
)
def test_a_text_gets_the_same_alone_and_in_any_batch(
    trained, beam_width, mbr_temperature
):
    writer = trained.get_pipe("rnn_translator")
    writer.configure(
        beam_width=beam_width,
        n_best=beam_width,
        mbr_temperature=mbr_temperature,
        attention=True,
    )
    texts = ["", *TEXTS, "dog " * 400, " \n ", "An unseen zebra runs, 12 times 🦓."]
    together = list(trained.pipe(texts))
    backwards = list(trained.pipe(texts[::-1]))[::-1]
    for text, one, other in zip(texts, together, backwards, strict=True):
        alone = trained(text)
        assert alone._.translation == one._.translation == other._.translation
        for kept in zip(
            *(doc._.translation_candidates for doc in (alone, one, other)), strict=True
        ):
            assert len({each["text"] for each in kept}) == 1
            totals = [each["log_probability"] for each in kept]
            assert totals == pytest.approx([totals[0]] * 3, abs=1e-4)
            for each in kept[1:]:
                assert_allclose(each["attention"], kept[0]["attention"], atol=1e-4)


def test_a_text_without_a_word_gets_an_empty_one(trained):
    trained.get_pipe("rnn_translator").configure(n_best=2)
    assert list(trained.pipe([])) == []
    for text in ("", " ", "\n\t "):
        doc = trained(text)
        assert doc._.translation == ""
        assert doc._.translation_candidates == []


def test_a_text_of_one_piece_is_read_and_learned_from(trained):
    writer = trained.get_pipe("rnn_translator")
    writer.configure(n_best=1)
    assert len(trained("dog")._.translation_candidates) == 1
    pairs = [("dog", "Hund"), (" ", "Hund")]
    one, none = make_examples(trained, pairs=pairs)
    assert writer.count_pieces([one, none]) == writer.count_pieces([one]) > 1


def test_the_n_best_come_with_what_is_known_of_them(trained):
    writer = trained.get_pipe("rnn_translator")
    writer.configure(n_best=3, attention=True)
    doc = trained(TEXTS[1])
    found = doc._.translation_candidates
    assert found[0]["text"] == doc._.translation
    assert len(found) == 3 == len({each["text"] for each in found})
    scores = [each["score"] for each in found]
    assert scores == sorted(scores, reverse=True)
    for each in found:
        assert each["attention"].shape == (len(each["pieces"]), len(doc))
        assert each["attention"].sum(1) == pytest.approx(1.0)
        assert sum(each["log_probabilities"]) == pytest.approx(
            each["log_probability"], abs=1e-4
        )
        assert each["probability"] == pytest.approx(np.exp(each["log_probability"]))
        assert each["pieces"][-1] == "</s>"
    assert sum(each["probability"] for each in found) < 1.0


def test_what_is_known_of_another_text_does_not_stay(trained):
    writer = trained.get_pipe("rnn_translator")
    writer.configure(n_best=1)
    doc = trained(TEXTS[1])
    assert doc.to_json(underscore=["translation_candidates"])["_"]
    writer.configure(n_best=0)
    assert writer(doc)._.translation_candidates is None


def test_of_all_that_was_found_what_agrees_most_with_the_others_is_written(trained):
    writer = trained.get_pipe("rnn_translator")
    writer.configure(beam_width=8, n_best=8)
    text = "The dog reads"
    found = trained(text)._.translation_candidates
    texts = [each["text"] for each in found]
    log_probs = [each["log_probability"] for each in found]
    agreement = expected_agreement(texts, log_probs, 3.0)
    order = np.argsort(-agreement, kind="stable")
    assert order.tolist() != sorted(order)
    writer.configure(n_best=3, mbr_temperature=3.0)
    doc = trained(text)
    best = doc._.translation_candidates
    assert doc._.translation == texts[order[0]]
    assert [each["text"] for each in best] == [texts[i] for i in order[:3]]
    assert [each["score"] for each in best] == pytest.approx(agreement[order[:3]])
    assert best[0]["log_probability"] == pytest.approx(log_probs[order[0]])
    writer.configure(n_best=0)
    assert trained(text)._.translation == texts[order[0]]


def test_what_is_known_of_a_text_is_saved_with_its_document(trained):
    trained.get_pipe("rnn_translator").configure(n_best=1, attention=True)
    doc = trained(TEXTS[0])
    saved = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (loaded,) = DocBin().from_bytes(saved).get_docs(trained.vocab)
    assert loaded._.translation == doc._.translation
    (before,), (after,) = doc._.translation_candidates, loaded._.translation_candidates
    assert np.array_equal(before["attention"], after["attention"])


def test_copied_pieces_name_their_tokens():
    names = ["Quux", "Zorb", "Blik", "Vom", "Wubb", "Gark"]
    nlp = make_nlp(model=small_model(copying=True), n_best=1, attention=True)
    pairs = [(f"I saw {name} there", f"{name} gesehen") for name in names]
    fit(nlp, make_examples(nlp, pairs=pairs), 80)
    texts = ["I saw Zorb there", " ", "I saw Vom there"]
    copied = []
    for doc in nlp.pipe(texts):
        for found in doc._.translation_candidates:
            assert len(found["copied"]) == len(found["pieces"])
            copied.append({doc[i].text for i in found["copied"] if i >= 0})
    assert copied == [{"Zorb"}, {"Vom"}]


def test_it_learns_from_the_first_of_several_texts_and_from_none():
    nlp = make_nlp()
    examples = make_examples(nlp)
    for example in examples:
        first = example.reference._.translation
        example.reference._.translation = [first, "something else"]
    silent = Example(nlp.make_doc("Nothing to say"), nlp.make_doc("Nothing to say"))
    blank = Example(nlp.make_doc("  "), nlp.make_doc("  "))
    blank.reference._.translation = "Unheard of"
    fit(nlp, [silent, *examples, blank])
    assert written(nlp) == [target for _, target in PAIRS]
    losses = nlp.update([silent, blank])
    assert losses["rnn_translator"] == 0.0
    for layer in nlp.get_pipe("rnn_translator").model.walk():
        assert not any(layer.get_grad(name).any() for name in layer.grad_names)


def test_without_texts_there_is_nothing_to_learn():
    nlp = make_nlp()
    with pytest.raises(
        ValueError, match=r"No document has a text in doc._.translation"
    ):
        nlp.initialize(lambda: [Example(nlp.make_doc("Hello"), nlp.make_doc("Hello"))])


def test_pieces_of_other_texts_are_learned_when_it_is_initialized_again():
    nlp, other = make_nlp(), make_nlp()
    fit(nlp, make_examples(nlp, pairs=[("Green frogs jump", "Grüne Frösche hüpfen")]))
    for each in (nlp, other):
        fix_random_seed(0)
        fit(each, make_examples(each))
    assert written(nlp) == written(other) == [target for _, target in PAIRS]


def test_before_training_nothing_is_written():
    with pytest.raises(ValueError, match=r"initialize"):
        make_nlp()("Hello")


def test_scores_are_those_of_the_texts(trained):
    scores = trained.evaluate(make_examples(trained))
    assert scores["bleu"] == pytest.approx(1.0)
    nlp = make_nlp("rnn_abstractive_summarizer")
    fit(nlp, make_examples(nlp, "summary"))
    assert nlp.evaluate(make_examples(nlp, "summary"))["rouge_l_f"] == 1.0


def test_the_names_of_extensions_can_be_chosen():
    nlp = make_nlp(extension="german", n_best=1)
    fit(nlp, make_examples(nlp, "german"))
    doc = nlp(TEXTS[0])
    assert doc._.german == PAIRS[0][1] == doc._.german_candidates[0]["text"]
    assert nlp.evaluate(make_examples(nlp, "german"))["bleu"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("functions", "is_refused"),
    [
        ({"method": str}, True),
        ({"getter": str}, True),
        ({"getter": str, "setter": Doc.__setattr__}, False),
        ({"default": None}, False),
    ],
)
def test_an_extension_that_computes_something_is_refused(functions, is_refused):
    Doc.set_extension("gist", **functions)
    try:
        with pytest.raises(ValueError, match="gist") if is_refused else nullcontext():
            make_nlp(extension="gist")
    finally:
        Doc.remove_extension("gist")


def test_rehearsal_keeps_what_was_written(trained):
    optimizer = trained.resume_training()
    optimizer.learn_rate = 0.01
    other = make_examples(trained, pairs=[("Birds sing.", "Vögel singen.")])
    old = make_examples(trained)
    for example in old:
        example.reference._.translation = None
    for _ in range(40):
        trained.update(other, sgd=optimizer)
        losses = trained.rehearse(old, sgd=optimizer, losses={})
    assert losses["rnn_translator"] > 0.0
    assert trained("Birds sing.")._.translation == "Vögel singen."
    assert written(trained) == [target for _, target in PAIRS]


def test_rehearsal_is_an_update_by_what_was_written(trained):
    writer = trained.get_pipe("rnn_translator")
    trained.resume_training()
    writer.configure(beam_width=1)
    examples = make_examples(trained)
    for doc, example in zip(trained.pipe(TEXTS), examples, strict=True):
        example.reference._.translation = doc._.translation
    found = []
    for learn in (writer.update, writer.rehearse):
        losses = learn(examples, losses={"rnn_translator": 1.0})
        found.append([losses["rnn_translator"]])
        for array in gradient_arrays(writer.model):
            found[-1].append(array.copy())
            array[...] = 0.0
    for learned, rehearsed in zip(*found, strict=True):
        assert rehearsed == pytest.approx(learned, rel=1e-4, abs=1e-7)


def test_a_share_of_a_batch_has_that_share_of_the_gradient(trained):
    writer, examples = trained.get_pipe("rnn_translator"), make_examples(trained)
    found = []
    for share in (1.0, 0.25):
        losses = writer.update(examples, share=share)
        found.append([losses["rnn_translator"]])  # per piece, so always the same
        for array in gradient_arrays(writer.model):
            found[-1].append(array / share)
            array[...] = 0.0
    for whole, part in zip(*found, strict=True):
        assert part == pytest.approx(whole, rel=1e-4, abs=1e-7)


def test_averages_are_written_from_only_where_they_are_in_force():
    nlp = make_nlp()
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.01
    optimizer.averages = {}
    for _ in range(30):
        nlp.update(examples, sgd=optimizer)
    writer = nlp.get_pipe("rnn_translator")
    writer.configure(n_best=1)

    def totals():
        docs = nlp.pipe(TEXTS)
        return [doc._.translation_candidates[0]["log_probability"] for doc in docs]

    plain = totals()
    with nlp.use_params(optimizer.averages):
        assert totals() != plain
    assert totals() == plain


def test_several_processes_write_the_same(trained):
    assert written(trained, n_process=2, batch_size=2) == written(trained)


def test_a_memory_zone_leaves_nothing_behind(trained):
    expected = written(trained)
    with trained.memory_zone():
        assert written(trained, ["Zebras sleep in houses", *TEXTS])[1:] == expected
    assert written(trained) == expected


def test_an_update_changes_only_the_model_that_it_is_of(trained):
    other = pickle.loads(pickle.dumps(trained))
    expected = written(trained)
    examples = make_examples(other, pairs=[(text, "Nein.") for text in TEXTS])
    optimizer = other.resume_training()
    optimizer.learn_rate = 0.05
    for _ in range(20):
        other.update(examples, sgd=optimizer)
    assert written(other) != expected
    assert written(trained) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beam_width": 0}, "beam_width has to be 1 or more, but it is 0"),
        ({"n_best": 6}, "n_best can't be more than beam_width, but they are 6 and 5"),
        (
            {"min_length": 9, "max_length": 8},
            "min_length can't be more than max_length",
        ),
        ({"length_penalty": -1.0}, "length_penalty has to be 0 or more"),
        ({"no_repeat": -1}, "no_repeat has to be 0 or more"),
        ({"mbr_temperature": -1.0}, "mbr_temperature has to be 0 or more"),
        ({"extension": "not a name"}, "extension has to be a name"),
        ({"whole_words": True}, "whole_words needs a model that copies words"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make_nlp(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "rnn"}, "cell"),
        ({"attention": "loud"}, "attention"),
        ({"width": 0}, "width has to be 1 or more"),
        ({"label_smoothing": 1.0}, "label_smoothing has to be in [0, 1)"),
        ({"attention": "dot", "hidden_width": 10}, "needs an encoder of width 10"),
        (
            {
                "copying": True,
                "target_subwords": {"@architectures": "spacy-rnn.Subwords.v1"},
            },
            "What is copied has to be in the vocabulary of the target",
        ),
    ],
)
def test_networks_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(nlp := make_nlp(model=small_model(**settings)), make_examples(nlp), 1)


def test_damaged_pieces_are_refused(saved, tmp_path):
    nlp = spacy.load(saved)
    pipe = nlp.get_pipe("rnn_translator")
    pipe.to_disk(tmp_path)
    path = tmp_path / "model"
    data = path.read_bytes()
    piece = "▁Katze".encode()
    assert data.count(piece) == 1
    path.write_bytes(data.replace(piece, "▁Tatze".encode()))
    with pytest.raises(ValueError, match="subwords"):
        pipe.from_disk(tmp_path)


def test_a_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    nlp = make_nlp()
    with pytest.raises(ImportError, match=r"pip install 'spacy-rnn\[seq2seq\]'"):
        nlp.initialize(lambda: make_examples(nlp))


def test_sentencepiece_is_imported_only_when_pieces_are_needed():
    code = (
        "import sys, spacy; nlp = spacy.blank('en');"
        "nlp.add_pipe('rnn_translator'); print('sentencepiece' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"
    assert subwords.import_sentencepiece().__name__ == "sentencepiece"


def test_docs_that_were_made_by_words_alone_are_read(trained):
    doc = Doc(trained.vocab, words=["The", "dog", "sleeps", "."])
    assert trained.get_pipe("rnn_translator")(doc)._.translation


def test_copied_words_are_kept_whole_if_that_is_wanted():
    pairs = [("Anna reads", "Annas reads"), ("Emil sleeps", "Emils sleeps")]
    letters = {"@architectures": "spacy-rnn.Subwords.v1", "size": 277}
    nlp = make_nlp(model=small_model(copying=True, subwords=letters))
    fit(nlp, make_examples(nlp, pairs=pairs), steps=150)
    texts = [source for source, _ in pairs]
    assert written(nlp, texts) == [target for _, target in pairs]
    nlp.get_pipe("rnn_translator").configure(whole_words=True)
    for text in written(nlp, texts):
        assert "Annas" not in text
        assert "Emils" not in text
