"""What a pipeline writes to documents, as columns of a table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from spacy.language import Language
from spacy.pipeline.textcat import TextCategorizer
from spacy.pipeline.textcat_multilabel import MultiLabel_TextCategorizer
from spacy.tokens import Doc, Span

from spacy_rnn.distributed.extras import need
from spacy_rnn.extensions import written_texts
from spacy_rnn.pipeline.thresholds import predict_labels

if TYPE_CHECKING:  # only installed with the extra
    import pyarrow

TOKEN = ("tag", "pos", "morph", "lemma")
EXTENSION = "doc._."


class Columns:
    """The columns of what the components of a pipeline say that they assign.

    Attributes:
        classifiers: The text classifiers whose labels are in the column "label", at
            most one, and in "labels".
        token: The attributes of tokens that are written, of `TOKEN`.
        texts: The extensions of documents with texts, such as "summary".
        confident: The groups of `doc.spans` with the confidences of entities.
        types: Name and type of each column.
    """

    def __init__(self, nlp: Language) -> None:
        pa = need("pyarrow", "apply")
        assigned = set(find_assigned(nlp))
        self.classifiers = find_classifiers(nlp)
        self.token = [each for each in TOKEN if f"token.{each}" in assigned]
        self.texts = sorted(
            each.removeprefix(EXTENSION)
            for each in assigned
            if each.startswith(EXTENSION)
        )
        self.confident = list(find_confident(nlp))
        place = [("start", pa.int32()), ("end", pa.int32())]
        span = [*place, ("label", pa.string()), ("text", pa.string())]
        span.append(("confidence", pa.float32()))
        self.types: dict[str, pyarrow.DataType] = {}
        if "doc.cats" in assigned:
            self.types["cats"] = pa.map_(pa.string(), pa.float32())
        if self.classifiers["label"]:
            self.types["label"] = pa.string()
        if self.classifiers["labels"]:
            self.types["labels"] = pa.list_(pa.string())
        if "doc.ents" in assigned:
            self.types["entities"] = pa.list_(pa.struct(span))
        if "doc.spans" in assigned:
            group = ("group", pa.string())
            self.types["spans"] = pa.list_(pa.struct([group, *span]))
        if self.token:
            attributes = [(each, pa.string()) for each in self.token]
            self.types["tokens"] = pa.list_(pa.struct([*place, *attributes]))
        self.types |= {each: pa.string() for each in self.texts}
        if not self.types:
            raise ValueError(
                f"No component of the pipeline says that it writes categories, "
                f"entities, spans, tags or texts. Its components are {nlp.pipe_names}"
            )

    def read(self, doc: Doc) -> dict[str, Any]:
        """Return the value of each column for a document."""
        readers = {
            "cats": lambda: list(doc.cats.items()),
            "label": lambda: next(iter(self._read_labels(doc, "label") or ()), None),
            "labels": lambda: self._read_labels(doc, "labels"),
            "entities": lambda: list(read_entities(doc, self.confident)),
            "spans": lambda: list(read_groups(doc)),
            "tokens": lambda: [self._read_token(token) for token in doc],
        }
        values = {name: read() for name, read in readers.items() if name in self.types}
        for name in self.texts:
            values[name] = next(iter(written_texts(doc, name)), "")
        return values

    def _read_labels(self, doc: Doc, column: str) -> list[str] | None:
        pipes = self.classifiers[column]
        if not all(doc.cats.keys() >= {*pipe.labels} for pipe in pipes):
            return None  # a component behind has changed what would decide
        return [label for pipe in pipes for label in predict_labels(pipe, doc)]

    def _read_token(self, token: Any) -> dict[str, Any]:
        values = {"start": token.idx, "end": token.idx + len(token)}
        return values | {each: read_attribute(token, each) for each in self.token}


def find_classifiers(nlp: Language) -> dict[str, list[TextCategorizer]]:
    """Find the text classifiers, by the column that has their labels.

    "label" is that of the only one of whose labels exactly one is right.
    """
    pipes = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, TextCategorizer)]
    exclusive = [p for p in pipes if not isinstance(p, MultiLabel_TextCategorizer)]
    only = exclusive if len(exclusive) == 1 else []
    return {"label": only, "labels": [pipe for pipe in pipes if pipe not in only]}


def find_assigned(nlp: Language) -> Iterable[str]:
    """Yield what components assign, such as "doc.cats"; an entity is no span as well.

    `doc._.translation` is under the name that is set.
    """
    for name, pipe in nlp.pipeline:
        settings = getattr(pipe, "cfg", None) or {}
        assigns = set(nlp.get_pipe_meta(name).assigns)
        if {"doc.ents", "doc.spans"} <= assigns:
            is_ents = settings.get("annotate_ents", True)
            assigns.discard("doc.spans" if is_ents else "doc.ents")
        for each in assigns:
            is_text = each.startswith(EXTENSION) and "extension" in settings
            yield EXTENSION + settings["extension"] if is_text else each


def find_confident(nlp: Language) -> Iterable[str]:
    """Yield the groups of spans in which entities are with their confidences."""
    for name, pipe in nlp.pipeline:
        settings = getattr(pipe, "cfg", None) or {}
        assigns = set(nlp.get_pipe_meta(name).assigns)
        is_both = {"doc.ents", "doc.spans"} <= assigns
        if is_both and settings.get("annotate_ents") and settings["spans_key"]:
            yield settings["spans_key"]


def read_attribute(token: Any, name: str) -> str:
    return str(token.morph) if name == "morph" else getattr(token, f"{name}_")


def read_span(span: Span, confidence: float | None) -> dict[str, Any]:
    return {
        "start": span.start_char,
        "end": span.end_char,
        "label": span.label_,
        "text": span.text,
        "confidence": confidence,
    }


def read_entities(doc: Doc, confident: Iterable[str]) -> Iterable[dict[str, Any]]:
    """Yield entities, with their confidences where one of the groups has them."""
    scores = {
        (span.start, span.end, span.label): score
        for key in confident
        if key in doc.spans
        for span, score in with_scores(doc.spans[key])
    }
    for ent in doc.ents:
        yield read_span(ent, scores.get((ent.start, ent.end, ent.label)))


def read_groups(doc: Doc) -> Iterable[dict[str, Any]]:
    for name, group in doc.spans.items():
        for span, score in with_scores(group):
            yield {"group": name} | read_span(span, score)


def with_scores(group: Any) -> Iterable[tuple[Span, float | None]]:
    scores = group.attrs.get("scores")
    if scores is None or len(scores) != len(group):
        return zip(group, [None] * len(group), strict=True)
    return zip(group, map(float, scores), strict=True)
