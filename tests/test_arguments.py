"""The tables of arguments and settings in the documentation are those of the code."""

import inspect
import re

import pytest
import spacy
from spacy import registry
from spacy.language import Language
from thinc.api import Config

import spacy_rnn.pipeline.seq2seq  # noqa: F401 (makes its factories)
from spacy_rnn.pipeline.ner import RNNEntityRecognizer
from spacy_rnn.pipeline.sentencizer import NLTKSentencizer
from spacy_rnn.pipeline.summarizer import RNNSummarizer
from spacy_rnn.pipeline.tagger import RNNTagger
from spacy_rnn.pipeline.text_writer import TextWriter
from spacy_rnn.pipeline.textcat import RNNTextCategorizer
from tests.test_readme import FENCE, ROOT, entry_points, sections

COMPONENTS = {  # the factories that a page describes
    ROOT / "docs" / "rnn_textcat.md": ["rnn_textcat", "rnn_textcat_multilabel"],
    ROOT / "docs" / "rnn_tagger.md": ["rnn_tagger", "rnn_morphologizer"],
    ROOT / "docs" / "rnn_ner.md": ["rnn_ner"],
    ROOT / "docs" / "rnn_summarizer.md": ["rnn_summarizer"],
    ROOT / "docs" / "seq2seq.md": ["rnn_translator", "rnn_abstractive_summarizer"],
    ROOT / "docs" / "nltk.md": ["nltk_sentencizer"],
}
WITH_MODEL = {page: names for page, names in COMPONENTS.items() if page.stem != "nltk"}
CLASSES = {  # whose methods a page lists
    "nltk": NLTKSentencizer,
    "rnn_ner": RNNEntityRecognizer,
    "rnn_summarizer": RNNSummarizer,
    "rnn_tagger": RNNTagger,
    "rnn_textcat": RNNTextCategorizer,
    "seq2seq": TextWriter,
}


def arguments(section):
    """Read the table of arguments of a section: each with its description."""
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))


def documented_functions():
    """Find the section of each registered function that has one."""
    found = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        for title, section in sections(page).items():
            name = title if title.startswith("spacy-rnn.") else f"spacy-rnn.{title}.v1"
            group = entry_points().get(name)
            if group is not None:
                found.append(pytest.param(group, name, section, id=name))
    return found


def documented_methods():
    """Find the signatures in the tables of methods."""
    found = []
    for page in COMPONENTS:
        table = sections(page)["Methods"]
        for written in re.findall(r"^\| `(\w+\(.*?\))` \|", table, re.MULTILINE):
            owner = CLASSES[page.stem]
            found.append(pytest.param(owner, written, id=f"{owner.__name__}.{written}"))
    return found


def signature(owner, name):
    """Write a method as the tables do: without types, or `**kwargs` beside others."""
    _, *given = inspect.signature(getattr(owner, name)).parameters.values()
    kept = [each for each in given if each.kind is not each.VAR_KEYWORD] or given
    kept = [each.replace(annotation=each.empty) for each in kept]
    return f"{name}{inspect.Signature(kept)}"


@pytest.mark.parametrize(("group", "name", "section"), documented_functions())
def test_a_table_of_arguments_is_that_of_the_function(group, name, section):
    parameters = inspect.signature(registry.get(group, name)).parameters
    described = arguments(section)
    assert list(described) == list(parameters)
    for key, parameter in parameters.items():
        check_default(key, parameter, described[key])


def test_whatever_has_arguments_has_a_table():
    documented = {param.values[1] for param in documented_functions()}
    assert documented == {
        name
        for name, group in entry_points().items()
        if group not in ("factories", "scorers", "cli")
    }


@pytest.mark.parametrize(("owner", "written"), documented_methods())
def test_a_signature_in_a_table_is_that_of_the_method(owner, written):
    assert written == signature(owner, written.partition("(")[0])


@pytest.mark.parametrize("name", sum(COMPONENTS.values(), []))
def test_a_class_takes_the_settings_of_the_config_as_keywords(name):
    made = inspect.signature(type(spacy.blank("en").add_pipe(name))).parameters
    keywords = {key for key, each in made.items() if each.kind is each.KEYWORD_ONLY}
    assert keywords == set(Language.get_factory_meta(name).default_config) - {"model"}


def check_default(key, parameter, description):
    default = re.search(r"efaults to `(.+?)`", description)
    if parameter.default is inspect.Parameter.empty:
        assert default is None, key
    else:
        assert default is not None, key
        assert default[1] == repr(parameter.default).replace("'", '"'), key


@pytest.mark.parametrize(("page", "factories"), COMPONENTS.items())
def test_the_settings_of_the_components_are_those_of_the_factories(page, factories):
    described = arguments(sections(page)["Config and implementation"])
    metas = [Language.get_factory_meta(name) for name in factories]
    assert set(described) == {key for meta in metas for key in meta.default_config}
    for key, description in described.items():
        if "only" not in description:
            assert all(key in meta.default_config for meta in metas), key
        if key not in ("model", "scorer"):
            written = re.search(r"efaults to `(.+?)`", description)[1]
            assert written in {
                repr(meta.default_config[key]).replace("'", '"')
                for meta in metas
                if key in meta.default_config
            }, key


@pytest.mark.parametrize(("page", "factories"), WITH_MODEL.items())
def test_the_default_model_is_the_one_that_is_shown(page, factories):
    text = sections(page)["The default model"]
    shown = Config().from_str(FENCE.search(text)["body"])["model"]
    for name in factories:
        default = dict(Language.get_factory_meta(name).default_config["model"])
        if name == "rnn_textcat_multilabel":
            default = {**default, "exclusive_classes": True}
        if name == "rnn_abstractive_summarizer":
            assert default.pop("copying") is True
            assert default.pop("max_source") == 400
        assert shown == default
