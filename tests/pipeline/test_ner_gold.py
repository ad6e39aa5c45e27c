"""What is read from examples is what spaCy's `ner` would read from them."""

import warnings

import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_rnn.pipeline.entity_gold import read_ents, read_gold, read_incorrect
from spacy_rnn.pipeline.entity_labels import find_labels
from spacy_rnn.tags.known import BEGIN, INSIDE, MISSING, OUTSIDE
from spacy_rnn.tags.tag_set import make_tag_set

VOCAB = spacy.blank("en").vocab
LABELS = ("LOC", "PER")
TAG_SET = make_tag_set(LABELS, "BILUO")
WORDS = ["New", "York", "has", "Ada"]
OTHER_WORDS = ["New", "York's", "Ada"]  # of "New York 's Ada"


def make_example(words=WORDS, predicted=None, spaces=None, **settings):
    reference = Doc(VOCAB, words, spaces=spaces, **settings)
    return Example(Doc(VOCAB, predicted or words), reference)


def with_group(example, *spans, key="chunks"):
    doc = example.reference
    doc.spans[key] = [Span(doc, i, j, label=label) for i, j, label in spans]
    return example


def read(*examples, spans_key=None):
    """Read gold as one string a token: "B-PER", "I-PER", "O" or "-"."""
    gold = read_gold(TAG_SET, examples, spans_key)
    names = {MISSING: "-", OUTSIDE: "O", BEGIN: "B-", INSIDE: "I-"}
    return [
        names[iob] + (LABELS[label] if iob in (BEGIN, INSIDE) else "")
        for iob, label in zip(gold.iob.tolist(), gold.labels, strict=True)
    ]


@st.composite
def examples(draw):
    """Draw an annotated document, and perhaps another tokenization of its text."""
    words = draw(st.lists(st.sampled_from(["a", "bc", "d", "\n"]), max_size=6))
    spaces = [draw(st.booleans()) for _ in words]
    marks = ["O", "B-PER", "B-LOC", None, "I-PER", "I-LOC"]
    ents = [draw(st.sampled_from(marks[: 6 if i else 4])) for i in range(len(words))]
    reference = Doc(VOCAB, words, spaces=spaces, ents=ents)
    text = reference.text
    if draw(st.booleans()):
        return Example(Doc(VOCAB, words, spaces=spaces), reference)
    cuts = [i for i in range(1, len(text)) if draw(st.booleans())]
    edges = zip([0, *cuts], [*cuts, len(text)], strict=True)
    pieces = [text[i:j] for i, j in edges if text[i:j].strip(" ")]
    return Example(Doc(VOCAB, pieces, spaces=[False] * len(pieces)), reference)


@given(example=examples())
def test_entities_are_aligned_as_in_spacy(example):
    prefixes = {"B": BEGIN, "U": BEGIN, "I": INSIDE, "L": INSIDE, "O": OUTSIDE}
    tags = example.get_aligned_ner()
    expected = [MISSING if tag is None else prefixes[tag[0]] for tag in tags]
    iob, types, _ = read_ents([example]).T
    assert iob.tolist() == expected
    labels = [VOCAB.strings[int(label)] for label in types[(iob == BEGIN)]]
    assert labels == [tag[2:] for tag in tags if tag and tag[0] in "BU"]


def test_missing_values_stay_missing():
    example = make_example(ents=["B-LOC", "I-LOC", None, None])
    assert read(example) == ["B-LOC", "I-LOC", "-", "-"]


def test_of_a_document_without_annotation_nothing_is_known():
    assert read(make_example()) == ["-"] * 4
    assert read(make_example(), spans_key="chunks") == ["-"] * 4
    assert read(make_example(ents=["O"] * 4)) == ["O"] * 4


def test_a_group_says_all_of_its_document():
    example = with_group(make_example(), (3, 4, "PER"), (0, 2, "LOC"))
    assert read(example, spans_key="chunks") == ["B-LOC", "I-LOC", "O", "B-PER"]
    assert read(with_group(make_example()), spans_key="chunks") == ["O"] * 4


