import hashlib
import subprocess
import sys

import pytest
import spacy
from spacy.util import registry

from spacy_rnn.corpora.nltk.corpus import NLTKCorpus, find_split
from spacy_rnn.corpora.nltk.items import load_corpus, read_items

NLP = spacy.blank("en")
TREEBANK = r"""
( (S (NP-SBJ-1 (NNP Vinken) ) (VP (VBD said) (S (NP-SBJ (-NONE- *-1) )
  (ADJP (JJ and\/or) ))) (-LRB- -LRB-) (CD 61) (-RRB- -RRB-) (. .) ))
( (S (NP-SBJ (DT The) (NN board) ) (VP (VBZ joins) ) (. .) ))
( (S (NP-SBJ (-NONE- *) )))
"""
UNIVERSAL = "VBD\tVERB\nVBZ\tVERB\nNNP\tNOUN\nNN\tNOUN\nDT\tDET\nJJ\tADJ\nCD\tNUM\n.\t."
CONLL = "He PRP B-NP\n{} VBZ B-VP\n. . O\n\n"


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("latin-1"))


@pytest.fixture
def corpora(nltk_folder):
    """Small corpora in the files of those that NLTK distributes."""
    negative = "".join(f"bad film number {n} . \n" for n in range(60))
    positive = "".join(f"good film number {n} . \n" for n in range(60))
    questions = "".join(
        f"NUM:date When was {n} ?\nHUM:ind Who is {n} ?\n" for n in range(40)
    )
    write(
        nltk_folder / "corpora",
        {
            "sentence_polarity/rt-polarity.neg": negative + "\n Same . \n",
            "sentence_polarity/rt-polarity.pos": positive + "same  .\n",
            "subjectivity/quote.tok.gt9.5000": "caf\xe9 one\x85two\n",
            "subjectivity/plot.tok.gt9.5000": "a plot\n",
            "movie_reviews/neg/cv0.txt": "bad . \nvery bad . \n",
            "movie_reviews/pos/cv1.txt": "good . \n",
            "reuters/cats.txt": "test/1 grain corn\ntraining/2 grain\ntraining/3 tea\n",
            "reuters/test/1": "first text",
            "reuters/training/2": "second text",
            "reuters/training/3": "third text",
            "qc/train.txt": questions,
            "qc/test.txt": "NUM:count How many ?\n",
            "treebank/combined/wsj_0001.mrg": TREEBANK,
            "conll2000/train.txt": "".join(CONLL.format(f"w{n}") for n in range(50)),
            "conll2000/test.txt": CONLL.format("is"),
            "conll2002/esp.train": CONLL.format("es"),
            "brown/cats.txt": "ca01 news\ncb01 editorial\n",
            "brown/ca01": "The/at jury/nn said/vbd ./.\n\nYes/uh !/.\n",
            "brown/cb01": "No/at way/nn\n",
            "gutenberg/austen-emma.txt": "no label here",
        },
    )
    return nltk_folder


def references(name, split="all", nlp=NLP, **options):
    corpus = NLTKCorpus(name, split, **options)
    return [example.reference for example in corpus(nlp)]


def test_lines_of_categorized_sentences_are_documents(corpora):
    docs = references("sentence_polarity")
    assert len(docs) == 122
    assert docs[0].text == "bad film number 0 ."
    assert docs[0].cats == {"neg": 1.0, "pos": 0.0}
    assert docs[-1].text == "same  ."
    assert docs[-1].cats == {"neg": 0.0, "pos": 1.0}


def test_blank_lines_are_no_documents(corpora):
    items = read_items(load_corpus("sentence_polarity"), pos=False)
    assert all(item.text for item in items)


def test_only_a_line_feed_ends_a_line(corpora):
    docs = references("subjectivity")
    assert {doc.text: doc.cats["subj"] for doc in docs} == {
        "caf\xe9 one\x85two": 1.0,
        "a plot": 0.0,
    }


def test_files_of_categorized_plain_text_are_documents(corpora):
    docs = references("movie_reviews")
    assert [(doc.text, doc.cats) for doc in docs] == [
        ("bad . \nvery bad .", {"neg": 1.0, "pos": 0.0}),
        ("good .", {"neg": 0.0, "pos": 1.0}),
    ]


def test_a_file_in_two_categories_has_both(corpora):
    (doc,) = references("reuters", "test")
    assert (doc.text, doc.cats) == ("first text", {"grain": 1, "corn": 1, "tea": 0})


