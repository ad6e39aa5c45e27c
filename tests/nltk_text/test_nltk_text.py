import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.tokenize import (
    NLTKWordTokenizer,
    PunktSentenceTokenizer,
    RegexpTokenizer,
    TreebankWordTokenizer,
    TweetTokenizer,
    word_tokenize,
)
from nltk.tokenize.punkt import PunktParameters

from spacy_rnn.nltk_text import (
    PunktModel,
    built_in_punkt,
    load_punkt,
    read_punkt,
    split_sentences,
    split_words,
    train_punkt,
)

QUOTES = st.text(alphabet="ab '\"`.\n(),-«”’s", max_size=30)
MARKS = st.text(alphabet="Ab 1.!?\"')\n\r\u2029,", max_size=40)
TWEETS = st.text(alphabet="&amp;lt#39x!.-@a1 \n:)(<3_", max_size=30)
TEXTS = st.text() | QUOTES | MARKS | TWEETS
RULES = [
    pytest.param({"rules": "nltk_word"}, id="nltk_word"),
    pytest.param({"rules": "treebank"}, id="treebank"),
    pytest.param({"rules": "treebank", "punkt": built_in_punkt()}, id="sentences"),
    pytest.param({"rules": "tweet"}, id="tweet"),
    pytest.param({"rules": "whitespace"}, id="whitespace"),
    pytest.param({"rules": "regexp", "pattern": r"\w*| +."}, id="regexp"),
    pytest.param({"rules": "regexp", "pattern": ",", "gaps": True}, id="gaps"),
]


def words_of(text, *args, **settings):
    return [text[i:j] for i, j in split_words(text, *args, **settings)]


def sentences_of(text, *args, **settings):
    return [text[i:j] for i, j in split_sentences(text, *args, **settings)]


def assert_are_parts(spans, text):
    """Check that spans are in order, and have no white space around them."""
    end = 0
    for start, stop in spans:
        assert end <= start < stop <= len(text)
        assert text[start:stop] == text[start:stop].strip()
        end = stop


@pytest.mark.parametrize("settings", RULES)
@given(text=TEXTS)
def test_words_are_parts_of_the_text(settings, text):
    assert_are_parts(split_words(text, **settings), text)


@pytest.mark.parametrize(
    ("rules", "reference"),
    [("nltk_word", NLTKWordTokenizer()), ("treebank", TreebankWordTokenizer())],
)
@given(text=TEXTS)
def test_words_of_a_sentence_are_those_of_nltk_but_for_quotes(rules, reference, text):
    def normalize(word):
        return word.replace("``", '"').replace("''", '"')

    words = words_of(text, rules)
    assert list(map(normalize, words)) == list(map(normalize, reference.tokenize(text)))
    left_over = re.sub(r"\s", "", text)
    assert "".join(words) == left_over


def test_quotes_that_nltk_changes_are_found():
    text = "\"It''s\" `` so ''  ('\"x\"') \"\""
    assert words_of(text) == [
        *['"', "It", "''", "s", '"', "``", "so", "''"],
        *["(", "'", '"', "x", '"', "'", ")", '"', '"'],
    ]


@given(text=st.text() | MARKS | QUOTES)
def test_a_text_is_split_like_its_sentences_when_punkt_is_given(text):
    punkt = built_in_punkt()
    expected = [
        word
        for sentence in sentences_of(text, punkt, line_breaks="never")
        for word in words_of(sentence)
    ]
    assert words_of(text, punkt=punkt) == expected


def test_a_period_is_a_word_at_the_end_of_each_sentence():
    text = "Mr. Fox ran. It rained."
    assert words_of(text) == ["Mr.", "Fox", "ran.", "It", "rained", "."]
    assert words_of(text, punkt=built_in_punkt())[2:5] == ["ran", ".", "It"]


@given(text=st.text() | TWEETS)
def test_words_of_tweets_are_as_many_as_those_of_nltk(text):
    text = text.replace("&", "")
    tokens = [token for token in TweetTokenizer().tokenize(text) if token.strip()]
    words = words_of(text, "tweet")
    assert len(words) == len(tokens)
    if not re.search(r"(\W|_)\1{3}", text):
        assert words == [token.strip() for token in tokens]


def test_what_nltk_changes_in_tweets_keeps_its_place():
    text = "R&amp;D <3 &lt;3 &nosuch; &#128512;!!!!!! wow....... @jo_x (800) 123-4567"
    assert words_of(text, "tweet") == [
        *["R", "&amp;", "D", "<3", "&lt;3", "&", "nosuch", ";", "&#128512;"],
        *["!", "!", "!!!!", "wow", ".......", "@jo_x", "(800) 123-4567"],
    ]


