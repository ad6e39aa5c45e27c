"""Tags of tokens: in `token.tag`, or parts of speech with their features."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple, Self

from spacy.morphology import Morphology
from spacy.pipeline import Morphologizer
from spacy.tokens import Doc
from spacy.training import Example

from spacy_rnn.cli.debugging.labels import LabelTally
from spacy_rnn.cli.debugging.topics import (
    Component,
    Contradictions,
    Topic,
    count,
    list_few,
    percent,
    quote,
)
from spacy_rnn.pipeline.truths import aligned_values
from spacy_rnn.tags.tag_set import PREFIXES

Values = tuple[int, ...]  # of the attributes that make a tag
CHUNKS = tuple(f"{prefix}-" for prefix in PREFIXES["BILUO"])
OFTEN = 20  # uses of a word, of which a tag that it has once is odd
MOSTLY = 0.95  # share of its uses that have another tag


class OddTag(NamedTuple):
    """A tag that a word has once, while it nearly always has another."""

    usual_n: int
    usual: str
    tag: str
    word: str
    text: str


class TagTally(LabelTally):
    """Counts of words with their tags."""

    unit = "tokens"
    title = "Tag"

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        pipe = component.pipe
        self.strings = pipe.vocab.strings
        self.is_morphologizer = isinstance(pipe, Morphologizer)
        self.attrs = ["POS", "MORPH"] if self.is_morphologizer else ["TAG"]
        self.if_rare = "info" if self.is_morphologizer else "warn"  # combinations are
        self.place = "token.pos and token.morph" if self.attrs[1:] else "token.tag"
        self.denying = pipe.cfg.get("neg_prefix") or ""
        self.words: Counter[Values] = Counter()  # a word, then the values of its tag
        self.texts: dict[Values, str] = {}  # the first of each
        self.names: dict[Values, str] = {}  # of values
        self.n_misaligned = 0
        self.contradictions = Contradictions(self.differ)

    def add(self, example: Example, key: int) -> None:
        """Count the tags of a text."""
        doc = example.reference
        rows = doc.to_array(["LOWER", *self.attrs]).tolist()
        pairs: list[Values] = list(map(tuple, rows))
        self.words.update(pairs)
        new = [pair for pair in pairs if pair not in self.texts]
        if new:
            self.texts |= dict.fromkeys(new, quote(doc))
        values = tuple(pair[1:] for pair in pairs)
        is_annotated = any(map(self.name_of, set(values)))
        self.n_docs[is_annotated] += 1
        if is_annotated:
            self.contradictions.add(key, values, doc)
        _, is_read = aligned_values([example], self.attrs)
        self.n_misaligned += int((~is_read).sum())

    def name_of(self, values: Values) -> str:
        """Return the label that values make, empty if they are missing."""
        if values not in self.names:
            *pos, name = (self.strings[value] for value in values)
            if self.is_morphologizer:
                features = Morphology.feats_to_dict(name)
                features |= {Morphologizer.POS_FEAT: pos[0]} if pos[0] else {}
                name = Morphology.dict_to_feats(features)
            self.names[values] = name
        return self.names[values]

    def is_denied(self, name: str) -> bool:
        """Whether a tag says only which one a token hasn't."""
        return bool(self.denying) and name.removeprefix(self.denying) not in ("", name)

    def by_word(self) -> dict[int, Counter[str]]:
        """Count the labels of each word, missing and denied ones left out."""
        found: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for (word, *values), n in self.words.items():
            name = self.name_of(tuple(values))
            if name and not self.is_denied(name):
                found[word][name] += n
        return found

    def describe(self, dev: Self) -> Topic:
        """Say what is found about tags."""
        for tally in (self, dev):
            tally.labels = sum(tally.by_word().values(), Counter())
        return super().describe(dev)

    def judge_both(self, topic: Topic, dev: Self) -> None:
        """Say whether labels are tags, which are odd, and what is easily right."""
        self.judge_scheme(topic)
        self.judge_odd(topic)
        self.judge_baseline(topic, dev)

    def shown_labels(self) -> Counter[str]:
        """Count parts of speech, where labels have features, too."""
        if not self.is_morphologizer:
            return self.labels
        found: Counter[str] = Counter()
        for label, n in self.labels.items():
            pos = Morphology.feats_to_dict(label).get(Morphologizer.POS_FEAT)
            found[pos or "features only"] += n
        return found

    def facts(self) -> dict[str, Any]:
        """Return the counts of tokens."""
        n_tagged = self.labels.total()
        denied = sum(
            n
            for (_, *values), n in self.words.items()
            if self.is_denied(self.name_of(tuple(values)))
        )
        return {
            "tagged_tokens": n_tagged,
            "distinct_tags": len(self.labels),
            "denied_tags": denied,
            "tokens_without_a_tag": self.words.total() - n_tagged - denied,
        }

    def judge(self, topic: Topic, part: str) -> None:
        """Say how much annotation the tokens of the pipeline don't fit."""
        topic.facts[part.lower()]["misaligned"] = self.n_misaligned
        if self.n_misaligned:
            topic.warn(
                f"{part} has {count(self.n_misaligned, 'token')} "
                f"({percent(self.n_misaligned, self.words.total())}) without a tag, "
                f"since the tokenizer cuts them otherwise than the annotation"
            )

    def judge_scheme(self, topic: Topic) -> None:
        """Say whether there is anything to tell apart, and whether it is tags."""
        chunks = [label for label in self.labels if label.startswith(CHUNKS)]
        if len(self.labels) == 1:
            (label,) = self.labels
            topic.fail(f"Train has nothing but tokens with the tag {label!r}")
        elif chunks and len(chunks) >= len(self.labels) - 1:
            topic.warn(
                f"Train has tags of chunks, such as {chunks[0]!r}. With the setting "
                f"entity_column of the reader, rnn_ner learns whole entities"
            )

    def judge_odd(self, topic: Topic) -> None:
        """Name tags that a frequent word has once, while it nearly always has another.

        They are often slips of the pen.
        """
        usual = {}
        for word, tags in self.by_word().items():
            (tag, n), *others = tags.most_common()
            if others and tags.total() >= OFTEN and n >= MOSTLY * tags.total():
                usual[word] = n, tag
        odd = [
            OddTag(*usual[word], name, self.strings[word], text)
            for (word, *values), text in self.texts.items()
            if word in usual
            and self.words[word, *values] == 1
            and (name := self.name_of(tuple(values)))
        ]
        odd.sort(reverse=True)
        topic.facts["odd_tags"] = [each._asdict() for each in odd]
        if odd:
            examples = [
                f"{each.word!r} is {each.usual!r} {each.usual_n:,} times, but "
                f"{each.tag!r} in {each.text}"
                for each in odd
            ]
            topic.info(
                f"Train has {count(len(odd), 'tag')} that may be slips: "
                f"{list_few(examples, len(odd))}"
            )

    def judge_baseline(self, topic: Topic, dev: Self) -> None:
        """Say how good the most frequent tag of each word is."""
        by_word = self.by_word()
        once: Counter[str] = Counter()  # tags of words that occur once, as unknown ones
        for tags in by_word.values():
            once.update(tags if tags.total() == 1 else ())
        most_common = (once or self.labels).most_common(1)
        n_dev = dev.labels.total()
        if not (most_common and n_dev):
            return
        ((default, _),) = most_common
        n_right = 0
        for word, tags in dev.by_word().items():
            known = by_word.get(word)
            n_right += tags[known.most_common(1)[0][0] if known else default]
        topic.facts["baseline"] = {"default": default, "accuracy": n_right / n_dev}
        topic.info(
            f"Always choosing a word's most frequent tag in train, and {default!r} for "
            f"words that it lacks, is right for {percent(n_right, n_dev)} of dev"
        )

    def differ(
        self, first: tuple[Values, ...], second: tuple[Values, ...], doc: Doc
    ) -> str:
        """Say in what the tags of two texts differ."""
        if len(first) != len(second):
            return f"{count(len(first), 'token')} or {len(second):,}"
        pairs = enumerate(zip(first, second, strict=True))
        i = next(i for i, (one, other) in pairs if one != other)
        names = (self.name_of(each[i]) for each in (first, second))
        listed = " or ".join(repr(name) if name else "no tag" for name in names)
        return f"{doc[i].text!r} as {listed}"