def test_questions_have_the_category_before_them(corpora):
    docs = references("qc", "test")
    assert [(doc.text, doc.cats) for doc in docs] == [
        ("How many ?", {"HUM:ind": 0.0, "NUM:count": 1.0, "NUM:date": 0.0})
    ]
    assert references("qc", "test", coarse=True)[0].cats == {"HUM": 0.0, "NUM": 1.0}


def test_tagged_sentences_have_the_words_of_the_text(corpora):
    first, second = references("treebank")
    tags = ["NNP", "VBD", "JJ", "-LRB-", "CD", "-RRB-", "."]
    words = ["Vinken", "said", "and/or", "(", "61", ")", "."]
    assert [token.text for token in first] == words
    assert [t.tag_ for t in first] == tags
    assert [t.tag_ for t in second] == ["DT", "NN", "VBZ", "."]
    assert first.cats == {}
    assert not first.has_annotation("POS")


def test_a_prediction_has_the_words_of_a_tagged_sentence(corpora):
    for example in NLTKCorpus("treebank", "all")(NLP):
        tags = [token.tag_ for token in example.reference]
        assert [t.text for t in example.predicted] == [
            t.text for t in example.reference
        ]
        assert example.get_aligned("TAG", as_string=True) == tags
        assert not example.predicted.has_annotation("TAG")


def test_tagged_corpora_can_have_categories_too(corpora):
    docs = references("brown")
    assert [[t.tag_ for t in doc] for doc in docs] == [
        ["AT", "NN", "VBD", "."],
        ["UH", "."],
        ["AT", "NN"],
    ]
    assert [doc.cats["news"] for doc in docs] == [1.0, 1.0, 0.0]


def test_universal_tags_are_those_of_universal_dependencies(corpora):
    write(corpora / "taggers" / "universal_tagset", {"en-ptb.map": UNIVERSAL})
    first, second = references("treebank", pos=True)
    assert [t.pos_ for t in second] == ["DET", "NOUN", "VERB", "PUNCT"]
    assert [t.tag_ for t in second] == ["DT", "NN", "VBZ", "."]
    assert first[0].pos_ == "NOUN"


def test_a_split_is_a_partition_and_stays_the_same(corpora):
    splits = {s: {d.text for d in references("sentence_polarity", s)} for s in
              ("train", "dev", "test")}  # fmt: skip
    everything = {doc.text for doc in references("sentence_polarity")}
    assert set.union(*splits.values()) == everything
    assert sum(map(len, splits.values())) == len(everything)
    assert 70 < len(splits["train"]) < 120
    assert splits["dev"]
    assert splits["test"]
    # From the SHA-1 of the text, as it was when this was written.
    assert find_split("bad film number 0 .", 0.1, 0.1) == "train"
    assert "good film number 7 ." in splits["train"]


def test_the_last_digit_of_the_hash_is_the_split():
    for n in range(200):
        number = int(hashlib.sha1(f"text {n}".encode()).hexdigest(), 16)
        expected = {8: "dev", 9: "test"}.get(number % 10, "train")
        assert find_split(f"Text  {n}\n", 0.1, 0.1) == expected


@pytest.mark.parametrize(("dev", "test"), [(0.0, 0.0), (0.25, 0.0), (0.05, 0.333)])
def test_shares_are_kept(dev, test):
    splits = [find_split(str(n), dev, test) for n in range(20_000)]
    assert splits.count("dev") / len(splits) == pytest.approx(dev, abs=0.01)
    assert splits.count("test") / len(splits) == pytest.approx(test, abs=0.01)


def test_the_digits_before_it_count_for_shares_that_are_no_tenths():
    dev, test = 0.173, 0.048
    for text in map(str, range(300)):
        number = int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16)
        position = float("0." + str(number)[::-1])
        limits = [("train", 1 - dev - test), ("dev", 1 - test), ("test", 1.0)]
        expected = next(split for split, limit in limits if position < limit)
        assert find_split(text, dev, test) == expected


def test_equal_texts_are_in_one_split():
    assert find_split("Same .", 0.3, 0.3) == find_split(" same\n .", 0.3, 0.3)


