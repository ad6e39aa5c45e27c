import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import spacy
import srsly
import typer
from spacy import registry
from spacy.cli._util import import_code, setup_gpu
from spacy.language import Language
from spacy.training import Example
from spacy.util import dot_to_dict, dot_to_object
from thinc.api import Config, fix_random_seed
from wasabi import msg

from spacy_rnn.atomic import write_atomically
from spacy_rnn.checks import list_names
from spacy_rnn.cli.files import check_file
from spacy_rnn.cli.messages import as_overrides, one_message, parse_overrides
from spacy_rnn.cli.options import CodeOption, DataArgument, GpuOption, ModelArgument
from spacy_rnn.cli.output import add_counts
from spacy_rnn.cli.score_tables import SPEED, TOKENS, print_scores
from spacy_rnn.pipeline.labels import UNKNOWN

ONLY_SPACY = "spacy.Corpus.v1"  # a reader of .spacy files
LABELLED = "spacy-rnn.TextCorpus.v1"  # a reader of these and others
COMPARED = ("doc.cats", "token.tag", "doc.ents")  # annotation of labels
OTHER_PATHS = ("target_path", "summary_path")  # settings of what belongs to a path
ALWAYS_THERE = (SPEED, *TOKENS)


def evaluate_cli(
    ctx: typer.Context,
    model: ModelArgument,
    data_path: DataArgument,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="JSON file to write", dir_okay=False),
    ] = None,
    code_path: CodeOption = None,
    use_gpu: GpuOption = -1,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Documents in a batch", show_default="that of the pipeline"
        ),
    ] = None,
    per_component: Annotated[
        bool,
        typer.Option(
            "--per-component", "-P", help="Keep the scores of the components apart"
        ),
    ] = False,
    spans_key: Annotated[
        str | None,
        typer.Option(
            "--spans-key",
            "-sk",
            help="The only group of doc.spans whose scores to print",
            show_default="all",
        ),
    ] = None,
) -> None:
    """Evaluate a trained pipeline, and print every score that its components give.

    The data is read by the corpus that the pipeline was evaluated with in training. Its
    settings can be changed, as for the command train: --corpora.dev.text_column body.
    Another reader is named in the same way, and starts from its own defaults:
    --corpora.dev.@readers spacy-rnn.TokenCorpus.v1 --corpora.dev.entity_column ner
    """
    overrides = parse_overrides(ctx, env_var=None)
    with one_message("Can't evaluate the pipeline", spell=as_overrides):
        import_code(code_path)
        setup_gpu(use_gpu, silent=False)
        if output is not None:
            check_file(output, inputs=[data_path])
        fix_random_seed()
        nlp = spacy.load(model)
        examples = read_examples(nlp, data_path, overrides)
        given = find_given(examples)
        with warnings.catch_warnings():
            # What a component would say of its labels has been said.
            warnings.filterwarnings("ignore", UNKNOWN)
            scores = nlp.evaluate(
                examples, batch_size=batch_size, per_component=per_component
            )
        parts = list(split_components(scores, per_component))
        if not any(has_gold(part, examples) for _, part in parts):
            raise ValueError(
                f"{data_path}: no annotation of what the pipeline predicts. Its "
                f"components are {nlp.pipe_names}"
            )
        for title, found in parts:
            print_scores(found, title=title, spans_key=spans_key, without=given)
        if output is not None:
            write_atomically(output, srsly.json_dumps(scores, indent=2).encode())
            msg.good(f"Saved results to {output}")


def read_examples(
    nlp: Language, data_path: Path, overrides: Mapping[str, Any]
) -> list[Example]:
    """Read data for a pipeline, and warn of labels that it doesn't know.

    Args:
        nlp: The pipeline.
        data_path: What the corpus in its config is to read.
        overrides: Settings of that corpus, such as "corpora.dev.text_column".

    Raises:
        ValueError: If there is no document, or no label that the pipeline knows.
    """
    examples = list(open_corpus(nlp, data_path, overrides)(nlp))
    if not examples:
        raise ValueError(f"{data_path}: no document with a text")
    check_labels(nlp, examples, data_path)
    return examples


