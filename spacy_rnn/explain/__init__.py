"""What the tokens of a text contribute to what a component says of it."""

from spacy_rnn.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
