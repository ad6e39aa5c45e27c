"""Write documents, in files that at no moment are there in part."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count, islice
from pathlib import Path

from spacy.attrs import POS, TAG
from spacy.tokens import Doc, DocBin

from spacy_rnn.atomic import check_writable, neighbour, write_atomically, write_folder
from spacy_rnn.cli.files import check_apart, check_file
from spacy_rnn.corpora.file_corpus import FileCorpus
from spacy_rnn.corpora.files.rows import DOCBIN_SUFFIX
from spacy_rnn.extensions import written_texts


def count_labels(
    docs: Iterable[Doc], counts: Counter[tuple[str, str]], extension: str | None
) -> Iterator[Doc]:
    """Pass documents on, and count their labels, and the texts in an extension."""
    for doc in docs:
        add_counts(counts, doc)
        if extension is not None:
            counts[f"doc._.{extension}", ""] += len(written_texts(doc, extension))
        yield doc


def add_counts(counts: Counter[tuple[str, str]], doc: Doc) -> None:
    """Count the labels of a document under the annotation that they are in."""
    for label, value in doc.cats.items():
        counts["doc.cats", label] += value > 0
    for name, attr in (("token.tag", TAG), ("token.pos", POS)):
        for key, n in doc.count_by(attr).items():
            if key:  # 0: unknown
                counts[name, doc.vocab.strings[key]] += n
    counts.update(("doc.ents", span.label_) for span in doc.ents)
    for key, spans in doc.spans.items():
        counts.update((f"doc.spans[{key!r}]", span.label_) for span in spans)


def check_output(path: Path, shard_size: int, corpus: FileCorpus) -> None:
    """Raise an error for a place where `write_docs` can't or should not write.

    Args:
        path: The file, or the folder of shards.
        shard_size: As for `write_docs`.
        corpus: What is read.
    """
    inputs = [corpus.path, *corpus.files]
    if not shard_size:
        check_file(path, DOCBIN_SUFFIX, inputs=inputs)
        return
    check_apart(path, inputs)
    if path.suffix == DOCBIN_SUFFIX or (path.exists() and not path.is_dir()):
        raise ValueError(f"{path}: the output in shards must be a folder")
    others = [
        file
        for file in path.glob("*")
        if file.suffix != DOCBIN_SUFFIX or not file.is_file()
    ]
    if others:
        raise ValueError(
            f"{path}: the output replaces this folder, but there is {others[0].name!r} "
            "in it"
        )
    check_writable(neighbour(path.resolve()))  # as `write_folder` does


def write_docs(
    docs: Iterable[Doc], path: Path, *, shard_size: int, store_user_data: bool
) -> int:
    """Write documents, or leave what is there as it was.

    Args:
        docs: Documents, which are not kept longer than until they are written.
        path: A .spacy file. With a `shard_size`, a folder, whose content is replaced.
        shard_size: Documents in each file of the folder; 0 writes a single file.
        store_user_data: Whether to write `doc.user_data`, extensions among them.

    Returns:
        The number of documents.
    """
    if not shard_size:
        doc_bin = DocBin(store_user_data=store_user_data, docs=docs)
        write_atomically(path, doc_bin.to_bytes())
        return len(doc_bin)
    path.parent.mkdir(parents=True, exist_ok=True)
    n_docs = 0

    def write_shards(folder: Path) -> None:
        nonlocal n_docs
        folder.mkdir()
        rest = iter(docs)
        for number in count():
            doc_bin = DocBin(
                store_user_data=store_user_data, docs=islice(rest, shard_size)
            )
            if not len(doc_bin):
                return
            shard = folder / f"{number:05}{DOCBIN_SUFFIX}"
            shard.write_bytes(doc_bin.to_bytes())
            n_docs += len(doc_bin)

    write_folder(path, write_shards)
    return n_docs