@pytest.mark.parametrize("part", ["1", "<!--", "a.", "&lt;", "(", "#"])
def test_very_long_words_of_tweets_are_no_trouble(part):
    text = part * (20_000 // len(part))
    assert "".join(words_of(text, "tweet")) == text
    assert list(map(len, words_of("a" * 5000, "tweet"))) == [2000, 2000, 1000]


def test_an_ordinary_long_line_of_tweets_is_split_as_a_whole():
    line = "so 800 123-4567 :-) www.example.com/" + "x" * 1500 + " . . . "
    tokens = TweetTokenizer().tokenize(line * 20)
    assert words_of(line * 20, "tweet") == tokens


@pytest.mark.parametrize("pattern", [r"\w+", r"[A-Z]\w*", r"(\w)(\w)", r" ?\w+", "b*"])
@given(text=TEXTS)
def test_words_of_an_expression_are_its_matches(pattern, text):
    spans = RegexpTokenizer(pattern).span_tokenize(text)
    expected = [text[i:j].strip() for i, j in spans]
    assert words_of(text, "regexp", pattern=pattern) == [w for w in expected if w]


def test_an_expression_can_match_what_is_between_words():
    text = "one, two,three"
    found = words_of(text, "regexp", pattern=r",\s*", gaps=True)
    assert found == ["one", "two", "three"]


@given(text=TEXTS)
def test_white_space_is_what_python_takes_for_it(text):
    assert words_of(text, "whitespace") == text.split()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rules": "moses"}, "rules has to be one of .*'tweet'.*'moses'"),
        ({"rules": "regexp"}, "pattern is None"),
        ({"rules": "tweet", "pattern": "x"}, "rules is 'tweet' and pattern is 'x'"),
        ({"rules": "tweet", "gaps": True}, "gaps is of rules"),
        ({"rules": "regexp", "pattern": "(x"}, r"no regular expression: .*'\(x'"),
    ],
)
def test_rules_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        split_words("a text", **settings)


@pytest.mark.parametrize("line_breaks", ["never", "blank", "always"])
@given(text=TEXTS)
def test_sentences_leave_out_nothing_but_white_space(line_breaks, text):
    spans = split_sentences(text, line_breaks=line_breaks)
    assert_are_parts(spans, text)
    left_over = re.sub(r"\s", "", text)
    assert "".join(re.sub(r"\s", "", text[i:j]) for i, j in spans) == left_over


@given(text=TEXTS)
def test_sentences_are_those_of_nltk_unless_lines_count(text):
    punkt = built_in_punkt()
    parameters = PunktParameters()
    parameters.abbrev_types = set(punkt.abbreviations)
    parameters.collocations = set(punkt.collocations)
    parameters.sent_starters = set(punkt.sentence_starters)
    expected = PunktSentenceTokenizer(parameters).tokenize(text)
    found = sentences_of(text, line_breaks="never")
    assert found == [each.strip() for each in expected if each.strip()]


@pytest.mark.parametrize(
    ("line_breaks", "expected"),
    [
        ("never", ["Title\n\nOne\ntwo.", "Three\r\n \r\nfour"]),
        ("blank", ["Title", "One\ntwo.", "Three", "four"]),
        ("always", ["Title", "One", "two.", "Three", "four"]),
    ],
)
def test_line_breaks_end_sentences_if_they_are_told_to(line_breaks, expected):
    text = "Title\n\nOne\ntwo. Three\r\n \r\nfour\n"
    assert sentences_of(text, line_breaks=line_breaks) == expected


def test_unknown_line_breaks_are_refused():
    with pytest.raises(ValueError, match="line_breaks has to be one of .*'blank'"):
        split_sentences("", line_breaks="sometimes")


@pytest.mark.parametrize(
    "text",
    [
        "Dr. Ng met Sen. Ruiz at 5 p.m. on Jan. 3.|They talked.",
        "J. R. Smith of Acme Inc. sued.|The case (No. 12) is Roe vs. Wade.",
        'He said no.|"Why?"|she asked.|(It was late.)|We left...',
        "She has a Ph.D. in maths, i.e. she counts.|It helps.",
        "They sell tea, etc.|The shop is in Washington, D.C.|We went.",
        "He moved to the U.S.|In 2001 he came back.",
    ],
)
def test_common_english_abbreviations_are_known_without_data(text):
    expected = text.split("|")
    assert sentences_of(" ".join(expected)) == expected


def test_the_time_between_two_matches_does_not_count(monkeypatch):
    redos = pytest.importorskip("nltk.redos")
    monkeypatch.setattr(redos, "DEFAULT_TIMEOUT", 0.2)
    assert len(split_sentences("Ab cd. " * 10_000)) == 10_000  # takes longer