@pytest.mark.parametrize("name", ["qc", "conll2000"])
def test_a_test_part_that_a_corpus_has_is_kept(corpora, name):
    train, dev, test = (
        [doc.text for doc in references(name, split)]
        for split in ("train", "dev", "test")
    )
    assert len(test) == 1
    assert len(train) + len(dev) == (80 if name == "qc" else 50)
    assert dev == [text for text in dev if find_split(text, 0.1, 0.1) == "dev"] != []
    assert any(find_split(text, 0.1, 0.1) == "test" for text in train)


def test_all_splits_know_all_labels(corpora):
    for split in ("train", "dev", "test"):
        for doc in references("qc", split):
            assert list(doc.cats) == ["HUM:ind", "NUM:count", "NUM:date"]


def test_limit_and_max_length_leave_documents_out(corpora):
    assert len(references("sentence_polarity", limit=3)) == 3
    short = references("sentence_polarity", max_length=4)
    assert [doc.text.lower() for doc in short] == ["same .", "same  ."]


def test_another_pipeline_gets_documents_of_its_own(corpora):
    corpus = NLTKCorpus("movie_reviews", "all")
    first = [example.reference for example in corpus(NLP)]
    assert [id(example.reference) for example in corpus(NLP)] == list(map(id, first))
    other = spacy.blank("de")
    assert all(example.reference.vocab is other.vocab for example in corpus(other))


def test_an_augmenter_makes_examples_of_each_example(corpora):
    def twice(nlp, example):
        yield example
        yield example

    assert len(references("movie_reviews", augmenter=twice)) == 4


def test_a_corpus_that_is_not_there_says_how_to_get_it(corpora):
    with pytest.raises(LookupError) as caught:
        NLTKCorpus("nps_chat", "train")
    message = str(caught.value)
    assert "    python -m nltk.downloader nps_chat\n" in message
    assert "NLTK_DATA" in message
    assert str(corpora) in message


def test_the_resource_of_a_corpus_in_a_subfolder_is_named(corpora):
    with pytest.raises(LookupError, match="nltk.downloader treebank\n"):
        NLTKCorpus("treebank_chunk", "train")


def test_a_missing_tag_mapping_says_how_to_get_it(corpora):
    corpus = NLTKCorpus("treebank", "all", pos=True)
    with pytest.raises(LookupError, match="nltk.downloader universal_tagset"):
        next(corpus(NLP))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("sentence_polarty", {}, "it has 'sentence_polarity'"),
        ("../qc", {}, "NLTK has no corpus"),
        ("gutenberg", {}, "neither tags nor categories"),
        ("qc", {"pos": True}, "pos is of tagged corpora"),
        ("conll2002", {"pos": True}, "does not know the tag set of 'conll2002'"),
        ("qc", {"limit": -1}, "limit has to be 0"),
        ("qc", {"max_length": -1}, "max_length has to be 0"),
        ("qc", {"dev_share": -0.1}, "dev_share and test_share must be 0 or more"),
        ("qc", {"dev_share": 0.5, "test_share": 0.5}, "leave something for"),
        ("movie_reviews", {"split": "dev"}, "no document in the split 'dev'"),
    ],
)
def test_what_cannot_be_read_is_refused(corpora, name, options, message):
    with pytest.raises(ValueError, match=message):
        references(name, **options)


def test_a_config_names_the_reader(corpora):
    config = {"@readers": "spacy-rnn.NLTKCorpus.v1", "name": "qc", "split": "test"}
    corpus = registry.resolve({"corpus": config})["corpus"]
    assert [example.reference.text for example in corpus(NLP)] == ["How many ?"]


def test_finding_the_reader_does_not_import_nltk():
    code = (
        "import sys; from spacy.util import registry;"
        "registry.readers.get('spacy-rnn.NLTKCorpus.v1');"
        "sys.exit('nltk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


REAL = {
    "sentence_polarity": (10662, 2),
    "subjectivity": (10000, 2),
    "movie_reviews": (2000, 2),
    "qc": (5952, 50),
    "treebank": (3914, 0),
    "conll2000": (10948, 0),
}


@pytest.mark.parametrize("name", REAL)
@pytest.mark.usefixtures("fresh_nltk")
def test_a_downloaded_corpus_is_read_whole(name):
    try:
        load_corpus(name)
    except LookupError:
        pytest.skip(f"NLTK has no data for {name}")
    items = list(read_items(load_corpus(name), pos=False))
    labels = {label for item in items for label in item.categories}
    assert (len(items), len(labels)) == REAL[name]
    assert all(item.text == item.text.strip() != "" for item in items)