def check_labels(nlp: Language, examples: Sequence[Example], data_path: Path) -> None:
    """Warn of labels of the data that no component knows.

    Raises:
        ValueError: If none is known, of all that there could be compared.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for example in examples:
        add_counts(counts, example.reference)
    remarks, is_any_known = [], False
    for annotation in COMPARED:
        found = {
            label for (name, label), n in counts.items() if name == annotation and n
        }
        known = {
            label
            for name, pipe in nlp.pipeline
            if annotation in nlp.get_pipe_meta(name).assigns
            for label in getattr(pipe, "labels", ())
        }
        is_any_known = is_any_known or bool(found & known)
        if known and found - known:
            remarks.append(
                f"{data_path}: {'some labels' if found & known else 'no label'} of "
                f"{annotation} {'are not' if found & known else 'is'} known to the "
                f"pipeline. The data has {list_names(sorted(found))}, the pipeline "
                f"{list_names(sorted(known))}"
            )
    if remarks and not is_any_known:
        raise ValueError("\n".join(remarks))
    for remark in remarks:
        msg.warn(remark)


def find_given(examples: Sequence[Example]) -> tuple[str, ...]:
    """Return how the names of scores begin for which nothing is predicted.

    Those are tokens that the corpus made as they are in the references, and sentences
    that it gave to what is predicted.
    """
    given = []
    if all(
        [token.text for token in example.predicted]
        == [token.text for token in example.reference]
        for example in examples
    ):
        given.append("token_")
    if all(example.predicted.has_annotation("SENT_START") for example in examples):
        given.append("sents_")
    return tuple(given)


def open_corpus(
    nlp: Language, path: Path, overrides: Mapping[str, Any]
) -> Callable[[Language], Iterable[Example]]:
    """Make the reader of a pipeline's corpus for evaluation, for another path.

    Where that reads nothing but .spacy files, or has no path, labelled texts are read
    as well.

    Raises:
        ValueError: If a setting belongs to another section of the config, is the path,
            or it isn't said where the targets of another path are.
    """
    # A saved config has each "$" twice, see `format_config`.
    text = json.dumps(nlp.config.interpolate()).replace("$$", "$")
    config = json.loads(text)
    name = config["training"]["dev_corpus"]
    others = [key for key in overrides if not key.startswith(f"{name}.")]
    if others:
        raise ValueError(f"--{others[0]} is not a setting of the corpus, [{name}]")
    if f"{name}.path" in overrides:
        raise ValueError(f"--{name}.path has to be given as DATA: it would be {path}")
    section = dot_to_object(config, name)
    if section.get("@readers") == ONLY_SPACY or "path" not in section:
        section = {"@readers": LABELLED}
    if "limit" in section:  # meant for training
        section["limit"] = 0
    for key in OTHER_PATHS:
        if section.get(key) is not None and f"{name}.{key}" not in overrides:
            raise ValueError(
                f"{path}: the corpus has a {key}, which belongs to another path. Name "
                f"the one that belongs to this, --{name}.{key}"
            )
    settings = {key.removeprefix(f"{name}."): value for key, value in overrides.items()}
    changed = Config({"corpus": section}).merge({"corpus": dot_to_dict(settings)})
    changed["corpus"]["path"] = str(path)
    return registry.resolve(changed)["corpus"]


def split_components(
    scores: Mapping[str, Any], per_component: bool
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the scores of each component with its name, or all at once."""
    if not per_component:
        yield "Results", scores
        return
    for name, found in scores.items():
        yield name, found if isinstance(found, Mapping) else {name: found}


def has_gold(scores: Mapping[str, Any], examples: Sequence[Example]) -> bool:
    """Return whether any of the scores comes from annotation.

    spaCy's scorers return None where nothing is annotated, but for categories.
    """
    without_cats = not any(example.reference.cats for example in examples)
    return any(
        value is not None and value != {}
        for key, value in scores.items()
        if key not in ALWAYS_THERE and not (without_cats and key.startswith("cats_"))
    )
