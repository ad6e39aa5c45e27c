"""A pipeline as a function from tables to tables, for any engine that moves these."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import import_file, minibatch

from spacy_rnn.corpora.files.rows import join_names
from spacy_rnn.distributed.columns import Columns
from spacy_rnn.distributed.extras import need

if TYPE_CHECKING:  # only installed with the extra
    import pyarrow

LONGEST = 500  # characters of the message of an error
Row = dict[str, Any]


@dataclass(eq=False)
class Annotator:
    """Annotate the texts of tables.

    It is made at once, small, and can be pickled. The pipeline is loaded when first
    used, once in each process.

    Args:
        model: Name or path of a pipeline, which each process has to find there.
        text: The column with the texts, strings or null.
        id: The column that says whose a row is; None for none.
        batch_size: Texts in a batch, at least 1. None takes the pipeline's own.
        gpu_id: The GPU to use; -1 for the CPU.
        code: A Python file that registers what the pipeline needs.
    """

    model: str | Path
    _: KW_ONLY
    text: str = "text"
    id: str | None = "id"
    batch_size: int | None = None
    gpu_id: int = -1
    code: str | Path | None = None

    @property
    def loaded(self) -> "Loaded":
        """The pipeline, loaded by the first who asks for it in a process."""
        return load(str(self.model), self.gpu_id, self.code)

    @property
    def schema(self) -> "pyarrow.Schema":
        """The columns of the tables that come out, where an id is a string."""
        return self._make_schema(need("pyarrow", "apply").string())

    def __call__(self, table: "pyarrow.Table") -> "pyarrow.Table":
        """Annotate a table, whose rows stay in order.

        Returns:
            A table with the column `id`, what the pipeline writes, and `error`: what
            happened to a text that couldn't be annotated, whose other columns are null.

        Raises:
            ValueError: If a column isn't there, or the pipeline writes nothing.
            OSError: If there is no such pipeline.
        """
        pa = need("pyarrow", "apply")
        for name in (self.text, self.id):
            if name is not None and name not in table.column_names:
                names = join_names(table.column_names)
                raise ValueError(f"no column {name!r}; there is {names}")
        ids = None if self.id is None else table[self.id]
        texts = table[self.text].to_pylist()
        size = self.batch_size or self.loaded.nlp.batch_size
        rows = list(annotate(self.loaded, texts, size))
        schema = self._make_schema(None if ids is None else ids.type)
        arrays = [] if ids is None else [ids]
        for field in list(schema)[len(arrays) :]:
            arrays.append(pa.array([row.get(field.name) for row in rows], field.type))
        return pa.table(arrays, schema=schema)

    def _make_schema(self, id_type: "pyarrow.DataType | None") -> "pyarrow.Schema":
        pa = need("pyarrow", "apply")
        fields = [] if self.id is None else [("id", id_type)]
        columns = self.loaded.columns.types
        return pa.schema([*fields, *columns.items(), ("error", pa.string())])


class Loaded(NamedTuple):
    nlp: Language
    columns: Columns


@lru_cache(maxsize=1)
def load(model: str, gpu_id: int, code: str | Path | None) -> Loaded:
    """Load a pipeline, once in a process."""
    if code is not None:
        import_file("python_code", code)
    if gpu_id >= 0:
        spacy.require_gpu(gpu_id)
    nlp = spacy.load(model)
    nlp.set_error_handler(name_component)
    return Loaded(nlp, Columns(nlp))


def name_component(
    name: str, proc: Any, docs: Sequence[Doc], error: Exception
) -> NoReturn:
    """Raise the error of a component again, with its name."""
    error.add_note(f"in the component '{name}'")
    raise error


def annotate(loaded: Loaded, texts: Sequence[Any], batch_size: int) -> Iterator[Row]:
    """Yield the row of each text: an error, or the columns.

    What spaCy keeps of a text, such as its words, is freed after each batch.
    """
    for batch in minibatch(texts, batch_size):
        with loaded.nlp.memory_zone():
            yield from annotate_batch(loaded, batch)


def annotate_batch(loaded: Loaded, texts: Sequence[Any]) -> list[Row]:
    rows: list[Row] = []
    fitting = []
    for text in texts:
        problem = find_problem(text, loaded.nlp.max_length)
        rows.append({} if problem is None else {"error": problem})
        if problem is None:
            fitting.append(text)
    found = iter(annotate_together(loaded, fitting))
    return [row or next(found) for row in rows]


def find_problem(text: Any, max_length: int) -> str | None:
    """Say why a text can't be annotated, before it is tried; None if it may."""
    if text is None:
        return "no text"
    if not isinstance(text, str):
        return f"expected a string, got {type(text).__name__}"
    if len(text) > max_length:
        return f"{len(text)} characters, and nlp.max_length is {max_length}"
    return None


def annotate_together(loaded: Loaded, texts: Sequence[str]) -> list[Row]:
    """Annotate texts together; if that fails, each half by itself.

    So a text that can't be annotated is found, and all others have their annotation.
    """
    nlp, columns = loaded
    try:
        docs = [nlp.make_doc(text) for text in texts]
        piped = list(nlp.pipe(docs, batch_size=max(1, len(docs))))
        if len(piped) != len(docs):
            raise ValueError(f"documents went in: {len(docs)}, came out: {len(piped)}")
        return [columns.read(doc) for doc in piped]
    except Exception as error:  # of a tokenizer or a component: any
        if len(texts) == 1:
            return [{"error": describe(error)}]
    half = len(texts) // 2
    return annotate_together(loaded, texts[:half]) + annotate_together(
        loaded, texts[half:]
    )


def describe(error: Exception) -> str:
    """Say what went wrong, and in which component."""
    notes = getattr(error, "__notes__", [])
    text = " ".join([f"{type(error).__name__}: {error}", *notes[:1]])
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
