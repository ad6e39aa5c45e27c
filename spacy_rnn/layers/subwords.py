"""Texts as pieces of words, learned by sentencepiece."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property, partial
from io import BytesIO
from typing import Any

import torch
from thinc.api import Model
from thinc.model import deserialize_attr, serialize_attr

from spacy_rnn.types import SubwordKind, SubwordsT

SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")  # the first pieces, which stand for no text
N_BYTES = 256  # pieces for what a text has besides its known characters
SPACE = " "
# What sentencepiece writes for a space, so that it can't be in a text; that is given to
# it as a character that stands for nothing.
META, NO_META = "\u2581", "\ufdd0"
# Parts of a text before a space, of 4,000 bytes at most: sentencepiece learns nothing
# of what has 4,193. No piece goes on after a space, so none is lost.
PART = re.compile(r".{1,1000}(?= |\Z)|.{1,1000}", re.DOTALL)

Spelling = Callable[[Sequence[str]], list[list[int]]]


def Subwords(*, size: int, kind: SubwordKind, piece_dropout: float) -> SubwordsT:
    """Cut texts into pieces of words.

    Nothing of a text is lost: what no piece is known for is written in bytes, and white
    space stays as it is. The pieces of texts are joined to these texts again.
    """
    return Model(
        "subwords",
        forward,
        attrs={
            "size": size,
            "kind": kind,
            "piece_dropout": piece_dropout,
            "vocabulary": Vocabulary(),
        },
    )


def forward(
    model: SubwordsT, texts: Sequence[str], is_train: bool
) -> tuple[list[list[int]], Callable]:
    return draw_spelling(model, is_train)(texts), lambda d_pieces: []


def draw_spelling(model: SubwordsT, is_train: bool) -> Spelling:
    """Choose how texts are cut: in training without some of the pieces.

    A spelling cuts a word in one way wherever it stands, so it can be copied from one
    text to another.
    """
    vocabulary, rate = model.attrs["vocabulary"], model.attrs["piece_dropout"]
    if not is_train or not rate:
        return vocabulary.encode
    is_absent = torch.rand(len(vocabulary)) < rate
    return partial(vocabulary.encode, absent=set(is_absent.nonzero().ravel().tolist()))


def learn(model: SubwordsT, texts: Iterable[str]) -> None:
    """Learn the pieces, of all texts that they are for.

    Raises:
        ImportError: If sentencepiece isn't installed.
        ValueError: If there are no texts, or more characters than pieces are wanted.
    """
    model.attrs["vocabulary"].learn(texts, model.attrs["size"], model.attrs["kind"])


class Vocabulary:
    """The pieces that were learned.

    What was learned is a string of bytes, of which copies, pickles and files are made;
    sentencepiece reads it when it's first needed.
    """

    def __init__(self, learned: bytes = b"") -> None:
        self.learned = learned

    def __reduce__(self) -> tuple[type["Vocabulary"], tuple[bytes]]:
        return Vocabulary, (self.learned,)  # for copies as well

    def __len__(self) -> int:
        return self.processor.get_piece_size() if self.learned else 0

    @cached_property
    def processor(self) -> Any:
        """What reads and writes the pieces."""
        if not self.learned:
            raise ValueError("Pieces of words are learned by `nlp.initialize`")
        return import_sentencepiece().SentencePieceProcessor(model_proto=self.learned)

    def learn(self, texts: Iterable[str], size: int, kind: str) -> None:
        """Learn pieces, see `learn`."""
        out = BytesIO()
        try:
            import_sentencepiece().SentencePieceTrainer.train(
                sentence_iterator=(
                    part
                    for text in texts
                    for part in PART.findall(SPACE + text.replace(META, NO_META))
                ),
                model_writer=out,
                vocab_size=size,
                model_type=kind,
                # What is more than the texts have isn't made up.
                hard_vocab_limit=False,
                character_coverage=1.0,
                byte_fallback=True,
                normalization_rule_name="identity",
                add_dummy_prefix=False,
                remove_extra_whitespaces=False,
                pad_id=0,
                unk_id=1,
                bos_id=2,
                eos_id=3,
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise ValueError(
                f"No vocabulary of {size} pieces can be learned of the texts. There "
                f"have to be some, and size has to be more than the number of their "
                f"distinct characters and {N_BYTES + len(SPECIAL)}: {error}"
            ) from error
        vars(self).clear()  # of what was known of other pieces
        self.learned = out.getvalue()

    @cached_property
    def word_parts(self) -> list[int]:
        """The pieces that go on with a word."""
        names = self.names(list(range(len(self))))
        return [i for i, x in enumerate(names) if x[0].isalnum()]

    @cached_property
    def halves(self) -> dict[int, tuple[int, int]]:
        """Two pieces that say the same as a piece, where there are some.

        Of several pairs, it's that whose worse piece has the best score: of kind bpe,
        those that were joined early, and single characters last.
        """
        everything = range(len(SPECIAL) + N_BYTES, len(self))
        known = dict(zip(self.names(list(everything)), everything, strict=True))
        halves, get_score = {}, self.processor.get_score
        for name, piece in known.items():
            cuts = ((name[:i], name[i:]) for i in range(1, len(name)))
            pairs = [(known[a], known[b]) for a, b in cuts if a in known and b in known]
            if pairs:
                worse = [min(map(get_score, pair)) for pair in pairs]
                halves[piece] = pairs[worse.index(max(worse))]
        return halves

    def encode(
        self, texts: Sequence[str], absent: Collection[int] = ()
    ) -> list[list[int]]:
        """Cut texts into pieces.

        Args:
            texts: The texts.
            absent: Pieces whose halves stand for them, where they have some.
        """
        known = [text.replace(META, NO_META) for text in texts]
        found = self.processor.encode(known, num_threads=1)
        if absent:
            return [list(self.split(pieces, absent)) for pieces in found]
        return found

    def split(self, pieces: Iterable[int], absent: Collection[int]) -> Iterator[int]:
        """Yield pieces, and for those that are absent their halves."""
        for piece in pieces:
            if piece in absent and piece in self.halves:
                yield from self.split(self.halves[piece], absent)
            else:
                yield piece

    def decode(self, pieces: list[int]) -> str:
        """Join pieces."""
        text = self.processor.decode(pieces)
        return text.removeprefix(SPACE).replace(NO_META, META)

    def names(self, pieces: list[int]) -> list[str]:
        """Say what pieces are, "▁" standing for a space."""
        return self.processor.id_to_piece(pieces)


def import_sentencepiece() -> Any:
    """Import the library that learns pieces.

    Raises:
        ImportError: If it isn't installed.
    """
    try:
        import sentencepiece
    except ImportError as error:
        raise ImportError(
            "Pieces of words need the package sentencepiece. Install it with the extra "
            "'seq2seq': pip install 'spacy-rnn[seq2seq]'"
        ) from error
    return sentencepiece


@serialize_attr.register
def serialize_vocabulary(_: Vocabulary, value: Any, name: str, model: Model) -> bytes:
    return value.learned


@deserialize_attr.register
def deserialize_vocabulary(
    _: Vocabulary, value: bytes, name: str, model: Model
) -> Vocabulary:
    return Vocabulary(value)
