import os
import sys
from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import spacy
import srsly
import typer
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch
from wasabi import msg
from wasabi.util import supports_ansi

from spacy_rnn.atomic import write_atomically
from spacy_rnn.cli.debugging.topics import count
from spacy_rnn.cli.files import check_file
from spacy_rnn.cli.messages import one_message, without_settings
from spacy_rnn.cli.options import CodeOption, GpuOption, ModelArgument
from spacy_rnn.cli.progress import progress
from spacy_rnn.corpora.files.lines import Reading, has_suffix
from spacy_rnn.corpora.files.plain import SUFFIXES, read_texts

if TYPE_CHECKING:  # the command line loads this module, whatever the command
    from spacy_rnn.explain import Explanation

BATCH = 64  # texts that are explained together


class WeightsOption(Enum):
    contributions = "contributions"
    attention = "attention"
    sentences = "sentences"
    alignment = "alignment"


def explain_cli(
    model: ModelArgument,
    texts: Annotated[
        list[str],
        typer.Argument(
            help="Texts, or files with texts: .txt, .jsonl, .csv, .tsv; - for a text "
            "on standard input"
        ),
    ],
    component: Annotated[
        str | None,
        typer.Option(
            "--component",
            "-C",
            help="The component whose predictions to explain",
            show_default="the last one that can be explained",
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            "-l",
            help="A label to explain; can be repeated",
            show_default="what is predicted",
        ),
    ] = None,
    weights: Annotated[
        WeightsOption,
        typer.Option(
            "--weights",
            "-w",
            help="What to show: contributions of tokens, the weights of attention, "
            "those of sentences, which a summarizer has, and attention to them, or the "
            "alignment of a text that was written with what was read for it",
        ),
    ] = WeightsOption.contributions,
    text_column: Annotated[
        str | None,
        typer.Option(
            help="The column of a file with the text",
            show_default="that of the corpus in the pipeline's config, or text",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Texts to explain, 0 for all")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="HTML file to write", dir_okay=False, metavar="HTML"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", "-j", help="Print a line of JSON for each text")
    ] = False,
    code_path: CodeOption = None,
    use_gpu: GpuOption = -1,
) -> None:
    """Show what each token of a text contributes to what a pipeline says of it.

    What speaks for a category, a tag, an entity or a sentence of a summary is blue,
    what speaks against it orange. Where there are no colours, the tokens that count
    most are below the text, with their numbers.

    python -m spacy rnn explain training/sentiment/model-best "A cold, rude waiter."

    python -m spacy rnn explain training/sentiment/model-best mails.csv -o mails.html
    """
    from spacy_rnn.visual.heat_map import draw_texts, render

    import_code(code_path)
    found: list[Explanation | Doc] = []
    is_written = weights is WeightsOption.alignment
    with one_message("Can't explain", spell=without_settings):
        if output is not None:
            check_file(output, ".html")
        if is_written and labels:
            raise ValueError("--label is of no use with --weights alignment")
        setup_gpu(use_gpu, silent=as_json or output is None)
        chosen = list(islice(read_all(texts, model, text_column), limit or None))
        nlp = spacy.load(model)
        texts_explained: Iterator[tuple[Doc, list[Any]]] = (
            align_texts(nlp, chosen, component=component)
            if is_written
            else explain_texts(nlp, chosen, component=component, labels=labels or None)
        )
        colours = has_colours()
        for doc, explanations in texts_explained:
            if output is not None:
                found.extend(explanations)
            if as_json:
                to_rows = alignments_to_rows if is_written else explanations_to_rows
                tokens = {"tokens": [token.text for token in doc]}
                typer.echo(srsly.json_dumps(tokens | to_rows(explanations)))
            elif output is None:
                for each in draw_texts(explanations, weights.value, colours=colours):
                    typer.echo(each + "\n")
        if output is not None:
            page = render(found, weights=weights.value, page=True, jupyter=False)
            write_atomically(output, page.encode())
    if as_json:
        return
    if output is not None:
        what = count(len(found), "text" if is_written else "prediction")
        msg.good(f"Explained {what} and wrote {output}")
    if component is None and not is_written:
        name_others(nlp)


def has_colours() -> bool:
    """Whether what is printed is shown in colours, and the user wants them."""
    is_wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return is_wanted and sys.stdout.isatty() and supports_ansi()


