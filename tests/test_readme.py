"""What the documentation says is so: its code runs, its names and numbers are right."""

import json
import re
import subprocess
from collections import Counter
from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest
import spacy
from spacy import registry
from spacy.language import Language
from thinc.api import Config

import spacy_rnn
from spacy_rnn.layers.row_cache import MAX_ROWS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "results.md"
GUIDES = [README, ROOT / "CONTRIBUTING.md", ROOT / "corpus" / "README.md"]
PAGES = [*GUIDES, *sorted((ROOT / "docs").rglob("*.md"))]
ALONE = [  # pages whose blocks don't build on each other; others are followed
    page for page in PAGES if page.name != "going_on.md" and page.parent.name != "guide"
]
FENCE = re.compile(  # inside a quotation or outside
    r"^(?:> ?)?```(?P<kind>\w+)\n(?P<body>.*?)^(?:> ?)?```$", re.MULTILINE | re.DOTALL
)


PAPERS = ROOT / "docs" / "papers.md"
WRITTEN = [
    *(page for page in PAGES if page != PAPERS),
    *sorted((ROOT / "configs").glob("*.cfg")),
    *sorted((ROOT / "benchmarks").glob("*.py")),
    *sorted((ROOT / "examples").glob("*.py")),
    *sorted((ROOT / "spacy_rnn").rglob("*.py")),
]
CITATION = re.compile(  # Elman (1990), (Ma & Hovy, 2016; Kim et al., 2016)
    r"([A-Z][\w'-]+)"
    r"(?:, [A-Z][\w'-]+)*(?: & (?:[A-Z]\w+ )*[A-Z][\w'-]+| et al\.)?"
    r"(?:, | \()((?:19|20)\d\d)[),;]"
)


def citations(text):
    """Return the first author and the year of each paper that a text names."""
    return set(CITATION.findall(re.sub(r"\s+(?:[#>] )?", " ", text)))


def read(path):
    return path.read_text(encoding="utf8")


def blocks(kind, pages=ALONE):
    """List the fenced blocks of a kind, also those in quotations."""
    found = []
    for page in pages:
        for match in FENCE.finditer(read(page)):
            if match["kind"] == kind:
                body = re.sub(r"^> ?", "", match["body"], flags=re.MULTILINE)
                name = f"{page.relative_to(ROOT)}-{len(found)}"
                found.append(pytest.param(body, id=name))
    return found


def commands():
    """List the shell commands of all pages."""
    found = blocks("bash", PAGES)
    lines = [line for block in found for line in block.values[0].splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.strip()]


def parse_config(text):
    """Parse a snippet, adding the parents of its sections and the usual paths."""
    paths = '[paths]\ntrain = "train.jsonl"\ndev = "dev.jsonl"\n\n'
    text = text if "[paths]" in text else paths + text
    present = re.findall(r"^\[(.+)\]$", text, re.MULTILINE)
    parents = {
        section.rsplit(".", i)[0]
        for section in present
        for i in range(1, section.count(".") + 1)
    }
    missing = "".join(f"[{name}]\n" for name in sorted(parents - set(present)))
    return Config().from_str(missing + text)


