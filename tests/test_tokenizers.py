import pickle
import subprocess
import sys

import pytest
import spacy
from confection import ConfigValidationError
from hypothesis import given
from hypothesis import strategies as st
from spacy.cli.init_config import fill_config
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_rnn.nltk_text import PunktModel
from spacy_rnn.tokenizers import NLTKTokenizer, create_nltk_tokenizer

NAME = "spacy-rnn.NLTKTokenizer.v1"
TEXT = "  Dr. Fox's \"site\" (www.fox.com)\tdidn't open.  It  cost $5,000!!!! &amp;\n"
SETTINGS = {
    "nltk_word": {"rules": "nltk_word"},
    "one sentence": {"rules": "nltk_word", "sentences": False},
    "treebank": {"rules": "treebank"},
    "tweet": {"rules": "tweet"},
    "whitespace": {"rules": "whitespace"},
    "regexp": {"rules": "regexp", "pattern": r"[a-z]+"},
    "gaps": {"rules": "regexp", "pattern": r"[\W_]+", "gaps": True},
}
TEXTS = st.text() | st.text(alphabet="Ab &amp;1'\"`.\n\t(:-_/@", max_size=40)


@pytest.fixture(params=SETTINGS)
def settings(request):
    return SETTINGS[request.param]


def make_pipeline(**settings):
    tokenizer = {"@tokenizers": NAME, **settings}
    return spacy.blank("en", config={"nlp": {"tokenizer": tokenizer}})


def tokens_of(doc):
    return [(token.text, token.whitespace_) for token in doc]


@pytest.mark.parametrize("name", SETTINGS)
def test_the_text_stays_as_it_is(name):
    tokenizer = make_pipeline(**SETTINGS[name]).tokenizer

    @given(text=TEXTS)
    def check(text):
        doc = tokenizer(text)
        assert doc.text == text
        for token in doc:
            assert token.text == token.text.strip() or token.is_space
            assert not (token.is_space and token.whitespace_)

    check()


@given(text=TEXTS)
def test_white_space_is_treated_as_spacy_does(text):
    vocab = Vocab()
    ours = NLTKTokenizer(vocab, "whitespace")
    assert tokens_of(ours(text)) == tokens_of(Tokenizer(vocab)(text))


def test_a_text_that_utf8_cannot_encode_is_refused_as_by_spacy(settings):
    for tokenizer in (NLTKTokenizer(Vocab(), **settings), spacy.blank("en").tokenizer):
        with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
            tokenizer("a \ud83d b")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nltk_word", "Mr. Fox 's \" e-mail \" did n't go . Why not ?"),
        ("one sentence", "Mr. Fox 's \" e-mail \" did n't go. Why not ?"),
        ("treebank", "Mr. Fox 's \" e-mail \" did n't go . Why not ?"),
        ("tweet", "Mr . Fox's \" e-mail \" didn't go . Why not ?"),
        ("whitespace", "Mr. Fox's \"e-mail\" didn't go. Why not?"),
    ],
)
def test_each_tokenizer_has_its_rules(name, expected):
    nlp = make_pipeline(**SETTINGS[name])
    doc = nlp("Mr. Fox's \"e-mail\" didn't go. Why not?")
    assert [token.text for token in doc] == expected.split()


def test_what_an_expression_leaves_out_is_tokens_too():
    words = NLTKTokenizer(Vocab(), "regexp", pattern=r"[a-z]+")("one, 2 --x\n?! ")
    assert tokens_of(words) == [
        *[("one", ""), (",", " "), ("2", " "), ("--", ""), ("x", "")],
        *[("\n", ""), ("?!", " ")],
    ]
    places = make_pipeline(rules="regexp", pattern=" *, *", gaps=True)
    assert tokens_of(places("New York, Paris ,x")) == [
        *[("New York", ""), (",", " "), ("Paris", " "), (",", ""), ("x", "")]
    ]


def test_no_text_and_many_texts(settings):
    tokenizer = NLTKTokenizer(Vocab(), **settings)
    assert len(tokenizer("")) == 0
    texts = ["", "One. Two.", TEXT]
    assert [doc.text for doc in tokenizer.pipe(texts, batch_size=2)] == texts
    assert list(tokenizer.pipe([])) == []


def check_equal(nlp, loaded):
    assert tokens_of(loaded(TEXT)) == tokens_of(nlp(TEXT))
    assert loaded.tokenizer.to_bytes() == nlp.tokenizer.to_bytes()
    assert loaded.tokenizer.vocab is loaded.vocab


def test_a_pipeline_keeps_its_tokenizer(settings, tmp_path):
    nlp = make_pipeline(**settings)
    nlp.to_disk(tmp_path)
    check_equal(nlp, spacy.load(tmp_path))
    check_equal(nlp, make_pipeline().from_bytes(nlp.to_bytes()))
    check_equal(nlp, pickle.loads(pickle.dumps(nlp)))


def test_several_processes_make_the_same_tokens(settings):
    nlp = make_pipeline(**settings)
    docs = nlp.pipe([TEXT, "", TEXT], n_process=2, batch_size=1)
    expected = tokens_of(nlp(TEXT))
    assert [tokens_of(doc) for doc in docs] == [expected, [], expected]


