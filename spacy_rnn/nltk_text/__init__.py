"""NLTK without spaCy: words and sentences with their offsets, and cleaning.

NLTK is imported where it is used: that takes a second, which a pipeline without it
should not pay.
"""

from spacy_rnn.nltk_text.cleaning import CleaningStep, check_steps, clean
from spacy_rnn.nltk_text.punkt import (
    PunktModel,
    built_in_punkt,
    load_punkt,
    read_punkt,
    train_punkt,
)
from spacy_rnn.nltk_text.sentences import LineBreaks, split_sentences
from spacy_rnn.nltk_text.spans import Span
from spacy_rnn.nltk_text.words import (
    RULES_OF_SENTENCES,
    WordRules,
    check_word_rules,
    split_words,
)

__all__ = [
    "RULES_OF_SENTENCES",
    "CleaningStep",
    "LineBreaks",
    "PunktModel",
    "Span",
    "WordRules",
    "built_in_punkt",
    "check_word_rules",
    "check_steps",
    "clean",
    "load_punkt",
    "read_punkt",
    "split_sentences",
    "split_words",
    "train_punkt",
]
