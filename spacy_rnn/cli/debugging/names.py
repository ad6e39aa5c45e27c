"""Names that are known from the training data, in other texts."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc, Span
from spacy.util import filter_spans
from spacy.vocab import Vocab

from spacy_rnn.cli.debugging.topics import Cases, Topic, count, percent, quote

Name = tuple[str, ...]  # its tokens, and in the counts of labelled ones the label


class KnownNames:
    """Finds the longest names that are known, and compares them with entities.

    Args:
        vocab: The vocabulary.
        labelled: How often each name occurs, with its label at its end.
    """

    def __init__(self, vocab: Vocab, labelled: Counter[Name]) -> None:
        counts: defaultdict[Name, Counter[str]] = defaultdict(Counter)
        for (*name, label), n in labelled.items():
            counts[tuple(name)][label] += n
        self.usual = {name: each.most_common(1)[0][0] for name, each in counts.items()}
        self.matcher = PhraseMatcher(vocab)
        self.matcher.add("known", [Doc(vocab, words=list(name)) for name in counts])
        self.names: set[Name] = set()  # of the entities
        self.n_entities = 0
        self.n_found = 0
        self.n_right = 0
        self.unmarked = Cases()  # names of several words that are no entities here

    def compare(self, doc: Doc, entities: Sequence[Span]) -> None:
        """Compare names that are found in a text with the entities in it."""
        right = {(span.start, span.end): span.label_ for span in entities}
        marked = {i for span in entities for i in range(span.start, span.end)}
        self.names.update(tokens_of(span) for span in entities)
        self.n_entities += len(entities)
        for span in filter_spans(self.matcher(doc, as_spans=True)):
            self.n_found += 1
            label = self.usual[tokens_of(span)]
            self.n_right += right.get((span.start, span.end)) == label
            if len(span) > 1 and marked.isdisjoint(range(span.start, span.end)):
                self.unmarked.add(f"{span.text!r} in {quote(doc)}")

    def describe(self, topic: Topic) -> None:
        """Say how many names are new, and how well known ones do."""
        new = self.names - self.usual.keys()
        f1 = 2 * self.n_right / max(1, self.n_found + self.n_entities)
        topic.facts["new_names"] = len(new)
        topic.facts["unmarked"] = vars(self.unmarked)
        topic.facts["baseline"] = {"f1": f1}
        if self.names:
            topic.info(
                f"Train lacks {percent(len(new), len(self.names))} of the distinct "
                f"names of dev. Always marking the longest names of train has an F1 of "
                f"{100 * f1:.1f} on dev"
            )
        if self.unmarked.n:
            topic.info(
                f"Dev doesn't mark names of several words "
                f"({count(self.unmarked.n, 'time')}) that train marks: {self.unmarked}"
            )


def tokens_of(span: Span) -> Name:
    """Return the tokens of a span."""
    return tuple(token.text for token in span)