@pytest.mark.parametrize("spans_key", [None, "chunks"])
@pytest.mark.parametrize("predicted", [OTHER_WORDS, WORDS])
def test_what_is_predicted_already_is_not_read(spans_key, predicted):
    words = ["New", "York", "'s", "Ada"] if predicted is OTHER_WORDS else WORDS
    example = make_example(words, predicted)
    example.predicted.set_ents([Span(example.predicted, 0, 2, label="LOC")])
    assert read(example, spans_key=spans_key) == ["-"] * len(predicted)


def test_a_group_is_aligned_and_what_crosses_tokens_is_missing():
    settings = {"words": ["New", "York", "'s", "Ada"], "predicted": OTHER_WORDS}
    example = make_example(**settings, spaces=[True, False, True, False])
    example = with_group(example, (0, 2, "LOC"), (3, 4, "PER"))
    assert read(example, spans_key="chunks") == ["-", "-", "B-PER"]
    example = with_group(example, (0, 3, "LOC"))
    assert read(example, spans_key="chunks") == ["B-LOC", "I-LOC", "O"]


def test_documents_do_not_run_into_each_other():
    first = make_example(["Ada", "New"], ents=["O", "B-LOC"])
    second = make_example(["York", "x"], ents=["I-LOC", "O"])  # it begins there
    assert read(first, make_example([]), second) == ["O", "B-LOC", "B-LOC", "O"]


def test_an_entity_of_two_labels_is_two_entities():
    example = make_example(["Ada", "Bern"])
    types = [VOCAB.strings["PER"], VOCAB.strings["LOC"]]
    rows = np.array([[BEGIN, types[0]], [INSIDE, types[1]]], dtype="uint64")
    example.reference.from_array(["ENT_IOB", "ENT_TYPE"], rows)
    assert read(example) == ["B-PER", "B-LOC"]


def test_overlapping_spans_are_an_error_that_names_document_and_spans():
    example = with_group(make_example(), (0, 3, "LOC"), (2, 4, "PER"))
    message = r"'New York has Ada.*overlapping.*'chunks'.*0, 3, 'LOC'.*2, 4, 'PER'"
    with pytest.raises(ValueError, match=message):
        read(example, spans_key="chunks")
    with pytest.raises(ValueError, match=message):
        find_labels([example], "chunks")


def test_an_unknown_label_is_an_error_that_names_document_and_label():
    first = make_example(ents=["B-LOC", "I-LOC", "O", "O"])
    second = make_example(["Bob", "has", "cars"], ents=["O", "O", "B-CAR"])
    message = r"'Bob has cars ?' has.*'CAR'.*knows \['LOC', 'PER'\]"
    with pytest.raises(ValueError, match=message):
        read(first, make_example([]), second)


def test_labels_are_found_with_a_document_that_has_them():
    first = make_example(ents=["B-LOC", "I-LOC", "O", "B-PER"])
    second = make_example(["Ada"], ents=["B-PER"])
    found = find_labels([second, first, make_example()], None)
    assert found == {"PER": "'Ada '", "LOC": "'New York has Ada '"}
    chunks = with_group(make_example(), (0, 2, "NP"))
    assert set(find_labels([first, chunks], "chunks")) == {"NP"}


def test_entities_that_cross_tokens_get_one_warning_that_names_the_first():
    settings = {"words": ["New", "York", "'s", "Ada"], "predicted": OTHER_WORDS}
    crossing = make_example(
        **settings,
        spaces=[True, False, True, False],
        ents=["B-LOC", "I-LOC", "O", "B-PER"],
    )
    fine = make_example(ents=["B-LOC", "I-LOC", "O", "B-PER"])
    message = r"2 in all, first 'New York' in the document \"New York's Ada\""
    with pytest.warns(UserWarning, match=message) as caught:
        find_labels([fine, crossing, crossing], None)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(crossing) == ["-", "-", "B-PER"]