def test_a_config_is_filled_with_the_defaults(tmp_path):
    path = tmp_path / "base.cfg"
    path.write_text(
        '[nlp]\nlang = "en"\npipeline = []\n[components]\n'
        f'[nlp.tokenizer]\n@tokenizers = "{NAME}"\n'
    )
    _, filled = fill_config(tmp_path / "full.cfg", path)
    assert filled["nlp"]["tokenizer"] == {
        "@tokenizers": NAME,
        "rules": "nltk_word",
        "pattern": None,
        "gaps": False,
        "sentences": True,
        "language": None,
    }


def test_documents_say_how_many_tokens_are_right():
    nlp = make_pipeline(rules="whitespace")
    reference = Doc(nlp.vocab, words=["a", "b", "."], spaces=[True, False, False])
    example = Example(nlp.make_doc("a b."), reference)
    assert nlp.tokenizer.score([example])["token_p"] == 0.5
    assert nlp.evaluate([example])["token_f"] == pytest.approx(0.4)


def make_punkt(folder):
    path = folder / "punkt.json"
    path.write_bytes(PunktModel(abbreviations=["abg"]).to_json())
    return path


def test_own_punkt_parameters_come_from_initialize_and_are_saved(tmp_path):
    nlp = make_pipeline()
    text = "Abg. Huber kam. Dr. No."
    assert nlp(text)[1].text == "."
    nlp.config["initialize"]["tokenizer"] = {"punkt": str(make_punkt(tmp_path))}
    nlp.initialize()
    assert [token.text for token in nlp(text)][:4] == ["Abg.", "Huber", "kam", "."]
    assert nlp(text)[5].text == "."
    nlp.to_disk(tmp_path / "nlp")
    with pytest.raises(ValueError, match="punkt is for finding sentences"):
        NLTKTokenizer(nlp.vocab, "tweet").initialize(punkt=tmp_path / "punkt.json")
    (tmp_path / "punkt.json").unlink()
    check_equal(nlp, spacy.load(tmp_path / "nlp"))
    check_equal(nlp, pickle.loads(pickle.dumps(nlp)))


def write_nltk_data(folder):
    folder = folder / "tokenizers" / "punkt_tab" / "german"
    folder.mkdir(parents=True)
    (folder / "abbrev_types.txt").write_text("abg")
    for name in ("collocations.tab", "sent_starters.txt", "ortho_context.tab"):
        (folder / name).write_text("")
    return folder


def test_a_saved_pipeline_needs_no_data_of_nltk(nltk_folder):
    folder = write_nltk_data(nltk_folder)
    nlp = make_pipeline(language="german")
    assert nlp("Abg. Huber kam.")[0].text == "Abg."
    nlp.to_disk(nltk_folder / "nlp")
    (folder / "abbrev_types.txt").unlink()
    loaded = spacy.load(nltk_folder / "nlp")
    check_equal(nlp, loaded)
    loaded.initialize()
    assert loaded("Abg. Huber kam.")[0].text == "Abg."


@pytest.mark.usefixtures("nltk_folder")
def test_missing_data_is_told_before_training():
    nlp = make_pipeline(language="german")
    for use in (nlp.initialize, lambda: nlp("A text.")):
        with pytest.raises(LookupError, match="nltk.downloader punkt_tab\n"):
            use()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"rules": "moses"},
            "'moses' is not .*'nltk_word', 'treebank', 'tweet', 'regexp', 'whitespace'",
        ),
        ({"rules": "tweet", "patern": "x"}, "unexpected argument: 'patern'"),
        ({"sentences": "perhaps"}, "'perhaps' is not <class 'bool'>"),
    ],
)
def test_a_typo_in_a_config_is_answered_with_what_is_valid(settings, message):
    with pytest.raises(ConfigValidationError, match=message):
        make_pipeline(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rules": "moses"}, "rules has to be one of"),
        ({"rules": "regexp", "pattern": "["}, "no regular expression"),
        ({"pattern": "x"}, "pattern is of rules"),
        (
            {"rules": "tweet", "language": "english"},
            "language is for finding sentences",
        ),
        ({"sentences": False, "language": "english"}, "language is for finding"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        create_nltk_tokenizer(**settings)(spacy.blank("en"))


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b'{"rules": "tweet"}'])
def test_what_another_tokenizer_has_saved_is_refused(data, tmp_path):
    tokenizer = NLTKTokenizer(Vocab(), "tweet")
    (tmp_path / "tokenizer").write_bytes(data)
    with pytest.raises(ValueError, match="tokenizer: Not saved by an NLTKTokenizer"):
        tokenizer.from_disk(tmp_path / "tokenizer")
    assert tokenizer.rules == "tweet"


def test_finding_the_names_does_not_import_nltk():
    code = (
        "import sys; import spacy; from spacy.util import registry;"
        f"registry.tokenizers.get('{NAME}');"
        "spacy.blank('en').get_factory_meta('nltk_sentencizer');"
        "sys.exit('nltk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
