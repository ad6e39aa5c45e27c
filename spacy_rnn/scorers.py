"""Scoring methods of components."""

from collections.abc import Callable, Iterable, Iterator
from statistics import fmean
from typing import Any

from spacy.pipeline.spancat import spancat_score
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.extensions import written_texts
from spacy_rnn.metrics.bleu import translation_scores
from spacy_rnn.metrics.rouge import rouge

ROUGE_NAMES = {
    "rouge1": "rouge_1_f",
    "rouge2": "rouge_2_f",
    "rougeL": "rouge_l_f",
    "rougeLsum": "rouge_lsum_f",
}


def ner_score(
    examples: Iterable[Example], *, annotate_ents: bool, **settings: Any
) -> dict[str, Any]:
    """Score entities: those of `doc.ents` if they were written, else a group of spans.

    Args:
        examples: Examples with predictions.
        annotate_ents: Whether `doc.ents` was written.
        settings: Further settings of the component, `spans_key` among them.

    Returns:
        Precision, recall and F-score in [0, 1], as `ents_p`, `ents_r`, `ents_f`, and
        those of each label as `ents_per_type`; for a group `spans_{spans_key}_p`, etc.
    """
    if annotate_ents:
        return get_ner_prf(examples)
    return spancat_score(examples, **settings)


def make_ner_scorer() -> Callable:
    """Return the scoring method of `rnn_ner`."""
    return ner_score


def summary_score(
    examples: Iterable[Example], *, spans_key: str = "summary", **settings: Any
) -> dict[str, float | None]:
    """Score summaries: the sentences that were chosen, and the text that they make.

    The text of a summary is `doc._.summary`, where that extension is registered and
    isn't blank; a line is a sentence to ROUGE-Lsum. Otherwise it is made of the
    sentences in `doc.spans[spans_key]`, in the order of the group, a line each. Where
    the reference has neither, the document is left out of ROUGE; where the prediction
    has neither, it is an empty summary. The extension of the reference may also be a
    list of texts, of which the best one counts.

    Args:
        examples: Examples with predictions.
        spans_key: The group of `doc.spans` that has the chosen sentences.
        settings: Further settings of the component, which don't matter here.

    Returns:
        The F1 of stemmed ROUGE, means over documents, as `rouge_1_f`, `rouge_2_f`,
        `rouge_l_f` and `rouge_lsum_f`. Precision, recall and F1 of the chosen sentences
        as `summary_p`, `summary_r` and `summary_f`, over all those of documents whose
        reference has the group; a sentence is right if its first and last tokens are.
        All are in [0, 1], or None where no reference says anything.

    Raises:
        TypeError: If a summary is something else than a text.
    """
    examples = list(examples)
    chosen = Scorer.score_spans(
        examples,
        "summary",
        getter=lambda doc, _: doc.spans[spans_key],
        has_annotation=lambda doc: spans_key in doc.spans,
        labeled=False,
        allow_overlap=True,
    )
    return mean_rouge(examples, lambda doc: summaries_of(doc, spans_key)) | chosen


def written_summary_score(
    examples: Iterable[Example], *, extension: str = "summary", **settings: Any
) -> dict[str, float | None]:
    """Score summaries by nothing but the text that is written in an extension.

    Args:
        examples: Examples with predictions.
        extension: The name of the extension. In a reference it may be a list of texts,
            of which the best one counts.
        settings: Further settings of the component, which don't matter here.

    Returns:
        The F1 of ROUGE as from `summary_score`.

    Raises:
        TypeError: If a summary is something else than a text.
    """
    return mean_rouge(list(examples), lambda doc: written_texts(doc, extension))


def make_rouge_scorer(sentences: bool = True) -> Callable:
    """Return a scoring method of summaries.

    Args:
        sentences: Whether summaries are made of sentences, as `rnn_summarizer` makes
            them: these are scored as well, and make the text of a summary that is not
            written. Otherwise the written text counts alone.
    """
    return summary_score if sentences else written_summary_score


def mean_rouge(
    examples: Iterable[Example], find_texts: Callable[[Doc], list[str]]
) -> dict[str, float | None]:
    """Return the mean of each type of ROUGE over the documents with a reference.

    Args:
        examples: Examples with predictions.
        find_texts: Finds the summary, or several, of a document.
    """
    found = [
        rouge(candidate, references)
        for candidate, references in compared_texts(examples, find_texts)
    ]
    return {
        name: fmean(scores[key].f1 for scores in found) if found else None
        for key, name in ROUGE_NAMES.items()
    }


def translation_score(
    examples: Iterable[Example], *, extension: str = "translation", **settings: Any
) -> dict[str, float | None]:
    """Score translations: BLEU, chrF, and how many are as in a reference.

    Args:
        examples: Examples with predictions.
        extension: The name of the extension that has the translation. In a reference it
            may be a list of texts, which count together.
        settings: Further settings of the component, which don't matter here.

    Returns:
        `bleu`, `chrf` and `exact_match` of all documents whose reference has a
        translation, in [0, 1], or None where none has one.

    Raises:
        ImportError: If `sacrebleu` isn't installed.
    """
    pairs = list(compared_texts(examples, lambda doc: written_texts(doc, extension)))
    if not pairs:
        return dict.fromkeys(("bleu", "chrf", "exact_match"))
    candidates, references = zip(*pairs, strict=True)
    return {**translation_scores(candidates, references)}


def make_bleu_scorer() -> Callable:
    """Return the scoring method of `rnn_translator`."""
    return translation_score


def compared_texts(
    examples: Iterable[Example], find_texts: Callable[[Doc], list[str]]
) -> Iterator[tuple[str, list[str]]]:
    """Yield what was written, and its references, of documents that have any.

    Args:
        examples: Examples with predictions.
        find_texts: Finds the text, or several, of a document. A prediction without any
            is an empty text.
    """
    for example in examples:
        references = find_texts(example.reference)
        if references:
            candidate, *_ = find_texts(example.predicted) or [""]
            yield candidate, references


def summaries_of(doc: Doc, spans_key: str) -> list[str]:
    """Return the written summaries of a document, or else the chosen sentences."""
    texts = written_texts(doc, "summary")
    if texts or spans_key not in doc.spans:
        return texts
    lines = [" ".join(sentence.text.split()) for sentence in doc.spans[spans_key]]
    return ["\n".join(lines)] if any(lines) else []
