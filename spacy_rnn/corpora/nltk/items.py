"""What the corpora of NLTK say about each document, whatever their structure.

NLTK is imported when a corpus is asked for: that takes a second, which a pipeline
without such a corpus should not pay.
"""

import difflib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

# The Penn Treebank's files write these for characters that raw text has as they are.
_ESCAPES = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}
_TRACE = "-NONE-"  # tag of what a treebank adds where the text has no word

# NLTK's universal tags (Petrov et al., 2012) that have another name in Universal
# Dependencies, which spaCy follows.
_UD_NAMES = {"CONJ": "CCONJ", "PRT": "PART", ".": "PUNCT"}


class Item(NamedTuple):
    """A document of a corpus."""

    file_id: str
    text: str  # of a tagged corpus, its words with a space between them
    categories: tuple[str, ...] = ()
    words: tuple[str, ...] = ()  # of a tagged corpus only, as are tags and pos
    tags: tuple[str, ...] = ()
    pos: tuple[str, ...] = ()


def load_corpus(name: str) -> Any:
    """Find a corpus of NLTK on this machine, without reading it.

    Args:
        name: Name of the corpus in `nltk.corpus`.
    """
    import nltk
    from nltk.corpus.reader import CorpusReader
    from nltk.corpus.util import LazyCorpusLoader

    # Not nltk.corpus, which is a stand-in for the module and has no list of names.
    corpora: dict[str, Any] = {
        key: value
        for key, value in vars(import_module("nltk.corpus")).items()
        if isinstance(value, LazyCorpusLoader | CorpusReader)
    }
    if name not in corpora:
        similar = difflib.get_close_matches(name, corpora) or sorted(corpora)
        raise ValueError(
            f"NLTK has no corpus {name!r}; it has {', '.join(map(repr, similar))}"
        )
    corpus = corpora[name]
    resource = corpus.__name__.split("/")[0]
    try:
        corpus.ensure_loaded()
    except LookupError as error:
        raise LookupError(
            f"The corpus {name!r} of NLTK is not on this machine. Download it with\n\n"
            f"    python -m nltk.downloader {resource}\n\n"
            "or set the environment variable NLTK_DATA to the folder that has it as "
            f"corpora/{resource} or corpora/{resource}.zip. NLTK has looked in "
            f"{', '.join(map(str, nltk.data.path))}."
        ) from error
    return corpus


def read_items(corpus: Any, *, pos: bool) -> Iterator[Item]:
    """Read the documents of a corpus: the lines, sentences or files, as it has them.

    Args:
        corpus: A corpus reader of NLTK.
        pos: Whether to read universal parts of speech beside the tags.
    """
    from nltk.corpus import reader as readers

    is_categorized = isinstance(corpus, readers.CategorizedCorpusReader)
    is_tagged = hasattr(corpus, "tagged_sents")
    if pos and not is_tagged:
        raise ValueError(f"pos is of tagged corpora, and {corpus.__name__!r} is none")
    to_pos = _find_pos_mapping(corpus) if pos else None
    for file_id in corpus.fileids():
        categories = tuple(corpus.categories([file_id])) if is_categorized else ()
        if is_tagged:
            items = _read_tagged(corpus, file_id, to_pos)
        elif isinstance(corpus, readers.StringCategoryCorpusReader):
            items = _read_lines_with_category(corpus, file_id)
        elif isinstance(corpus, readers.CategorizedSentencesCorpusReader):
            items = _read_lines(corpus, file_id)
        elif is_categorized and isinstance(corpus, readers.PlaintextCorpusReader):
            items = iter([Item(file_id, corpus.raw(file_id).strip())])
        else:
            raise ValueError(
                f"The corpus {corpus.__name__!r} of NLTK has neither tags nor "
                f"categories that this reader knows ({type(corpus).__name__})"
            )
        for item in items:
            yield item._replace(categories=item.categories or categories)


def _read_tagged(
    corpus: Any, file_id: str, to_pos: Callable[[str], str] | None
) -> Iterator[Item]:
    for sent in corpus.tagged_sents([file_id]):
        tokens = [(_unescape(word), tag or "") for word, tag in sent if tag != _TRACE]
        if tokens:
            words, tags = zip(*tokens, strict=True)
            pos = tuple(map(to_pos, tags)) if to_pos is not None else ()
            yield Item(file_id, " ".join(words), (), words, tags, pos)


def _find_pos_mapping(corpus: Any) -> Callable[[str], str]:
    from nltk.tag import map_tag

    name, tagset = corpus.__name__, getattr(corpus, "_tagset", None)
    if tagset is None:
        raise ValueError(f"NLTK does not know the tag set of {name!r}; set pos = false")

    def to_pos(tag: str) -> str:
        universal = map_tag(tagset, "universal", tag)
        return _UD_NAMES.get(universal, universal)

    try:
        to_pos("")
    except LookupError as error:
        raise LookupError(
            f"NLTK cannot map the tags of {name!r} ({tagset}) to universal ones. "
            "Download its mappings with\n\n"
            "    python -m nltk.downloader universal_tagset\n\n"
            "or set pos = false."
        ) from error
    return to_pos


def _read_lines_with_category(corpus: Any, file_id: str) -> Iterator[Item]:
    for category, text in corpus.tuples([file_id]):
        yield Item(file_id, text, (category,))


def _read_lines(corpus: Any, file_id: str) -> Iterator[Item]:
    # raw() and not sents(): NLTK tokenizes those.
    for line in corpus.raw(file_id).split("\n"):
        if line.strip():
            yield Item(file_id, line.strip())


def _unescape(word: str) -> str:
    return _ESCAPES.get(word, word.replace("\\/", "/").replace("\\*", "*"))
