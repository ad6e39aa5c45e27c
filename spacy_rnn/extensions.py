"""Texts in an extension of documents, such as `doc._.summary`: gold, or written."""

from collections.abc import Sequence
from typing import Any

from spacy.tokens import Doc


def register_text(name: str) -> None:
    """See to it that there is `doc._.{name}`, to which texts can be written.

    Raises:
        ValueError: If that can't be the name of an attribute, or is that of an
            extension which computes something.
    """
    if not name.isidentifier():
        raise ValueError(
            f"extension has to be a name such as translation, but it is {name!r}"
        )
    if not Doc.has_extension(name):
        Doc.set_extension(name, default=None)
        return
    _, method, getter, setter = Doc.get_extension(name)
    if method is not None or (getter is not None and setter is None):
        raise ValueError(
            f"doc._.{name} is an extension that computes something, so no text can be "
            "kept there. Choose another name"
        )


def keep_texts(doc: Doc, name: str, texts: Sequence[str]) -> None:
    """Let a document have a text, or several of which the first is trained on."""
    first, *others = texts
    doc._.set(name, [first, *others] if others else first)


def written_texts(doc: Doc, name: str) -> list[str]:
    """Return the texts in `doc._.{name}` that aren't blank: mostly one, or none.

    There are none either where that extension isn't registered.

    Raises:
        TypeError: If something there isn't a text.
    """
    written: Any = doc._.get(name) if Doc.has_extension(name) else None
    # What was a list comes as a tuple from a .spacy file.
    several: Any = written if isinstance(written, list | tuple) else [written]
    texts = [text for text in several if not is_blank(text)]
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(
                f"doc._.{name} has to be a text, a list of texts or None, but that of "
                f"{doc.text[:60]!r} has {text!r:.60}"
            )
    return texts


def is_blank(text: Any) -> bool:
    """Return whether there is no text, or nothing in it."""
    return text is None or (isinstance(text, str) and not text.strip())
