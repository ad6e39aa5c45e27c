"""The models that components have if a config doesn't say otherwise."""

from typing import Any

ENCODER = {
    "@architectures": "spacy-rnn.RNNEncoder.v1",
    "width": 256,
    "cell": "lstm",
    "depth": 1,
    "bidirectional": True,
}
WORDS = {
    "@architectures": "spacy-rnn.MultiHashEmbed.v1",
    "width": 128,
    "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
    "rows": [20000, 1000, 2500, 2500],
    "include_static_vectors": False,
    "word_dropout": 0.05,
    "unknown_rate": 0.5,
}
CHARS = {
    "@architectures": "spacy-rnn.CharEmbed.v1",
    "width": 128,
    "char_width": 50,
}


def tok2vec(embed: dict[str, Any], encode: dict[str, Any]) -> dict[str, Any]:
    """Describe what makes the vectors of tokens."""
    return {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": embed,
        "encode": encode,
    }


def words_and_chars(words: dict[str, Any], chars: dict[str, Any]) -> dict[str, Any]:
    """Describe an embedding for components that label tokens."""
    return {
        "@architectures": "spacy-rnn.StackedEmbed.v1",
        "embeds": {"words": words, "chars": chars},
    }


def few_words(width: int) -> dict[str, Any]:
    """Describe an embedding for components that learn from fewer, longer texts."""
    rows = {"rows": [5000, 1000, 2500, 2500], "word_dropout": 0.1}
    words = {**WORDS, "width": width, **rows}
    del words["unknown_rate"]
    return words


TAGGER = {
    "@architectures": "spacy-rnn.Tagger.v1",
    "tok2vec": tok2vec(words_and_chars(WORDS, CHARS), ENCODER),
}
NER = {
    "@architectures": "spacy-rnn.CRFTagger.v1",
    "tok2vec": tok2vec(
        words_and_chars(
            {**WORDS, "word_dropout": 0.2},
            {"@architectures": "spacy-rnn.CharEmbed.v1", "width": 64},
        ),
        {**ENCODER, "depth": 2},
    ),
}
EXCLUSIVE_TEXTCAT = {
    "@architectures": "spacy-rnn.TextCat.v1",
    "exclusive_classes": True,
    "pooling": ["max", "attention"],
    "linear_model": {
        "@architectures": "spacy-rnn.BagOfNgrams.v1",
        "ngram_size": 2,
        "ngram_dropout": 0.3,
    },
    "tok2vec": tok2vec(few_words(96), {**ENCODER, "width": 96}),
}
MULTILABEL_TEXTCAT = {**EXCLUSIVE_TEXTCAT, "exclusive_classes": False}
SUMMARIZER = {
    "@architectures": "spacy-rnn.SentenceScorer.v1",
    "width": 64,
    "cell": "lstm",
    "hidden_width": 64,
    "views": 3,
    "attr": "LOWER",
    "tok2vec": tok2vec(few_words(64), {**ENCODER, "width": 64}),
}
TRANSLATOR = {
    "@architectures": "spacy-rnn.Seq2Seq.v1",
    "width": 256,
    "hidden_width": 256,
    "encode": {**ENCODER, "width": 256},
    "subwords": {"@architectures": "spacy-rnn.Subwords.v1", "size": 8000},
}
ABSTRACTIVE_SUMMARIZER = {
    **TRANSLATOR,
    "copying": True,
    "max_source": 400,
}
