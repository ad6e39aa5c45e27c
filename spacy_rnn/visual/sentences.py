"""A document with the weights of its sentences: of attention, or in a summary."""

from collections.abc import Collection
from dataclasses import dataclass
from html import escape

import numpy as np
from spacy.tokens import Doc, Span

from spacy_rnn.explain import Explanation
from spacy_rnn.visual.tokens import (
    BLUE,
    BOLD,
    check_weights,
    direction_of,
    list_strongest,
    mark_tokens,
    paint,
    shade_tokens,
)

BLOCKS = 10  # cells of the longest bar in a terminal
PARTS = " ▏▎▍▌▋▊▉█"
STYLE = """.rnn-texts ol { list-style: none; margin: .5rem 0 0; padding: 0; }
.rnn-texts li { display: grid; grid-template-columns: 3.6rem 1fr; gap: 0 .9rem;
  padding: .3rem .6rem; border-inline-start: 3px solid transparent; }
.rnn-texts li.chosen { border-color: var(--c0); background: var(--raised); }
.rnn-texts li div { font-size: .8rem; color: var(--faint); padding-top: .35rem;
  font-variant-numeric: tabular-nums; text-align: end; line-height: 1.5; }
.rnn-texts li i { display: block; height: 4px; border-radius: 2px;
  background: linear-gradient(var(--c0), var(--c0)) right / calc(var(--w) * 100%)
  no-repeat var(--line); }
.rnn-texts li[dir=rtl] i { background-position: left; }
.rnn-texts li p { margin: 0; min-width: 0; }
"""


@dataclass
class WeightedSentences:
    """A document whose sentences have weights.

    Attributes:
        doc: The document.
        title: What they are weights of.
        about: What there is to say of it.
        weights: Of sentences, in [0, 1]. Shape (sentences,).
        words: Of tokens, in their sentences; None if they have none. Shape (tokens,).
        chosen: The numbers of the sentences that stand out.
    """

    doc: Doc
    title: str
    about: str
    weights: np.ndarray
    words: np.ndarray | None = None
    chosen: Collection[int] = ()

    @property
    def sentences(self) -> list[Span]:
        """The sentences, as many as there are weights.

        Raises:
            ValueError: If the document has others.
        """
        found = list(self.doc.sents) if self.doc.has_annotation("SENT_START") else []
        if len(found) != len(self.weights):
            raise ValueError(
                f"The document {self.doc.text[:60]!r} has {len(found)} sentences, but "
                f"there are {len(self.weights)} weights. Put 'nltk_sentencizer' or "
                f"'sentencizer' before the component"
            )
        return found

    @property
    def rows(self) -> list[tuple[Span, float]]:
        """The sentences, with their weights scaled to at most 1.

        The colour of a word goes with the root of that and its own (Yang et al., 2016).
        """
        check_weights(self.title, self.weights, self.words)
        highest = max(self.weights.max(initial=0.0), 1e-9)
        shares = (self.weights / highest).tolist()
        return list(zip(self.sentences, shares, strict=True))

    def words_of(self, sentence: Span) -> np.ndarray | None:
        """Return the weights of a sentence's tokens."""
        words = self.words
        return None if words is None else words[sentence.start : sentence.end]


def weigh_by_attention(explanation: Explanation, about: str) -> WeightedSentences:
    """Take the attention that a classifier pays to sentences, and to their words.

    Raises:
        ValueError: If it pays none to sentences.
    """
    if "sentences" not in explanation.attention:
        raise ValueError(
            f"The model of {explanation.component!r} has no attention of sentences to "
            f"show. spacy-rnn.HierarchicalTextCat.v1 has"
        )
    return WeightedSentences(
        explanation.doc,
        explanation.label,
        about,
        explanation.attention["sentences"],
        explanation.attention.get("words"),
    )


def weigh_by_summary(doc: Doc, key: str = "summary") -> WeightedSentences:
    """Take how probable a summarizer takes sentences to be in the summary.

    Args:
        doc: A document that it has processed.
        key: Its `spans_key`.

    Raises:
        ValueError: If no summarizer has processed it.
    """
    group = doc.spans.get(key)
    if group is None or "sentence_scores" not in group.attrs:
        raise ValueError(
            f"The document {doc.text[:60]!r} has no scores of sentences in "
            f"doc.spans[{key!r}]. 'rnn_summarizer' writes them"
        )
    starts = {span.start for span in group}
    chosen = [i for i, sent in enumerate(doc.sents) if sent.start in starts]
    about = f"{len(chosen)} of {len(list(doc.sents))} sentences"
    scores = np.array(group.attrs["sentence_scores"], dtype="d")
    return WeightedSentences(doc, key, about, scores, chosen=chosen)


def draw_sentences_html(picture: WeightedSentences) -> str:
    """Draw a document as a figure, a row for each sentence."""
    doc, direction = picture.doc, escape(direction_of(picture.doc))
    rows = []
    for i, (sentence, share) in enumerate(picture.rows):
        text = mark_tokens(
            [token.text for token in sentence],
            [token.whitespace_ for token in sentence],
            picture.words_of(sentence),
            strength=share**0.5,
        )
        weight = picture.weights[i]
        kind = ' class="chosen"' if i in picture.chosen else ""
        rows.append(
            f'<li{kind} dir="{direction}"><div>{weight:.1%}'
            f'<i style="--w:{share:.3f}"></i></div><p>{text}</p></li>'
        )
    caption = f"<b>{escape(picture.title)}</b> {escape(picture.about)}"
    return (
        f'<figure lang="{escape(doc.lang_)}"><figcaption>{caption}</figcaption>'
        f"<ol>{''.join(rows)}</ol></figure>"
    )


def draw_sentences_text(picture: WeightedSentences, *, colours: bool = True) -> str:
    """Draw a document for a terminal, a line for each sentence.

    Without colours, the words of a sentence that weigh much are below it.
    """
    lines = [f"{paint(picture.title, BOLD, colours=colours)} {picture.about}"]
    for i, (sentence, share) in enumerate(picture.rows):
        words, strength = picture.words_of(sentence), share**0.5
        text = shade_tokens(sentence, words if colours else None, strength=strength)
        weight = picture.weights[i]
        sign = paint("▸", BOLD, colours=colours) if i in picture.chosen else " "
        bar = paint(draw_bar(share), BLUE, colours=colours)
        lines.append(f"{sign} {weight:6.1%} {bar} {' '.join(text.split())}")
        if words is not None and not colours:
            texts = [token.text for token in sentence]
            strongest = list_strongest(texts, words, are_shares=True, strength=strength)
            lines.append(f"{'':{BLOCKS + 10}}{strongest}".rstrip())
    return "\n".join(line for line in lines if line)


def draw_bar(share: float) -> str:
    """Draw a bar of so many cells, in eighths."""
    eighths = round(8 * BLOCKS * share)
    whole, rest = divmod(eighths, 8)
    return (PARTS[8] * whole + (PARTS[rest] if rest else "")).ljust(BLOCKS)
