"""Embeddings of tokens by their characters, for `embed` in `spacy.Tok2Vec.v2`."""

from typing import get_args

from spacy_rnn.checks import check_at_least, check_choice, check_rate, check_two_halves
from spacy_rnn.layers.char_embed import CharEmbed
from spacy_rnn.types import CharEncoder, Tok2VecT, WordAttr


def build_char_embed(
    width: int,
    encoder: CharEncoder = "cnn",
    char_width: int = 30,
    rows: int = 2000,
    max_chars: int = 32,
    attr: WordAttr = "ORTH",
    dropout: float = 0.0,
) -> Tok2VecT:
    """Build an embedding of tokens by their characters.

    A vector is computed once per distinct word, and kept at inference. Characters are
    Unicode code points that are hashed into a table, so they need no vocabulary: UTF-8
    bytes would need none either, but then three neighbours would be three letters of
    English, one or two of Turkish, and one of Chinese.

    Args:
        width: Width of the output, at least 1; even for "lstm".
        encoder: "cnn" takes the highest score of each filter over windows of three
            characters (Ma & Hovy, 2016; Chiu & Nichols, 2016), "lstm" the last states
            of an LSTM in each direction (Lample et al., 2016), which is slower.
        char_width: Width of a character's vector, at least 1.
        rows: Rows in the table of characters, at least 1. A character is the sum of
            four of them.
        max_chars: Characters of a token that are read, at least 1. Of a longer one, the
            first half of them is taken from its start and the other from its end.
        attr: The string that is read: "ORTH" as it is written, "LOWER" or "NORM".
        dropout: Probability, in [0, 1), of zeroing a feature throughout a document.
            Only in training, where `[training] dropout` replaces it.

    Raises:
        ValueError: If a name is unknown, a number is out of range, or an odd width is
            to be shared by the two directions of "lstm".
    """
    check_choice("encoder", encoder, get_args(CharEncoder))
    check_choice("attr", attr, get_args(WordAttr))
    check_at_least("width", width, 1)
    check_at_least("char_width", char_width, 1)
    check_at_least("rows", rows, 1)
    check_at_least("max_chars", max_chars, 1)
    check_rate("dropout", dropout)
    if encoder == "lstm":
        check_two_halves("width", width)
    return CharEmbed(
        width,
        encoder=encoder,
        char_width=char_width,
        rows=rows,
        max_chars=max_chars,
        attr=attr,
        dropout=dropout,
    )
