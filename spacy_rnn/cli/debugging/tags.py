"""Tags of tokens: in `token.tag`, or parts of speech with their features."""

from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import Any

from spacy.attrs import LOWER, MORPH, POS, TAG
from spacy.morphology import Morphology
from spacy.pipeline import Morphologizer
from spacy.training import Example

from spacy_rnn.alignment import same_tokens
from spacy_rnn.cli.debugging.labels import compare_labels, judge_missing
from spacy_rnn.cli.debugging.topics import (
    Contradictions,
    Topic,
    count,
    percent,
)
from spacy_rnn.corpora.files.rows import shorten
from spacy_rnn.tags.tag_set import PREFIXES

OFTEN = 20  # uses of a word, of which a tag that it has once is odd
MOSTLY = 0.95  # share of its uses that have another tag
SHOWN = 5  # odd tags that a remark names


class TagTally:
    """Counts of words with their tags, which are values of one or two attributes."""

    def __init__(self, name: str, pipe: Any, given: list[str] | None) -> None:
        self.name = name
        self.given = given
        self.strings = pipe.vocab.strings
        self.is_morphologizer = isinstance(pipe, Morphologizer)
        self.attrs = [POS, MORPH] if self.is_morphologizer else [TAG]
        self.denying = pipe.cfg.get("neg_prefix") or ""
        self.words: Counter[tuple[int, ...]] = Counter()  # the word, then the values
        self.places: dict[tuple[int, ...], str] = {}  # the first text of each
        self.names: dict[Hashable, str] = {}  # of values
        self.n_docs: Counter[bool] = Counter()  # whether anything is annotated
        self.n_misaligned = 0
        self.contradictions = Contradictions()

    def add(self, example: Example, key: int) -> None:
        """Count the tags of a text."""
        doc = example.reference
        rows = doc.to_array([LOWER, *self.attrs]).tolist()
        pairs = list(map(tuple, rows))
        self.words.update(pairs)
        new = set(pairs) - self.places.keys()
        if new:
            self.places |= dict.fromkeys(new, shorten(doc.text))
        values = tuple(pair[1:] for pair in pairs)
        is_annotated = any(map(self.name_of, set(values)))
        self.n_docs[is_annotated] += 1
        if is_annotated:
            self.contradictions.add(key, values, doc)
        if not same_tokens(example):
            aligned = example.get_aligned("ORTH")
            self.n_misaligned += sum(value is None for value in aligned)

    def name_of(self, values: tuple[int, ...]) -> str:
        """Return the label that values are, empty if they are none."""
        if values not in self.names:
            *pos, last = map(self.strings.__getitem__, values)
            name = last
            if self.is_morphologizer:
                features = Morphology.feats_to_dict(last)
                features |= {"POS": pos[0]} if pos[0] else {}
                name = Morphology.dict_to_feats(features)
            self.names[values] = name
        return self.names[values]

    def is_denial(self, tag: str) -> bool:
        """Whether it says only which tag a token hasn't."""
        prefix = self.denying
        return bool(prefix) and tag != prefix and tag.startswith(prefix)

    def count_labels(self) -> Counter[str]:
        """Count the labels of tokens, other than those that they haven't."""
        counts: Counter[str] = Counter()
        for pair, n in self.words.items():
            counts[self.name_of(pair[1:])] += n
        return Counter(
            {tag: n for tag, n in counts.items() if tag and not self.is_denial(tag)}
        )

    def describe(self, dev: "TagTally") -> Topic:
        """Say what is found about tags."""
        topic = Topic.of_parts(self.name, self.facts(), dev.facts())
        place = "token.pos and token.morph" if self.is_morphologizer else "token.tag"
        for name, part in (("train", self), ("dev", dev)):
            judge_missing(
                topic, name, place, has=part.n_docs[True], lack=part.n_docs[False]
            )
            part.judge_alignment(topic, name)
        labels = self.count_labels()
        compare_labels(
            topic, labels, dev.count_labels(), unit="token", given=self.given
        )
        self.judge_scheme(topic, labels)
        self.judge_odd(topic)
        self.judge_baseline(topic, dev)
        self.contradictions.describe(topic)
        return topic

    def facts(self) -> dict[str, Any]:
        """Return the counts of tokens."""
        denied = sum(
            n
            for pair, n in self.words.items()
            if self.is_denial(self.name_of(pair[1:]))
        )
        n_tagged = self.count_labels().total()
        return {
            "tagged_tokens": n_tagged,
            "not_tagged": self.words.total() - n_tagged - denied,
            "known_not_to_have_a_tag": denied,
        }

    def judge_alignment(self, topic: Topic, name: str) -> None:
        """Say how much annotation the tokens of the pipeline don't fit."""
        topic.facts[name]["misaligned"] = self.n_misaligned
        if self.n_misaligned:
            topic.add(
                "warn",
                f"{count(self.n_misaligned, 'token')} of {name} "
                f"({percent(self.n_misaligned, self.words.total())}) are cut otherwise "
                f"by the pipeline's tokenizer than in the annotation, and are skipped",
            )

    def judge_scheme(self, topic: Topic, labels: Counter[str]) -> None:
        """Say whether the tags are those of entities."""
        starts = tuple(f"{prefix}-" for prefix in PREFIXES["BILUO"])
        chunks = [label for label in labels if label.startswith(starts)]
        if chunks and len(chunks) >= len(labels) - 1:
            topic.add(
                "warn",
                f"The tags are those of chunks, such as {chunks[0]!r}: rnn_ner learns "
                f"them as whole entities, with the reader's entity_column",
            )

    def by_word(self) -> dict[int, Counter[str]]:
        """Count the labels of each word."""
        found: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for (word, *values), n in self.words.items():
            name = self.name_of(tuple(values))
            if name and not self.is_denial(name):
                found[word][name] += n
        return found

    def judge_odd(self, topic: Topic) -> None:
        """Name tags that a frequent word has once, while it nearly always has another.

        They are often slips of the pen.
        """
        odd = []
        for word, tags in self.by_word().items():
            (usual, n), *others = tags.most_common()
            total = tags.total()
            if total >= OFTEN and n >= MOSTLY * total:
                odd += [(n, word, tag, usual) for tag, times in others if times == 1]
        odd.sort(reverse=True)
        topic.facts["odd_tags"] = [
            {"word": self.strings[word], "tag": tag, "usual": usual, "usual_n": n}
            for n, word, tag, usual in odd
        ]
        if odd:
            listed = "; ".join(
                f"{self.strings[word]!r} as {tag}, but {n:,} times {usual}"
                for n, word, tag, usual in odd[:SHOWN]
            )
            topic.add(
                "info",
                f"{count(len(odd), 'tag')} of train may be worth a look, since the "
                f"word has nearly always another: {listed}",
            )

    def judge_baseline(self, topic: Topic, dev: "TagTally") -> None:
        """Say how good the most frequent tag of each word is."""
        by_word = self.by_word()
        rare = Counter[str]()  # tags of words that occur once, as unknown ones do
        for tags in by_word.values():
            if tags.total() == 1:
                rare.update(tags)
        rare = rare or self.count_labels()
        usual = {word: tags.most_common(1)[0][0] for word, tags in by_word.items()}
        n_tagged, n_right = 0, 0
        for word, tags in dev.by_word().items() if rare else ():
            tag = usual.get(word) or rare.most_common(1)[0][0]
            n_right += tags[tag]
            n_tagged += tags.total()
        if n_tagged:
            unknown = rare.most_common(1)[0][0]
            topic.facts["baseline"] = {"accuracy": n_right / n_tagged}
            topic.add(
                "info",
                f"The most frequent tag of each word in train, and {unknown} for other "
                f"words, are right for {percent(n_right, n_tagged)} of dev",
            )
