from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tag_names import tags_to_spans

from spacy_rnn.corpora.files.lines import Location
from spacy_rnn.corpora.tokens.chunk_tags import choose_scheme, pair_up, to_bio

SCHEMES = ["IOB1", "BIO", "BILUO", "IOBES"]

# The same two sentences in each scheme: a chunk of three, one of two, one of its label
# right after it, and one of another label at the end; a single token.
SENTENCES = {
    "IOB1": ["I-A I-A I-A O I-A I-A B-A I-B", "I-A"],
    "BIO": ["B-A I-A I-A O B-A I-A B-A B-B", "B-A"],
    "BILUO": ["B-A I-A L-A O B-A L-A U-A U-B", "U-A"],
    "IOBES": ["B-A I-A E-A O B-A E-A S-A S-B", "S-A"],
}


def write_spans(spans, length, scheme):
    """Tag spans in a scheme, one after the other."""
    tags = ["O"] * length
    for start, end, label in spans:
        first, last, only = {
            "IOB1": ("I", "I", "I"),
            "BIO": ("B", "I", "B"),
            "BILUO": ("B", "L", "U"),
            "IOBES": ("B", "E", "S"),
        }[scheme]
        if scheme == "IOB1" and start and tags[start - 1].endswith(f"-{label}"):
            first = only = "B"
        tags[start:end] = [f"I-{label}"] * (end - start)
        tags[end - 1] = f"{last}-{label}"
        tags[start] = f"{first if end - start > 1 else only}-{label}"
    return tags


def collect(sentences):
    """Where each pair of neighbours comes first, a sentence a line."""
    pairs = {}
    for number, tags in enumerate(sentences, start=1):
        for pair in pair_up(tags):
            pairs.setdefault(pair, Location(Path("f"), number))
    return pairs


@st.composite
def tagged_spans(draw):
    spans, position = [], 0
    for _ in range(draw(st.integers(0, 5))):
        start = position + draw(st.integers(0, 2))
        position = start + draw(st.integers(1, 4))
        spans.append((start, position, draw(st.sampled_from(["A", "B", "B-cell"]))))
    return spans, position + draw(st.integers(0, 2))


@pytest.mark.parametrize("scheme", SCHEMES)
@given(case=tagged_spans())
def test_spans_come_back_from_every_scheme(scheme, case):
    spans, length = case
    bio = to_bio(write_spans(spans, length, scheme), scheme)
    assert bio == write_spans(spans, length, "BIO")
    assert tags_to_spans(bio, "BIO") == spans


@pytest.mark.parametrize("scheme", SCHEMES)
@given(cases=st.lists(tagged_spans(), min_size=1, max_size=5))
def test_the_scheme_that_is_found_gives_the_same_spans(scheme, cases):
    sentences = [write_spans(*case, scheme) for case in cases]
    found = choose_scheme(collect(sentences), "ner")
    for tags, (spans, _) in zip(sentences, cases, strict=True):
        # IOB1 and BIO may both fit, but a chunk then begins where it does.
        assert tags_to_spans(to_bio(tags, found), "BIO") == spans


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_is_found_by_what_only_it_has(scheme):
    sentences = [tags.split() for tags in SENTENCES[scheme]]
    assert choose_scheme(collect(sentences), "ner") == scheme
    for tags, bio in zip(sentences, SENTENCES["BIO"], strict=True):
        assert to_bio(tags, scheme) == bio.split()


def test_tags_that_are_all_outside_are_bio():
    assert choose_scheme(collect([["O", "O"], []]), "ner") == "BIO"


@pytest.mark.parametrize("unknown", ["-", "_", "", None])
def test_unknown_tags_stay_unknown_and_end_a_chunk(unknown):
    assert to_bio([unknown, "B-A", unknown, "O"], "BIO") == ["", "B-A", "", "O"]
    assert to_bio([unknown, "U-A", unknown], "BILUO") == ["", "B-A", ""]
    assert to_bio(["I-A", unknown, "I-A"], "IOB1") == ["B-A", "", "B-A"]
    with pytest.raises(ValueError, match="'I-A' after an unknown tag must not be"):
        to_bio([unknown, "I-A"], "BIO")
    with pytest.raises(ValueError, match="an unknown tag after 'B-A' must not be"):
        to_bio(["B-A", unknown], "BILUO")


def test_iob1_begins_a_chunk_wherever_one_can_begin():
    tags = ["I-A", "I-B", "B-B", "O", "B-A", "I-B"]
    assert to_bio(tags, "IOB1") == ["B-A", "B-B", "B-B", "O", "B-A", "B-B"]


@pytest.mark.parametrize(
    ("scheme", "tags", "message"),
    [
        ("BIO", "I-A", "'I-A' at the beginning of a sentence must not be in BIO"),
        ("BIO", "O I-A", "'I-A' after 'O' must not be in BIO; a chunk begins there"),
        ("BIO", "B-B I-A", "'I-A' after 'B-B'"),
        ("BIO", "U-A", "'U-A' is no tag of BIO, which has 'O', 'B-…', 'I-…'"),
        ("BILUO", "B-A", "'B-A' at the end of a sentence must not be in BILUO"),
        ("BILUO", "B-A O", "'O' after 'B-A'"),
        ("BILUO", "B-A U-A", "'U-A' after 'B-A'"),
        ("BILUO", "B-A L-B", "'L-B' after 'B-A'"),
        ("BILUO", "L-A", "'L-A' at the beginning"),
        ("BILUO", "U-A I-A", "'I-A' after 'U-A'"),
        ("BILUO", "E-A", "'E-A' is no tag of BILUO"),
        ("IOBES", "B-A S-A", "'S-A' after 'B-A'"),
        ("IOBES", "L-A", "'L-A' is no tag of IOBES"),
        ("IOB1", "PER", "'PER' is no tag of IOB1"),
        ("IOB1", "B-", "'B-' is no tag of IOB1"),
        ("IOB1", "BI-A", "'BI-A' is no tag of IOB1"),
        ("IOB1", "o", "'o' is no tag of IOB1"),
    ],
)
def test_what_a_scheme_has_not_is_refused(scheme, tags, message):
    with pytest.raises(ValueError, match=message):
        to_bio(tags.split(), scheme)
    with pytest.raises(ValueError, match=f"f:2: 'ner' is not in {scheme}: {message}"):
        choose_scheme(collect([["O"], tags.split()]), "ner", scheme)


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        (["B-A O", "O I-A"], "f:2: 'I-A' after 'O' must not be in BIO"),
        (["I-A O B-A"], "f:1: 'I-A' at the beginning of a sentence must not be in BIO"),
        (["I-A I-A", "PER"], "f:2: 'PER' is no tag of IOB1"),
        (["B-A I-A", "A-B"], "f:2: 'A-B' is no tag of BIO"),
        (
            ["U-A", "B-A I-A"],
            "f:2: 'I-A' at the end of a sentence must not be in BILUO",
        ),
        (["S-A", "U-A"], "f:1: 'S-A' is no tag of BILUO"),
    ],
)
def test_tags_that_are_in_no_scheme_are_refused(sentences, message):
    line, reason = message.split(": ")
    message = f"{line}: 'ner' is not in IOB1, BIO, BILUO or IOBES: {reason}"
    with pytest.raises(ValueError, match=message):
        choose_scheme(collect([tags.split() for tags in sentences]), "ner")
