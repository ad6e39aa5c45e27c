"""Complete configs for `spacy rnn train`, from a template for each task."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import Any, Literal

import srsly
from spacy.language import DEFAULT_CONFIG_PRETRAIN_PATH
from spacy.util import (
    CONFIG_SECTION_ORDER,
    dot_to_dict,
    get_package_path,
    is_package,
    load_config,
    load_model_from_config,
)
from thinc.api import Config

Optimize = Literal["accuracy", "efficiency"]

TEMPLATES = Path(__file__).parent / "templates"
# The component of each task. Where several share an encoder, it is that of the first.
TASKS = {
    "ner": "rnn_ner",
    "spans": "spancat",
    "tagger": "rnn_tagger",
    "morphologizer": "rnn_morphologizer",
    "summarizer": "rnn_summarizer",
    "abstractive-summarizer": "rnn_abstractive_summarizer",
    "translator": "rnn_translator",
    "textcat": "rnn_textcat",
    "textcat-multilabel": "rnn_textcat_multilabel",
}
# Tasks that write texts, and what the reader has to know: where the component does.
WRITERS = {
    "translator": {"extension": "translation"},
    "abstractive-summarizer": {"extension": "summary"},
}
EXTRA = {  # packages that only these need, to cut texts and to score them
    "translator": ("sentencepiece", "sacrebleu"),
    "abstractive-summarizer": ("sentencepiece",),
}
SHARED = "tok2vec"  # name of the component that several listen to
LISTENER = {
    "@architectures": "spacy.Tok2VecListener.v1",
    "width": f"${{components.{SHARED}.model.encode.width}}",
}
LARGER_BATCH = 2  # on a GPU, which wants many documents side by side


def make_config(
    tasks: Sequence[str],
    *,
    lang: str = "en",
    optimize: Optimize = "accuracy",
    gpu: bool = False,
    vectors: str | None = None,
    pretraining: bool = False,
    reader: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Config:
    """Make a config, complete as `spacy init fill-config` leaves one.

    Args:
        tasks: One or more of `TASKS`. Several share one embedding and encoder.
        lang: Code of the language.
        optimize: "accuracy" is what this package was measured with, "efficiency" a
            smaller and faster network.
        gpu: Whether to train in larger batches, for a GPU.
        vectors: Name or path of a pipeline with word vectors, for the embedding.
        pretraining: Whether to add a block for `spacy pretrain`.
        reader: The block of the reader, but for the path. None: that of the templates,
            for columns named as in the bundled corpora.
        settings: Other values by their place, such as "paths.train".

    Raises:
        ValueError: If there is no such task, or one excludes another, or a value has
            what a config takes for a variable.
        ImportError: If there is no such language.
    """
    check_tasks(tasks, vectors=vectors, pretraining=pretraining)
    _check_dollars({**(reader or {}), **(settings or {})})
    parts = {task: _make_part(task, lang, optimize) for task in TASKS if task in tasks}
    config = next(iter(parts.values()))
    if len(parts) > 1:
        _join(config, parts)
    if pretraining:
        _add_pretraining(config, [TASKS[task] for task in parts])
    if gpu:
        config["training"]["batcher"]["size"] *= LARGER_BATCH
    if vectors is not None:
        config["paths"]["vectors"] = vectors
        for block in find_blocks(config["components"], "include_static_vectors"):
            block["include_static_vectors"] = True
    if reader is not None:
        config["corpora"]["train"] = {"path": "${paths.train}", **reader}
    config["corpora"]["dev"] = config["corpora"]["train"] | {"path": "${paths.dev}"}
    if config["corpora"]["train"].get("labels") is not None:
        config["corpora"]["dev"]["labels"] = "${corpora.train.labels}"
    return _fill(config.merge(dot_to_dict(dict(settings or {}))))


def check_tasks(
    tasks: Sequence[str], *, vectors: str | None = None, pretraining: bool = False
) -> None:
    """Raise a ValueError for tasks that aren't there, or not in one pipeline.

    The other arguments are those of `make_config`, which not all tasks have a use for.
    """
    for task in tasks:
        if task not in TASKS:
            raise ValueError(
                f"there is no task {task!r}; the tasks are {', '.join(TASKS)}"
            )
    if {"textcat", "textcat-multilabel"} <= set(tasks):
        raise ValueError(
            "textcat gives each text one label, textcat-multilabel any number, in the "
            "same doc.cats: a pipeline has one of them"
        )
    writer = next((task for task in tasks if task in WRITERS), None)
    if writer and (len(set(tasks)) > 1 or vectors is not None or pretraining):
        raise ValueError(
            f"{writer} reads pieces of words with an encoder of its own: it is the "
            "only task of a pipeline, without vectors of words and without pretraining"
        )


def _check_dollars(values: Mapping[str, Any]) -> None:
    """Refuse what confection has no way to write: a "${" that begins no variable."""
    for place, value in values.items():
        texts = value if isinstance(value, list) else [value]
        for text in texts:
            if isinstance(text, str) and "${" in text:
                name = place.rpartition(".")[2].replace("_", " ")
                raise ValueError(
                    f"{name} {text!r}: a config takes '${{' for the beginning of a "
                    "variable, so that no value of it can have these characters"
                )


def check_vectors(name: str) -> None:
    """Raise a ValueError if a name or path is not that of a pipeline with vectors."""
    path = get_package_path(name) if is_package(name) else Path(name)
    try:
        n_vectors = srsly.read_json(path / "meta.json")["vectors"]["vectors"]
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise ValueError(
            f"{name}: no installed pipeline and no folder of one with word vectors, "
            "such as `python -m spacy init vectors` makes"
        ) from error
    if not n_vectors:
        raise ValueError(f"{name}: the pipeline has no word vectors")


def missing_packages(tasks: Sequence[str]) -> list[str]:
    """List the packages of an extra that tasks need and that aren't installed."""
    needed = [name for task in tasks for name in EXTRA.get(task, ())]
    return [name for name in needed if find_spec(name) is None]