def name_others(nlp: Language) -> None:
    """Say of which component the explanations are, if it isn't the only one."""
    from spacy_rnn.explain.explanation import is_explained

    *others, last = [name for name, pipe in nlp.pipeline if is_explained(pipe)]
    if others:
        names = ", ".join(map(repr, others))
        msg.info(f"These are predictions of {last!r}; --component has those of {names}")


def explain_texts(
    nlp: Language,
    texts: Sequence[str],
    *,
    component: str | None,
    labels: Sequence[str] | None,
) -> Iterator[tuple[Doc, list["Explanation"]]]:
    """Explain texts in batches, with a bar for what takes long.

    Raises:
        ValueError: If there is no text with tokens.
    """
    from spacy_rnn.explain import explain

    if not any(len(nlp.make_doc(text)) for text in texts):
        raise ValueError("There is no text with a token to explain")
    for batch in minibatch(progress(texts, unit="text"), BATCH):
        docs = list(nlp.pipe(batch))
        found = explain(nlp, docs, component=component, labels=labels)
        yield from zip(docs, found, strict=True)


def align_texts(
    nlp: Language, texts: Sequence[str], *, component: str | None
) -> Iterator[tuple[Doc, list[Doc]]]:
    """Let the components write that write texts, and keep what they read for it.

    Raises:
        ValueError: If there is no such component.
    """
    from spacy_rnn.pipeline.text_writer import TextWriter

    writers = {name: p for name, p in nlp.pipeline if isinstance(p, TextWriter)}
    if not writers or (component is not None and component not in writers):
        name = f" {component!r}" if component else ""
        raise ValueError(
            f"The pipeline has no component{name} that writes texts, as rnn_translator "
            f"and rnn_abstractive_summarizer do. It has: {', '.join(writers) or 'none'}"
        )
    for name in [component] if component else writers:
        writers[name].configure(n_best=1, attention=True)
    for doc in nlp.pipe(texts):
        yield doc, [doc]


def read_all(texts: Sequence[str], model: str, column: str | None) -> Iterator[str]:
    """Yield texts that are given, and those of files.

    Args:
        texts: Texts, or files with texts.
        model: The pipeline, whose config names the column where `column` doesn't.
        column: The column of files with the text.

    Raises:
        ValueError: For a file that isn't there, or can't be read as texts, with its
            line.
    """
    from spacy_rnn.distributed.apply import find_model
    from spacy_rnn.distributed.text_column import find_text_column

    for text in texts:
        if text == "-":
            yield sys.stdin.read()
            continue
        path, is_there = Path(text), is_path(text)
        is_readable = has_suffix(path, *SUFFIXES)
        if is_there and path.is_dir():
            raise ValueError(f"{text} is a folder: name files in it, or texts")
        if is_there and is_readable:
            found = column or find_text_column(find_model(model), path, "strict")
            yield from read_texts([path], Reading(), text_column=found)
        elif is_there:
            endings = ", ".join(SUFFIXES)
            raise ValueError(f"{text}: expected a file that ends in one of {endings}")
        elif is_readable and len(text.split()) == 1:
            raise ValueError(f"{text}: no such file")
        else:
            yield text


def is_path(text: str) -> bool:
    """Whether a text is a path of something, which a long or empty one can't be."""
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):
        return False


def alignments_to_rows(docs: Sequence[Doc]) -> dict[str, Any]:
    """Say in plain values what was written about a document."""
    from spacy_rnn.visual.alignment import each_alignment

    rows = [
        {
            "extension": each.title,
            "text": each.text,
            "probability": each.probability,
            "pieces": each.pieces,
            "attention": each.attention.tolist(),
        }
        for doc in docs
        for each in each_alignment(doc)
    ]
    return {"alignments": rows}


def explanations_to_rows(explanations: Sequence["Explanation"]) -> dict[str, Any]:
    """Say in plain values what speaks for the predictions of a text."""
    rows = [
        {
            "component": each.component,
            "label": each.label,
            "start": each.start,
            "end": each.end,
            "probability": each.probability,
            "score": each.score,
            "baseline": each.baseline,
            "contributions": each.contributions.tolist(),
            "attention": {k: v.tolist() for k, v in each.attention.items()},
        }
        for each in explanations
    ]
    return {"explanations": rows}