def test_nothing_is_remembered_of_the_texts():
    punkt = PunktModel(abbreviations=["ca"], orthography={"the": 2})
    punkt.split("It took ca. Ten days. The end. Other words. Fin.")
    assert punkt == PunktModel(abbreviations=["ca"], orthography={"the": 2})


def make_trained():
    texts = [
        f"Der Abg. Meier sprach am {n}. Mai. Die Abg. Kurz, Vors. des Rats, ging."
        for n in range(1, 31)
    ]
    return train_punkt(texts)


def test_abbreviations_are_learned_from_texts_without_annotation():
    text = "Gestern kam Abg. Huber. Alle gingen."
    assert sentences_of(text, PunktModel()) == [
        "Gestern kam Abg.",
        "Huber.",
        "Alle gingen.",
    ]
    trained = make_trained()
    assert "abg" in trained.abbreviations
    assert sentences_of(text, trained) == ["Gestern kam Abg. Huber.", "Alle gingen."]


def test_nothing_is_learned_from_no_text():
    assert train_punkt([]) == train_punkt(["", " "]) == PunktModel()


def test_json_holds_all_that_is_known(tmp_path):
    trained = make_trained()
    assert trained.orthography
    assert PunktModel.from_json(trained.to_json(), "here") == trained
    assert make_trained().to_json() == trained.to_json()
    path = tmp_path / "punkt.json"
    path.write_bytes(built_in_punkt().to_json())
    assert read_punkt(path) == built_in_punkt()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff", "p.json: malformed JSON"),
        (b'{"abbreviations": [', "p.json: malformed JSON"),
        (b"[" * 100_000, "p.json: malformed JSON"),
        (b"[]", "p.json: expected a mapping with the keys"),
        (b'{"abbreviations": []}', "keys .*'collocations'"),
    ],
)
def test_json_of_something_else_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        PunktModel.from_json(data, "p.json")


@pytest.mark.parametrize(
    "wrong",
    [
        {"abbreviations": "dr"},
        {"abbreviations": [1]},
        {"collocations": [["a"]]},
        {"collocations": ["ab"]},
        {"sentence_starters": [None]},
        {"orthography": []},
        {"orthography": {"a": "2"}},
    ],
)
def test_json_of_a_wrong_type_is_refused(wrong):
    with pytest.raises(ValueError, match="here: expected lists of words"):
        PunktModel.from_dict({**PunktModel().to_dict(), **wrong}, "here")


def test_what_is_joined_knows_both():
    one = PunktModel(abbreviations=["a"], orthography={"x": 2, "y": 4})
    other = PunktModel(collocations=[("b", "c")], orthography={"x": 8})
    joined = PunktModel(
        abbreviations=["a"],
        collocations=[("b", "c")],
        orthography={"x": 10, "y": 4},
    )
    assert one.join(other) == other.join(one) == joined
    assert joined != one


@pytest.mark.parametrize("language", ["english", "klingon", "../english", ""])
def test_missing_data_says_how_to_get_it(nltk_folder, language):
    with pytest.raises(LookupError) as caught:
        load_punkt(language)
    message = str(caught.value)
    assert f"the language {language!r}" in message
    assert "    python -m nltk.downloader punkt_tab\n" in message
    assert "NLTK_DATA" in message
    assert str(nltk_folder) in message


def test_data_of_nltk_is_read(nltk_folder):
    folder = nltk_folder / "tokenizers" / "punkt_tab" / "german"
    folder.mkdir(parents=True)
    for name, content in {
        "abbrev_types.txt": "bzw\ndr",
        "collocations.tab": "##number##\tmai",
        "sent_starters.txt": "aber",
        "ortho_context.tab": "aber\t34",
    }.items():
        (folder / name).write_text(content, encoding="utf-8")
    assert load_punkt("german") == PunktModel(
        abbreviations=["bzw", "dr"],
        collocations=[("##number##", "mai")],
        sentence_starters=["aber"],
        orthography={"aber": 34},
    )


@pytest.mark.usefixtures("fresh_nltk")
def test_words_are_those_of_word_tokenize():
    try:
        english = load_punkt("english")
    except LookupError:
        pytest.skip("NLTK has no Punkt data")
    text = "Mr. Li didn't go. \"Why?\" (We'd asked.) It cost $3.88, i.e. a lot."
    expected = word_tokenize(text)
    assert [w.replace('"', "``") for w in words_of(text, punkt=english)] == [
        word.replace("''", "``") for word in expected
    ]
