"""Labels: found, given, added, refused."""

import pytest
import spacy
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.pipeline import ner
from spacy_rnn.pipeline.ner import RNNEntityRecognizer

WORDS = ["Ada", "Byron", "left", "Bern"]


def entities_of(nlp, words=WORDS):
    doc = nlp(Doc(nlp.vocab, words=words))
    return [(ent.start, ent.end, ent.label_) for ent in doc.ents]


def confidences_of(nlp, words=WORDS):
    return nlp(Doc(nlp.vocab, words=words)).spans["rnn_ner"].attrs["scores"]


def test_labels_of_the_examples_are_found_in_their_order(make_ner, make_entities):
    nlp = make_ner()
    nlp.initialize(lambda: make_entities(nlp))
    assert nlp.get_pipe("rnn_ner").labels == ("LOC", "PER")
    assert nlp.get_pipe("rnn_ner").label_data == ["LOC", "PER"]


def test_labels_can_be_given_as_init_labels_writes_them(make_ner, make_entities):
    nlp = make_ner()
    pipe = nlp.get_pipe("rnn_ner")
    pipe.initialize(lambda: make_entities(nlp), nlp=nlp, labels=["PER", "X", "LOC"])
    assert pipe.labels == ("PER", "X", "LOC")
    assert pipe.model.get_ref("output_layer").get_dim("nO") == 13


def test_labels_can_be_added_before_there_are_examples(make_ner):
    nlp = make_ner()
    assert nlp.get_pipe("rnn_ner").add_label("PER") == 1
    assert nlp.get_pipe("rnn_ner").add_label("PER") == 0
    nlp.initialize()
    assert {label for *_, label in entities_of(nlp)} <= {"PER"}


def test_one_label_is_enough(make_ner, make_entities, fit):
    nlp = make_ner(scheme="BIO")
    rows = [(["Ada"], ["B-PER"]), (["left"], ["O"])]
    fit(nlp, make_entities(nlp, rows), 15)
    assert entities_of(nlp, ["Ada"]) == [(0, 1, "PER")]
    assert entities_of(nlp, ["left"]) == []


@pytest.mark.parametrize("architecture", ["CRFTagger", "Tagger"])
def test_a_label_added_after_training_leaves_the_others_and_can_be_learned(
    make_ner, make_entities, make_tok2vec, fit, architecture
):
    name = f"spacy-rnn.{architecture}.v1"
    nlp = make_ner(model={"@architectures": name, "tok2vec": make_tok2vec()})
    rows = [(WORDS, ["B-PER", "I-PER", "O", "B-LOC"])]
    fit(nlp, make_entities(nlp) + make_entities(nlp, rows), 30)
    before = entities_of(nlp), confidences_of(nlp)
    assert before[0] == [(0, 2, "PER"), (3, 4, "LOC")]
    assert nlp.get_pipe("rnn_ner").add_label("GIFT") == 1
    assert entities_of(nlp) == before[0]
    assert confidences_of(nlp) == pytest.approx(before[1], abs=1e-5)
    rows.append((["Take", "roses"], ["O", "B-GIFT"]))
    fit(nlp, make_entities(nlp, rows), 120, initialize=False)
    assert entities_of(nlp, ["Take", "roses"]) == [(1, 2, "GIFT")]
    assert entities_of(nlp) == before[0]
    loaded = spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())
    assert entities_of(loaded, ["Take", "roses"]) == [(1, 2, "GIFT")]


def test_a_model_that_can_not_grow_refuses_labels(
    make_ner, make_entities, make_tok2vec
):
    model = {"@architectures": "spacy.Tagger.v2", "tok2vec": make_tok2vec()}
    nlp = make_ner(model=model)
    nlp.initialize(lambda: make_entities(nlp))
    with pytest.raises(ValueError, match=r"'rnn_ner' has 9 outputs.*no label"):
        nlp.get_pipe("rnn_ner").add_label("GIFT")
    assert nlp.get_pipe("rnn_ner").labels == ("LOC", "PER")


def test_a_model_with_too_many_outputs_is_an_error(
    make_ner, make_entities, make_tok2vec
):
    crf = "spacy-rnn.CRFTagger.v1"
    nlp = make_ner(model={"@architectures": crf, "tok2vec": make_tok2vec(), "nO": 20})
    with pytest.raises(ValueError, match=r"tags, 9, but nO is 20"):
        nlp.initialize(lambda: make_entities(nlp))


@pytest.mark.parametrize("label", ["B-PER", "I-94", "L-X", "U-X", "B-"])
def test_a_label_that_looks_like_a_tag_is_refused(make_ner, make_entities, label):
    nlp = make_ner()
    with pytest.raises(ValueError, match=f"'{label}' begins as a tag does"):
        nlp.get_pipe("rnn_ner").add_label(label)
    rows = [(["Hello"], ["O"]), (["Ada", "left"], [f"B-{label}", "O"])]
    with pytest.raises(ValueError, match=f"'{label}' of the document 'Ada left"):
        nlp.initialize(lambda: make_entities(nlp, rows))


@pytest.mark.parametrize("label", ["E-MAIL", "BIO", "PER-B", "I", "-", "a b", "Ü"])
def test_other_labels_are_fine(make_ner, make_entities, fit, label):
    nlp = make_ner()
    fit(nlp, make_entities(nlp, [(["Ada", "left"], [f"B-{label}", "O"])]), 10)
    assert entities_of(nlp, ["Ada", "left"]) == [(0, 1, label)]


