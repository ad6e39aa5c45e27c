"""Translations, and summaries in own words: how a config makes their components."""

from collections.abc import Callable

from spacy.language import Language

from spacy_rnn.pipeline.default_models import ABSTRACTIVE_SUMMARIZER, TRANSLATOR
from spacy_rnn.pipeline.text_writer import TextWriter
from spacy_rnn.types import Seq2SeqT

SETTINGS = {
    "beam_width": 5,
    "n_best": 0,
    "attention": False,
    "min_length": 0,
    "max_length": 100,
    "length_penalty": 1.5,
    "coverage_penalty": 0.0,
    "no_repeat": 0,
    "whole_words": False,
    "mbr_temperature": 0.0,
    "max_gradient_norm": 0.0,
}


def make_text_writer(
    nlp: Language,
    name: str,
    model: Seq2SeqT,
    extension: str,
    beam_width: int,
    n_best: int,
    attention: bool,
    min_length: int,
    max_length: int,
    length_penalty: float,
    coverage_penalty: float,
    no_repeat: int,
    whole_words: bool,
    mbr_temperature: float,
    scorer: Callable | None,
    max_gradient_norm: float,
) -> TextWriter:
    """Create a component that writes a text about each document.

    Args:
        nlp: The pipeline.
        name: Name of the component, also in the losses.
        model: Writes texts.
        extension: Where texts are written, and where those of a reference are: the name
            of an extension of documents.
        beam_width: Hypotheses that are followed side by side, at least 1; 1 is greedy
            search.
        n_best: How many of the best texts to write to `doc._.{extension}_candidates`,
            with what is known of them, at most the beam width; 0 for none.
        attention: Whether these come with how much was read of each token.
        min_length: The least number of pieces of a text, 0 or more.
        max_length: The greatest number of pieces of a text, at least 1.
        length_penalty: How much long texts are preferred, in [0, 10] (Wu et al., 2016).
        coverage_penalty: How much it counts that all of a source has been read, 0 or
            more (Wu et al., 2016).
        no_repeat: Length of the runs of pieces that no text has twice, or 0 for any
            (Paulus et al., 2018).
        whole_words: Whether what begins a word of the source goes on only as it does
            there, so that no words are made up of it. Needs a model that copies.
        mbr_temperature: If above 0, of the texts that were found the one is written
            that agrees most with all of them, weighted by their probabilities to the
            power of 1/mbr_temperature: minimum Bayes risk (Kumar & Byrne, 2004). 0 for
            the text with the best score.
        scorer: The scoring method.
        max_gradient_norm: The largest norm that the gradients of all weights together
            may have; larger ones are scaled down. 0 for any.
    """
    return TextWriter(
        nlp.vocab,
        model,
        name,
        extension=extension,
        beam_width=beam_width,
        n_best=n_best,
        attention=attention,
        min_length=min_length,
        max_length=max_length,
        length_penalty=length_penalty,
        coverage_penalty=coverage_penalty,
        no_repeat=no_repeat,
        whole_words=whole_words,
        mbr_temperature=mbr_temperature,
        scorer=scorer,
        max_gradient_norm=max_gradient_norm,
    )


Language.factory(
    "rnn_translator",
    assigns=["doc._.translation"],
    default_config={
        **SETTINGS,
        "model": TRANSLATOR,
        "extension": "translation",
        "scorer": {"@scorers": "spacy-rnn.bleu_scorer.v1"},
    },
    default_score_weights={"bleu": 1.0, "chrf": 0.0, "exact_match": None},
    func=make_text_writer,
)
Language.factory(
    "rnn_abstractive_summarizer",
    assigns=["doc._.summary"],
    default_config={
        **SETTINGS,
        "model": ABSTRACTIVE_SUMMARIZER,
        "extension": "summary",
        "scorer": {"@scorers": "spacy-rnn.rouge_scorer.v1", "sentences": False},
    },
    default_score_weights={
        "rouge_1_f": 0.0,
        "rouge_2_f": 0.0,
        "rouge_l_f": 1.0,
        "rouge_lsum_f": None,
    },
    func=make_text_writer,
)