def sections(page):
    """Split a page at its headings. Yield each title with what stands below it."""
    parts = re.split(r"^##+ (.+)$", read(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def entry_points():
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf8")
    return {
        line.split("=")[0].strip(): group.removeprefix("spacy_").removeprefix("thinc_")
        for group, lines in parser["options.entry_points"].items()
        for line in lines.strip().splitlines()
    }


@pytest.mark.parametrize("code", blocks("python"))
def test_python_code_runs(code, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "<documentation>", "exec"), {"__name__": "__main__"})


def test_the_first_example_learns_what_it_shows(capsys, monkeypatch, tmp_path):
    test_python_code_runs(
        blocks("python", [README])[0].values[0], monkeypatch, tmp_path
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["positive", "negative"]


@pytest.mark.parametrize("text", blocks("ini"))
def test_a_config_snippet_is_valid(text):
    config = parse_config(text)
    for name, component in config.pop("components", {}).items():
        factory = component.pop("factory")
        pipe = spacy.blank("en").add_pipe(factory, name, config=component)
        assert pipe.name == name
    for name, settings in config.pop("initialize", {}).get("components", {}).items():
        assert Language.has_factory(name)
        registry.fill(settings, validate=True)
    for name in ("model", "corpora", "nlp", "training", "pretraining"):
        registry.fill({name: config.pop(name, {})}, validate=True)
    assert config.keys() <= {"paths"}


def test_there_is_something_to_run():
    assert len(blocks("python")) >= 4
    assert len(blocks("ini")) >= 9
    assert len(commands()) >= 12


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_files_that_are_named_exist(page):
    named = re.findall(
        r"(?<![\w/])(?:configs|benchmarks|examples|tests)/[\w/]+\.\w+", read(page)
    )
    links = re.findall(r"\]\((?!https?:)([^)#]+)", read(page))
    missing = [name for name in named if not (ROOT / name).exists()]
    missing += [link for link in links if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_to_headings_lead_there(page):
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", read(page)):
        target = (page.parent / path) if path else page
        headings = re.findall(r"^#+ (.+)$", read(target), re.MULTILINE)
        slugs = [
            re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in headings
        ]
        assert anchor in slugs, f"{page.name}: {path}#{anchor}"


def test_the_data_of_a_command_exists():
    named = [path for line in commands() for path in re.findall(r"corpus/\S+", line)]
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_settings_on_the_command_line_are_in_the_config():
    text = read(README)
    settings = re.findall(r"--((?:training|components|paths)\.[\w.]+)", text)
    assert len(settings) >= 4
    for setting in settings:
        value = Config().from_disk(ROOT / "configs" / "sentiment.cfg")
        for key in setting.split("."):
            assert key in value, setting
            value = value[key]


def test_the_set_up_commands_stand_where_they_are_looked_for():
    for marker, ending in (("train", "--output training/sentiment"), ("tests", 'gpu"')):
        _, _, below = read(README).partition(f"<!-- {marker} -->\n")
        match = FENCE.match(below)
        assert match is not None
        (command,) = match["body"].splitlines()
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
        assert command.endswith(ending)


def test_the_readme_is_short():
    assert len(read(README).splitlines()) <= 200


def tables(text):
    """List the tables of a text, each as the figures in each of its rows."""
    found = re.findall(r"(?:^\|.+\n)+", text, re.MULTILINE)
    return [[figures(row) for row in table.splitlines()[2:]] for table in found]


def figures(row):
    cells = {cell.strip(" *") for cell in row.split("|")}
    return {cell for cell in cells if re.fullmatch(r"\d+(\.\d+)?", cell)}


@pytest.mark.parametrize("marker", ["speed table", "accuracy table"])
def test_the_figures_of_the_readme_are_those_of_the_results(marker):
    shown, *_ = tables(read(README).partition(f"<!-- {marker} -->")[2])
    results = [set().union(*table) for table in tables(read(RESULTS))]
    assert len(shown) >= 9
    for row in shown:
        assert row
        assert any(row <= table for table in results), row


def test_the_newest_version_of_the_changelog_is_the_packages():
    versions = re.findall(r"^## \[(.+?)\]", read(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == spacy_rnn.__version__


def test_every_config_is_mentioned():
    text = "".join(read(page) for page in PAGES)
    for path in (ROOT / "configs").glob("*.cfg"):
        assert f"configs/{path.name}" in text


def test_the_index_and_a_page_name_whatever_is_registered():
    index = read(ROOT / "docs" / "README.md")
    others = "".join(read(page) for page in PAGES if page.name != "README.md")
    for name in entry_points():
        assert f"`{name}`" in index
        assert name in others


def test_the_table_of_architectures_names_them_all():
    table, _, _ = read(ROOT / "docs" / "architectures.md").partition("\n## ")
    named = re.findall(r"^\| \[`(spacy-rnn\..+?)`\]", table, re.MULTILINE)
    registered = [name for name, group in entry_points().items() if "arch" in group]
    assert sorted(named) == sorted(registered)


def test_as_many_vectors_of_known_tokens_are_kept_as_the_page_says():
    text = read(ROOT / "docs" / "architectures.md")
    found = re.search(r"up to ([\d,]+) for each\nlayer, (\d+) MiB at width (\d+)", text)
    rows, mebibytes, width = (int(each.replace(",", "")) for each in found.groups())
    assert rows == MAX_ROWS
    assert mebibytes * 2**20 == rows * width * 4


def test_a_paper_that_is_named_has_a_link():
    linked = citations(read(PAPERS))
    missing = {str(path): citations(read(path)) - linked for path in WRITTEN}
    assert {path: found for path, found in missing.items() if found} == {}


def test_a_paper_of_the_list_is_named_once_and_has_a_link():
    entries = re.findall(r"^\* (.+)$", read(PAPERS), re.MULTILINE)
    assert [entry for entry in entries if "](https://" not in entry] == []
    found = [citations(entry) for entry in entries]
    assert [len(each) for each in found] == [1] * len(entries)
    titles = [entry.partition("). ")[0] for entry in entries]
    assert len(set(titles)) == len(titles)


def test_the_layout_names_every_folder():
    layout = sections(ROOT / "CONTRIBUTING.md")["Layout"]
    named = set(re.findall(r"`([\w./-]+)`", layout))
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [
        Path(line) for line in listed.stdout.splitlines() if Path(ROOT / line).exists()
    ]
    folders = {parent for path in files for parent in path.parents[:-1]}
    wanted = {f"{folder}/" for folder in folders if is_for_the_layout(folder)}
    wanted |= {str(path) for path in files if len(path.parts) == 1}
    assert wanted - named == set()
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_picture_names_folders_and_files_that_are_there():
    picture = read(ROOT / "docs" / "images" / "design.svg")
    names = " ".join(re.findall(r'class="folder"[^>]*>([^<]+)<', picture)).split()
    assert len(names) >= 8
    package = Path(spacy_rnn.__file__).parent
    assert [name for name in names if not (package / name).exists()] == []


def is_for_the_layout(folder):
    return len(folder.parts) == 1 or folder.parts[0] == "spacy_rnn"


@pytest.mark.parametrize("name", ["sentiment", "emotions"])
def test_the_sizes_of_a_corpus_are_counted(name):
    text = sections(ROOT / "corpus" / "README.md")[name]
    table = re.findall(r"^\| `?([\w ]+?)`? \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    counted = {}
    for part in ("train", "dev"):
        lines = read(ROOT / "corpus" / name / f"{part}.jsonl").splitlines()
        rows = [json.loads(line) for line in lines]
        labels = [row.get("labels") or row.get("label") or [] for row in rows]
        labels = [[found] if isinstance(found, str) else found for found in labels]
        counted[part] = Counter(label for found in labels for label in found)
        counted[part]["texts"] = len(rows)
        if name == "emotions":
            numbers = ("no label", "one label", "two labels", "three labels")
            counted[part].update(numbers[len(found)] for found in labels)
    assert {key: int(n) for key, n, _ in table} == counted["train"]
    assert {key: int(n) for key, _, n in table} == counted["dev"]


def test_constraints_pin_whatever_the_package_requires():
    lines = read(ROOT / "constraints.txt").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    required = {re.match(r"[\w-]+", line)[0] for line in metadata.requires("spacy-rnn")}
    for_gpus = {"cupy-cuda12x", "cupy-cuda13x"}  # the CUDA version is the user's
    names = {name.lower().replace("_", "-") for name in pinned}
    assert required - for_gpus <= names
    assert "+" not in "".join(pinned.values())  # a build that only some indexes have
