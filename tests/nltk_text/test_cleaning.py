from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_rnn.nltk_text import CleaningStep, clean, cleaning, news

MARKUP = st.lists(
    st.sampled_from(
        [
            "<p>",
            "</p>",
            "<br/>",
            "<b ",
            "<",
            ">",
            "<!--",
            "-->",
            "<script>",
            "</script>",
        ]
        + ["&amp;", "&#39;", "&", ";", 'a="', "x", " ", "\n", "<td>", "<?", "]]>"]
    ),
    max_size=12,
).map("".join)
NEWS = st.lists(
    st.sampled_from(
        [
            "By ",
            "By\n",
            "Jo Li",
            "LONDON",
            ", England",
            " (CNN)",
            " -- ",
            "—",
            "Jan. 5",
            " ",
        ]
        + ["(", ")", "Reuters", "PUBLISHED:", "10:30 EST", "\n", ".", "|", "A cat sat."]
        + ["Reporting by Al;", "Copyright 2001 X. ", "X contributed to this report."]
        + ["'", "“", "``", "''", "\u2029", "\r\n", "\xa0", "\u200b", "the", "Don’t"]
    ),
    max_size=12,
).map("".join)
TEXTS = st.text() | MARKUP | NEWS
NEED_NO_DATA = [step for step in get_args(CleaningStep) if step != "remove_stop_words"]
ONCE_IS_ENOUGH = [
    "normalize_quotes",
    "normalize_spaces",
    "strip_bylines",
    "strip_datelines",
    "lower",
    "remove_stop_words",
]


@pytest.fixture
def stop_words(nltk_folder):
    """Short lists of stop words where NLTK looks for them."""
    folder = nltk_folder / "corpora" / "stopwords"
    folder.mkdir(parents=True)
    (folder / "english").write_text("the\na\nand\nit's\ndon't\n", encoding="utf-8")
    (folder / "german").write_text("und\n", encoding="utf-8")
    cleaning._read_stop_words.cache_clear()
    yield
    cleaning._read_stop_words.cache_clear()


def test_every_step_is_a_function_of_its_name():
    functions = [*cleaning._STEPS, *cleaning._OF_LANGUAGE]
    assert sorted(functions) == sorted(get_args(CleaningStep))
    assert all(callable(getattr(cleaning, step)) for step in get_args(CleaningStep))


@pytest.mark.parametrize("step", NEED_NO_DATA)
@given(text=TEXTS)
def test_no_text_is_too_odd_for_a_step(step, text):
    assert isinstance(clean(text, [step]), str)


@pytest.mark.parametrize("step", ONCE_IS_ENOUGH)
def test_doing_it_twice_is_doing_it_once(step, stop_words):
    @given(text=TEXTS)
    def check(text):
        once = clean(text, [step])
        assert clean(once, [step]) == once

    check()


@pytest.mark.parametrize("step", ["strip_bylines", "strip_datelines", "strip_markup"])
@given(text=TEXTS)
def test_what_is_stripped_is_left_out_and_nothing_else_happens(step, text):
    rest = iter(text + "\n\n" * len(text) + " " * len(text))
    stripped = clean(text, [step])
    if step == "strip_markup":  # which puts white space in the place of tags
        stripped, rest = "".join(stripped.split()), iter("".join(text.split()))
    assert all(char in rest for char in stripped)


@pytest.mark.parametrize("step", ["strip_bylines", "strip_datelines", "strip_markup"])
@pytest.mark.parametrize(
    "text",
    [
        "a < b, x<y and y>z, <3 <jo@example.com> <https://example.com> <!-- no end",
        "By Monday the king had gone.\n\nBy all means, said Jo.",
        "John Smith (Labour) - the member for Leeds - spoke.",
        "The Reuters (Reuters) building burned.",
        "WARNING — do not read.",
        "12 people died. By then it was late.",
        "\n\nA text.\n",
        "By Jo Li",
        "",
    ],
)
def test_what_could_be_part_of_the_text_stays(step, text):
    assert clean(text, [step]) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>One <b>two</b></p>three", "\n\nOne two\n\nthree"),
        ("a<br>b<BR />c", "a\nb\nc"),
        ("<td>1</td><td>2</td>", " 1  2 "),
        ("<A HREF='x>y' data-x=\"1\" id=z?a=b checked>link</A>", "link"),
        ("x<!-- <p> -->y<script src=a>if (a<b) '<p>'</script>z", "xyz"),
        ("<!DOCTYPE html><?xml version='1.0'?><![CDATA[a]]>", "a"),
        ("<!-- x <!-- y -->z", "<!-- x z"),
        ("&lt;b&gt;", "&lt;b&gt;"),
    ],
)
def test_markup_is_taken_off(text, expected):
    assert clean(text, ["strip_markup"]) == expected


def test_entities_become_characters_one_layer_at_a_time():
    text = "&lt;R&amp;D&gt; &#8217;&#x2019; &amp;amp; &nosuch; AT&T"
    assert clean(text, ["unescape_entities"]) == "<R&D> ’’ &amp; &nosuch; AT&T"


def test_quotes_become_straight():
    text = "“a” „b‟ «c» ‘d’ ‚e‛ ``f'' `g' 5′ 6″ don’t"
    expected = '"a" "b" "c" \'d\' \'e\' "f" \'g\' 5\' 6" don\'t'
    assert clean(text, ["normalize_quotes"]) == expected


