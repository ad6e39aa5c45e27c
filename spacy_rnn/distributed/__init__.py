"""Annotate more texts than one process can, and write tables of what is found."""

from spacy_rnn.distributed.annotator import Annotator

__all__ = ["Annotator"]