def format_config(config: Config, tasks: Sequence[str], path: Path) -> str:
    """Write a config as it stands in a file, with a comment about it at the top.

    Args:
        config: A complete config.
        tasks: What its pipeline is for.
        path: The file, for the command in the comment.
    """
    comments = [_read_comment(task) for task in TASKS if task in tasks]
    head = [purpose for purpose, *_ in comments]
    head += [f"#   {command}" for command in list_commands(config, path)]
    head += comments[0][1:]
    # confection writes "$" twice, which is not undone where variables stay as they are,
    # and so spaCy's commands read them.
    body = config.to_str(interpolate=False).replace("$$", "$")
    return "\n".join([*head, "", body])


def list_commands(config: Config, path: Path) -> list[str]:
    """List what to call next: pretraining, if there is any, and training."""
    file = Path("config.cfg") if str(path) == "-" else path
    name, output = quote(file.as_posix()), quote(f"training/{file.stem}")
    train = f"python -m spacy rnn train {name} --output {output}"
    for part in ("train", "dev"):
        if config["paths"][part] is None:
            train += f" --paths.{part} {part.upper()}"
    if not config["pretraining"]:
        return [train]
    raw_text = "" if config["paths"]["raw_text"] else " --paths.raw_text RAW_TEXT"
    weights = "training/weights"
    return [
        f"python -m spacy pretrain {name} {weights}{raw_text}",
        f"{train} --paths.init_tok2vec {weights}/model-last.bin",
    ]


def _read_comment(task: str) -> list[str]:
    """Read the lines of the comment that a template begins with."""
    text = (TEMPLATES / f"{task}.cfg").read_text(encoding="utf8")
    return text.partition("\n\n")[0].splitlines()


def _make_part(task: str, lang: str, optimize: Optimize) -> Config:
    """Make the config of a single task."""
    template = _load(task)
    smaller = template.pop("efficiency")
    config = _load("base").merge(template)
    config["nlp"]["lang"] = lang
    _replace_sentencizer(config, sentencizer_of(lang))
    if optimize == "efficiency":
        model = {"model": dot_to_dict(smaller)}
        config = config.merge({"components": {TASKS[task]: model}})
    return _fill(config)


def _load(name: str) -> Config:
    return load_config(TEMPLATES / f"{name}.cfg", interpolate=False)


def _fill(config: Config) -> Config:
    filled = load_model_from_config(config, auto_fill=True).config
    ordered = {key: filled[key] for key in CONFIG_SECTION_ORDER if key in filled}
    return Config(ordered, is_interpolated=False)


def sentencizer_of(lang: str) -> str:
    """Name what finds sentences: Punkt comes with this package for English only."""
    return "nltk_sentencizer" if lang == "en" else "sentencizer"


def _replace_sentencizer(config: Config, factory: str) -> None:
    pipeline, components = config["nlp"]["pipeline"], config["components"]
    if components.pop("nltk_sentencizer", None) is not None:
        pipeline[pipeline.index("nltk_sentencizer")] = factory
        components[factory] = {"factory": factory}


def _join(config: Config, parts: Mapping[str, Config]) -> None:
    """Add the components of all parts, with the encoder of the first for all."""
    first = TASKS[next(iter(parts))]
    tok2vec = config["components"][first]["model"]["tok2vec"]
    components = {SHARED: {"factory": "tok2vec", "model": tok2vec}}
    for task, part in parts.items():
        components |= part["components"]
        components[TASKS[task]]["model"]["tok2vec"] = LISTENER
    config["components"] = components
    config["nlp"]["pipeline"] = list(components)
    config["corpora"]["train"] = _join_readers(
        [part["corpora"]["train"] for part in parts.values()]
    )
    config["training"]["score_weights"] = {}  # filled with those of all components


def _join_readers(readers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join the columns of readers of one kind; others meet in .spacy files only."""
    if len({reader["@readers"] for reader in readers}) > 1:
        return {"@readers": "spacy.Corpus.v1", "path": "${paths.train}"}
    joined = dict(readers[0])
    for reader in readers[1:]:
        joined |= {key: value for key, value in reader.items() if value is not None}
    return joined


def _add_pretraining(config: Config, names: Sequence[str]) -> None:
    is_shared = SHARED in config["components"]
    block = load_config(DEFAULT_CONFIG_PRETRAIN_PATH)
    del block["pretraining"]["objective"]
    block = block.merge(_load("pretraining"))
    block["pretraining"]["component"] = SHARED if is_shared else names[0]
    block["pretraining"]["layer"] = "" if is_shared else "tok2vec"
    config["paths"] |= block["paths"]
    config["corpora"] |= block["corpora"]
    config["pretraining"] = block["pretraining"]


def find_blocks(block: Mapping[str, Any], key: str) -> Iterator[Any]:
    """Find the blocks of a config that have a key."""
    if key in block:
        yield block
    for value in block.values():
        if isinstance(value, Mapping):
            yield from find_blocks(value, key)