def test_spaces_become_plain_and_paragraphs_stay():
    text = "\ufeffa\xa0 \u3000b\tso\xadft\r\nc \x0b d\u2029\n\n e\u200b \x00\u200df\n"
    expected = "a b soft\nc\nd\n\ne \u200df"
    assert clean(text, ["normalize_spaces"]) == expected


@pytest.mark.parametrize(
    "dateline",
    [
        "LONDON, England (CNN) -- ",
        "(CNN) -- ",
        "(CNN)",
        "Washington (CNN) ",
        "New York (CNN Business)",
        "NEW YORK, Jan 5 (Reuters) - ",
        "ST. LOUIS (AP) — ",
        "SÃO PAULO (AFP) – ",
        "(Mental Floss) -- ",
        "LONDON, England (Financial Times) --",
        "PARIS — ",
        "WASHINGTON, March 5 -- ",
        "\n HONG KONG, China (CNN) -- (CNN) -- ",
    ],
)
def test_datelines_are_taken_off(dateline):
    assert clean(f"{dateline}The story.", ["strip_datelines"]) == "The story."


def test_a_dateline_may_follow_a_headline_if_it_names_an_agency():
    text = "A headline\nBAGHDAD, Iraq (CNN) -- Dozens came.\nPARIS — And more."
    expected = "A headline\nDozens came.\nPARIS — And more."
    assert clean(text, ["strip_datelines"]) == expected


@pytest.mark.parametrize(
    "byline",
    [
        "By John Smith\n",
        "\nBy John Smith\n",
        "By JILL O'HARA and Al de la Cruz, CNN\n\n",
        "By .\nDaily Mail Reporter .\nPUBLISHED: .\n07:27 EST, 10 April 2013 .\n| .\n",
        "By\n\nJill Reilly\n\n",
        "Last updated at 10:30 AM on 3rd May 2011\n",
        "\nWritten by: Jo Li (@joli)\nUpdated: Jan. 5, 2012\n",
    ],
)
def test_bylines_before_an_article_are_taken_off(byline):
    text = "A cat sat.\n\nBy Jo Li\n"
    assert clean(byline + text, ["strip_bylines"]) == text


@pytest.mark.parametrize("text", ["Cats of Rome\nA cat sat.", "\nJo Li\n\nShe sat."])
def test_a_headline_that_could_be_a_name_is_no_byline(text):
    assert clean(text, ["strip_bylines"]) == text


@pytest.mark.parametrize(
    "credit",
    [
        " (Reporting by A. Smith in Rome; Editing by J. Doe)",
        "\nAdditional reporting by Jo Li\n",
        " CNN's Tom Watkins contributed to this report.",
        "\n\nCopyright 2008 CNN. All rights reserved. It may not be published.",
        " Writing by Jo Li. The Associated Press contributed to this story.",
    ],
)
def test_credits_behind_an_article_are_taken_off(credit):
    text = "“A cat sat,” wrote A. Smith.”"
    assert clean(text + credit, ["strip_bylines"]) == text


def test_stop_words_are_left_out_whatever_their_case_and_quotes(stop_words):
    text = "The cat and THE dog.\nIt’s a band, don't  panic: and/or the1"
    expected = "cat dog.\nband, panic: /or the1"
    assert clean(text, ["remove_stop_words"]) == expected
    german = clean(text, ["remove_stop_words"], language="german")
    assert german.startswith("The cat and THE")


def test_missing_stop_words_say_how_to_get_them(nltk_folder):
    cleaning._read_stop_words.cache_clear()
    with pytest.raises(LookupError) as caught:
        clean("a", ["remove_stop_words"])
    message = str(caught.value)
    assert "    python -m nltk.downloader stopwords\n" in message
    assert str(nltk_folder) in message


def test_words_become_stems_and_the_rest_stays():
    assert clean("Cats’ RUNNING, 3rd isn't\n", ["stem"]) == "cat’ run, 3rd isn't\n"
    assert clean("Katzen, gelaufen", ["stem"], language="german") == "katz, gelauf"


@given(text=st.text())
def test_no_language_is_too_odd_for_the_stemmer(text):
    from nltk.stem import SnowballStemmer

    for language in SnowballStemmer.languages:
        clean(text, ["stem"], language=language)


def test_steps_are_done_in_their_order():
    text = "&lt;b&gt;Running&lt;/b&gt;"
    assert clean(text, ["strip_markup", "unescape_entities"]) == "<b>Running</b>"
    steps = ["unescape_entities", "strip_markup", "stem"]
    assert clean(text, steps) == "run"
    assert clean(text, []) == text


@pytest.mark.parametrize(
    ("steps", "language", "message"),
    [
        (["lower", "upper"], "english", "step has to be one of .*'stem'.*'upper'"),
        ("lower", "english", "steps has to be a list of .* but it is 'lower'"),
        (["stem"], "klingon", "stemmer has to be one of .*'english'.*'klingon'"),
        (["remove_stop_words"], "latin", "has to be one of .*'german'.*'latin'"),
    ],
)
@pytest.mark.usefixtures("stop_words")
def test_what_cannot_be_cleaned_is_refused(steps, language, message):
    with pytest.raises(ValueError, match=message):
        clean("A text", steps, language=language)


def test_very_long_texts_are_cleaned_in_time():
    for part in ("<!--", '<a b="', "By\n", "(CNN) -- ", "Reporting by x.\n", "A. "):
        clean(part * (100_000 // len(part)), NEED_NO_DATA)


def test_the_rules_of_news_are_steps_too():
    assert cleaning.strip_bylines is news.strip_bylines
    assert cleaning.strip_datelines is news.strip_datelines