def test_incorrect_spans_are_aligned_and_may_overlap():
    words = ["New", "York", "'s", "Ada"]
    spaces = [True, False, True, False]
    example = make_example(words, OTHER_WORDS, spaces=spaces)
    with_group(
        example, (0, 3, "PER"), (0, 2, "PER"), (0, 3, "LOC"), (0, 1, "X"), key="wrong"
    )
    spans = read_incorrect(TAG_SET, [make_example(), example], "wrong", None)
    loc, per = TAG_SET.rows["LOC"], TAG_SET.rows["PER"]
    assert spans.tolist() == [[4, 6, loc], [4, 6, per]]  # after the first four tokens
    assert read_incorrect(TAG_SET, [make_example()], "wrong", None).shape == (0, 3)


def test_what_is_an_entity_and_none_is_an_error_that_names_the_document():
    example = make_example(ents=["B-LOC", "I-LOC", "O", "O"])
    with_group(example, (0, 2, "LOC"), key="wrong")
    with pytest.raises(ValueError, match=r"'New York has.*'wrong'.*0, 2, 'LOC'"):
        read_incorrect(TAG_SET, [example], "wrong", None)


@pytest.mark.parametrize("spans_key", [None, "chunks"])
def test_white_space_at_the_edges_of_entities_is_none_of_them(spans_key):
    words = [" ", "\n", "Ada", " ", "Lee", "\n", "met", "\n", "."]
    tags = ["B-PER", *["I-PER"] * 5, "O", "B-LOC", "O"]
    example = make_example(words, ents=tags)
    example.reference.spans["chunks"] = example.reference.ents
    read_tags = ["O", "O", "B-PER", "I-PER", "I-PER", *["O"] * 4]
    assert read(example, spans_key=spans_key) == read_tags


def test_entities_with_white_space_at_their_edges_get_one_warning():
    fine = make_example(["Ada", "\n", "Lee"], ents=["B-PER", "I-PER", "I-PER"])
    first = make_example(["\n", "Ada"], ents=["B-PER", "I-PER"])
    second = make_example(["Ada", "\n"], ents=["B-PER", "I-PER"])
    message = (
        r"white space, and .*: 2 in all, first '\\n Ada' in the document '\\n Ada '"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        find_labels([fine, first, second], None)
    assert len(caught) == 1


def test_entities_that_cross_sentences_get_one_warning():
    starts = [True, False, True, True]
    words, ents = ["Hi", "Ada", "Lee", "!"], ["O", "B-PER", "I-PER", "O"]
    crossing = make_example(words, ents=ents, sent_starts=starts)
    fine = make_example(words, ents=ents, sent_starts=[True, False, False, True])
    message = "go on in another sentence, .*: 1 in all, first 'Ada Lee' in the document"
    with pytest.warns(UserWarning, match=message) as caught:
        find_labels([fine, crossing, make_example(words, ents=ents)], None)
    assert len(caught) == 1


def test_entities_with_other_labels_are_none_if_so_wanted():
    example = make_example(["Ada", "likes", "cars"], ents=["B-PER", None, "B-CAR"])
    gold = read_gold(TAG_SET, [example], None, ignore_others=True)
    assert gold.iob.tolist() == [BEGIN, MISSING, OUTSIDE]


def test_labels_are_read_from_documents_of_another_vocab():
    reference = Doc(Vocab(), ["New", "York's", "Ada"], ents=["O", "O", "B-PER"])
    reference.spans["chunks"] = [Span(reference, 2, 3, "LOC")]
    for key, label in ((None, "PER"), ("chunks", "LOC")):
        example = Example(Doc(Vocab(), ["New", "York", "'s", "Ada"]), reference)
        assert list(find_labels([example], key)) == [label]
        example = Example(Doc(Vocab(), ["New", "York", "'s", "Ada"]), reference)
        assert read(example, spans_key=key) == ["O", "O", "O", f"B-{label}"]
    example = Example(Doc(Vocab(), ["New", "York", "'s", "Ada"]), reference)
    assert read_incorrect(TAG_SET, [example], "chunks", None).tolist() == [[3, 4, 0]]