@pytest.mark.parametrize("label", ["", 7, None])
def test_what_is_no_text_is_no_label(make_ner, label):
    with pytest.raises(ValueError, match="A label has to be a string"):
        make_ner().get_pipe("rnn_ner").add_label(label)


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({}, r"doc\.ents"),
        ({"annotate_ents": False, "spans_key": "chunks"}, r"doc\.spans\['chunks'\]"),
    ],
)
def test_a_corpus_without_entities_is_explained(make_ner, make_entities, config, place):
    nlp = make_ner(**config)
    examples = make_entities(nlp, [(["Ada", "left"], ["O", "O"])])
    with pytest.raises(ValueError, match=f"no entities in {place}.*add_label"):
        nlp.initialize(lambda: examples)
    with pytest.raises(ValueError, match="no labels"):
        nlp.initialize()


def test_an_unknown_label_is_an_error(make_ner, make_entities):
    nlp = make_ner()
    nlp.initialize(lambda: make_entities(nlp))
    examples = make_entities(nlp, [(["Take", "roses"], ["O", "B-GIFT"])])
    message = r"'Take roses ' has .*'GIFT'.*knows \['LOC', 'PER'\]"
    with pytest.raises(ValueError, match=message):
        nlp.update(examples)


def test_entities_with_other_labels_than_the_named_ones_are_ignored_and_counted(
    make_ner, make_entities, fit
):
    nlp = make_ner()
    rows = [(["Take", "roses", "Ada"], ["O", "B-GIFT", "B-PER"])] * 3
    examples = make_entities(nlp, rows)
    pipe = nlp.get_pipe("rnn_ner")
    with pytest.warns(UserWarning, match=r"'rnn_ner' ignores .*: 'GIFT' \(3\)\."):
        pipe.initialize(lambda: examples, nlp=nlp, labels=["PER"])
    assert pipe.labels == ("PER",)
    loaded = spacy.blank("en", config=nlp.config).from_bytes(nlp.to_bytes())
    fit(loaded, examples, 15, initialize=False)
    assert entities_of(loaded, ["Take", "roses", "Ada"]) == [(2, 3, "PER")]


def test_two_components_learn_labels_of_their_own(make_ner, make_entities, fit):
    nlp, other = make_ner(), make_ner(annotate_ents=False, spans_key="other")
    config = dict(other.get_pipe_config("rnn_ner"))
    nlp.add_pipe(config.pop("factory"), name="other", config=config)
    labels = {"rnn_ner": {"labels": ["PER"]}, "other": {"labels": ["LOC"]}}
    nlp.config["initialize"]["components"] = labels
    examples = make_entities(nlp)
    for example in examples:
        example.reference.spans["other"] = example.reference.ents
    with (
        pytest.warns(UserWarning, match="'rnn_ner' ignores .*'LOC'"),
        pytest.warns(UserWarning, match="'other' ignores .*'PER'"),
    ):
        fit(nlp, examples, 30)
    doc = nlp(Doc(nlp.vocab, words=["So", "Bern", "met", "Ada"]))
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("Ada", "PER")]
    assert [(s.text, s.label_) for s in doc.spans["other"]] == [("Bern", "LOC")]


@pytest.mark.parametrize("scheme", ["BIO", "BILUO"])
def test_labels_cost_no_more_than_their_number(make_ner, scheme, monkeypatch):
    # However many there are, tags are put together once, and not for each label.
    made = []
    make = ner.make_tag_set
    monkeypatch.setattr(
        ner, "make_tag_set", lambda *args: made.append(1) or make(*args)
    )
    nlp = make_ner(scheme=scheme)
    pipe = nlp.get_pipe("rnn_ner")
    doc = Doc(nlp.vocab, words=["Ada"])
    examples = [Example(doc, doc)]
    pipe.initialize(lambda: examples, nlp=nlp, labels=[f"L{i}" for i in range(300)])
    assert len(pipe.labels) == 300
    assert len(made) < 5


def test_overlapping_spans_are_an_error(make_ner, make_entities):
    nlp = make_ner(annotate_ents=False, spans_key="chunks")
    examples = make_entities(nlp, key="chunks")
    nlp.initialize(lambda: examples)
    doc = examples[0].reference
    doc.spans["chunks"].append(doc[1:3])
    with pytest.raises(ValueError, match=r"'Ada Byron.*overlapping"):
        nlp.update(examples)


def test_an_unknown_scheme_is_refused_with_the_known_ones(make_ner):
    with pytest.raises(ValueError, match=r"'BIO'.*'BILUO'"):
        make_ner(scheme="IOB2")
    pipe = make_ner().get_pipe("rnn_ner")
    with pytest.raises(ValueError, match=r"'BIO', 'BILUO'.*'IOB2'"):
        RNNEntityRecognizer(pipe.vocab, pipe.model, scheme="IOB2")


def test_entities_have_to_be_written_somewhere(make_ner):
    with pytest.raises(ValueError, match="annotate_ents is false"):
        make_ner(annotate_ents=False, spans_key=None)


def test_examples_have_to_be_examples(trained_ner):
    with pytest.raises(TypeError, match="E978"):
        trained_ner.get_pipe("rnn_ner").get_loss([Doc(trained_ner.vocab)], [])
    with pytest.raises(TypeError, match="E930"):
        trained_ner.get_pipe("rnn_ner").initialize([])


def test_labels_do_not_depend_on_the_order_of_the_documents(make_ner, make_entities):
    first, second = make_ner(), make_ner()
    rows = [(["Ada", "x"], [f"B-{label}", "O"]) for label in ("C", "A", "D")]
    first.initialize(lambda: make_entities(first, rows))
    second.initialize(lambda: make_entities(second, rows[::-1]))
    assert first.get_pipe("rnn_ner").labels == second.get_pipe("rnn_ner").labels
