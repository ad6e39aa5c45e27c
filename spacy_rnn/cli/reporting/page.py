"""A report as a page."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from spacy_rnn.cli.debugging.topics import count
from spacy_rnn.cli.reporting.charts import draw_charts, draw_training
from spacy_rnn.cli.reporting.facts import LabelScore, Mistake, Report, Score, Task
from spacy_rnn.cli.score_tables import describe
from spacy_rnn.visual import heat_map
from spacy_rnn.visual.page import make_page
from spacy_rnn.visual.tokens import KEY, draw_strongest, mark_tokens

MOST_LABELS = 200  # in a table
STYLE = """
.report { max-width: 72rem; margin: 0 auto; padding: 2rem 1rem 4rem;
  line-height: 1.5; }
.report h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem;
  overflow-wrap: anywhere; }
.report h2 { font-size: 1.25rem; margin: 3rem 0 .25rem; padding-top: 1.5rem;
  border-top: 1px solid var(--line); overflow-wrap: anywhere; }
.report h3 { font-size: 1rem; margin: 2rem 0 .5rem; break-after: avoid; }
.report p { margin: .25rem 0; }
.report .about { color: var(--faint); font-size: .9rem; overflow-wrap: anywhere; }
.report nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1rem 0 0;
  font-size: .9rem; }
.report a { color: var(--c0); text-decoration: none; }
.report a:hover { text-decoration: underline; }
.report .tiles { display: grid; gap: .75rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); }
.report .tile { background: var(--raised); border-radius: .6rem;
  padding: .7rem .8rem; }
.report .tile b { display: block; font-size: clamp(1.4rem, 5vw, 1.9rem);
  line-height: 1.3; font-variant-numeric: tabular-nums; font-weight: 650; }
.report .tile span { color: var(--faint); font-size: .85rem;
  font-variant-numeric: tabular-nums; }
.report .tile i { display: block; position: relative; height: 4px; margin: .5rem 0 0;
  border-radius: 2px; background: var(--line); }
.report .tile i::before { content: ""; position: absolute; inset: 0 auto 0 var(--a);
  width: max(3px, calc(var(--b) - var(--a))); background: var(--c0);
  border-radius: 2px; }
.report .rnn-charts { padding: 1rem 0; }
.report table { border-collapse: collapse; font-size: .9rem; width: 100%;
  font-variant-numeric: tabular-nums; }
.report th { text-align: right; font-weight: 500; color: var(--faint);
  padding: .25rem .6rem; white-space: nowrap; }
.report td { text-align: right; padding: .28rem .6rem; white-space: nowrap;
  border-top: 1px solid var(--line); }
.report th:first-child, .report td:first-child { text-align: start; padding-left: 0;
  white-space: normal; overflow-wrap: anywhere; min-width: 7.5rem; }
.report td.bar { text-align: left; min-width: 5rem; width: 30%; }
.report td.bar i { display: block; position: relative; height: .7rem;
  border-radius: 2px; background: linear-gradient(var(--c0), var(--c0)) 0 / var(--v)
  no-repeat var(--raised); }
.report td.bar i::after { content: ""; position: absolute; top: calc(50% - 1px);
  height: 2px; left: var(--a); width: calc(var(--b) - var(--a));
  background: var(--ink); }
.report .rnn-texts { max-width: none; padding: 0; font-size: 15px; line-height: 1.75; }
.report .rnn-texts figure { padding: 0 0 .9rem; margin: 0 0 .9rem; }
.report .wrong { color: rgb(var(--less)); }
.report dl { display: grid; grid-template-columns: minmax(7rem, 12rem) 1fr;
  gap: .35rem 1rem; font-size: .9rem; margin: 1rem 0; }
.report dt { color: var(--faint); }
.report dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.report code { font: .85em ui-monospace, monospace; }
@media print { .report section + section { break-before: page; } }
"""


def draw_report(report: Report) -> str:
    """Draw a report as a page, which asks for nothing from elsewhere."""
    body = "\n".join(['<main class="report">', *draw_parts(report), "</main>"])
    style = heat_map.STYLE + STYLE
    return make_page(body, title=f"Report of {report.model}", style=style)


def draw_parts(report: Report) -> Iterator[str]:
    """Draw the parts of a report, in their order."""
    name = "/".join(Path(report.model).parts[-2:])
    yield f"<header><h1>{escape(name)}</h1>"
    size = f"{count(report.documents, 'document')}, {count(report.tokens, 'token')}"
    yield (
        f'<p class="about">{escape(report.card["name"])} on {escape(report.data)}: '
        f"{size}. Scores are in percent, and their intervals hold 95 % of those "
        f"of {report.resamples:,} samples of these documents.</p>"
    )
    links = [(f"task{i}", name_task(each)) for i, each in enumerate(report.tasks)]
    if report.others:
        links.append(("others", "Other scores"))
    if report.training:
        links.append(("training", "Training"))
    links.append(("card", "Model card"))
    anchors = (f'<a href="#{key}">{escape(name)}</a>' for key, name in links)
    yield f"<nav>{''.join(anchors)}</nav></header>"
    for i, task in enumerate(report.tasks):
        yield f'<section id="task{i}">{"".join(draw_task(task))}</section>'
    if report.others:
        yield f'<section id="others">{"".join(draw_others(report.others))}</section>'
    if report.training:
        charts = draw_training(report.training)
        yield f'<section id="training"><h2>Training</h2>{charts}</section>'
    yield f'<section id="card">{"".join(draw_card(report))}</section>'


def name_task(task: Task) -> str:
    return f"{task.component}: {task.annotation}"


def draw_task(task: Task) -> Iterator[str]:
    """Draw what a component does."""
    yield f"<h2>{escape(name_task(task))}</h2>"
    yield f'<p class="about">{count(task.documents, "document")} with labels</p>'
    yield f'<div class="tiles">{"".join(map(draw_score, task.scores))}</div>'
    yield draw_charts(task)
    if len(task.labels) > 1:
        yield draw_labels(task)
    if task.mistakes:
        yield f"<h3>{title_mistakes(task)}</h3>"
        figures = "".join(draw_mistake(each, task) for each in task.mistakes)
        is_explained = any(each.contributions is not None for each in task.mistakes)
        key = KEY if is_explained else ""
        yield f'<div class="rnn-texts">{key}{figures}</div>'


def draw_score(score: Score) -> str:
    """Draw a score as a tile."""
    return (
        f'<div class="tile"><span>{escape(score.title)}</span>'
        f"<b>{percent(score.value)}</b>"
        f"<span>{percent(score.low)} to {percent(score.high)}</span>"
        f'<i style="--a:{score.low:.1%};--b:{score.high:.1%}"></i></div>'
    )


def percent(value: float) -> str:
    return f"{100 * value:.1f}"


def draw_labels(task: Task) -> str:
    """Draw the table of labels."""
    rows = "".join(map(draw_label, task.labels[:MOST_LABELS]))
    rest = len(task.labels) - MOST_LABELS
    more = f'<p class="about">and {rest:,} rarer labels</p>' if rest > 0 else ""
    table = (
        "<table><thead><tr><th>Label</th><th>F1</th><th></th><th>95 %</th>"
        "<th>Precision</th><th>Recall</th><th>True</th><th>Predicted</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
    return f'<h3>Labels</h3><div class="wide" tabindex="0">{table}</div>{more}'


def draw_label(row: LabelScore) -> str:
    """Draw a row of the table of labels."""
    bar = f"--v:{row.f1:.1%} 100%;--a:{row.low:.1%};--b:{row.high:.1%}"
    return (
        f"<tr><td>{escape(row.label)}</td><td>{percent(row.f1)}</td>"
        f'<td class="bar"><i style="{bar}"></i></td>'
        f"<td>{percent(row.low)} – {percent(row.high)}</td>"
        f"<td>{percent(row.precision)}</td><td>{percent(row.recall)}</td>"
        f"<td>{row.support:,}</td><td>{row.predicted:,}</td></tr>"
    )


def title_mistakes(task: Task) -> str:
    sure = any(each.confidence is not None for each in task.mistakes)
    return "Wrong, and sure of it" if sure else "Wrong"


def draw_mistake(mistake: Mistake, task: Task) -> str:
    """Draw a mistake with its text."""
    underlined = range(mistake.start, mistake.end)
    values, numbers = None, ""
    if mistake.contributions is not None:
        values = np.array(mistake.contributions)
        numbers = draw_strongest(mistake.tokens, values, are_shares=False)
    text = mark_tokens(
        mistake.tokens,
        mistake.spaces,
        values,
        range(0) if task.unit == "documents" else underlined,
    )
    before, after = ("… " if cut else "" for cut in mistake.is_cut)
    return (
        f'<figure lang="{escape(mistake.lang)}"><figcaption>'
        f"{describe_mistake(mistake, task)} · document {mistake.document}</figcaption>"
        f'<p dir="{escape(mistake.direction)}">{before}{text}{after}</p>{numbers}'
        "</figure>"
    )


def describe_mistake(mistake: Mistake, task: Task) -> str:
    """Say what is wrong."""
    sure = "" if mistake.confidence is None else f" at {mistake.confidence:.1%}"
    if task.unit == "sentences":
        return f'<b class="wrong">chosen</b>{sure}, not in the reference'
    true = ", ".join(mistake.true) or "nothing"
    verb = "missing" if mistake.is_missing else "predicted"
    label = f'<b class="wrong">{escape(mistake.predicted)}</b>'
    return f"{verb} {label}{sure}, true <b>{escape(true)}</b>"


def draw_others(others: dict[str, dict[str, float]]) -> Iterator[str]:
    """Draw the scores of components that nothing more is known of."""
    yield "<h2>Other scores</h2>"
    for component, scores in others.items():
        named = {describe(key, scores): value for key, value in scores.items()}
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{percent(value)}</td></tr>"
            for name, value in named.items()
        )
        yield f"<h3>{escape(component)}</h3><table><tbody>{rows}</tbody></table>"


def draw_card(report: Report) -> Iterator[str]:
    """Draw the model card."""
    card = report.card
    size = card["size_on_disk"]
    rows: list[tuple[str, Any]] = [
        ("Name", f"{card['name']} {card['version']}"),
        ("Description", card["description"]),
        ("Author", card["author"]),
        ("Licence", card["licence"] or "not given"),
        ("Licences of data", ", ".join(card["licences_of_data"]) or "not given"),
        ("Parameters", f"{card['parameters']:,}"),
        ("Size on disk", "unknown" if size is None else f"{size / 1e6:,.1f} MB"),
        ("Words per second", f"{card['words_per_second']:,} ({card['device']})"),
        ("Trained with", f"spaCy {card['trained_with']}"),
        ("Measured with", ", ".join(f"{k} {v}" for k, v in card["versions"].items())),
        ("On", card["date"]),
    ]
    yield "<h2>Model card</h2><dl>"
    for title, value in rows:
        if value:
            yield f"<dt>{title}</dt><dd>{escape(value)}</dd>"
    yield "</dl>"
    yield draw_components(card["components"])


def draw_components(components: dict[str, dict[str, Any]]) -> str:
    """Draw the table of components, with their architectures."""
    rows = []
    for name, about in components.items():
        lines = "<br>".join(
            f"<code>{escape(each['name'])}</code> "
            + escape(", ".join(f"{k} {v}" for k, v in each["settings"].items()))
            for each in about.get("architectures", ())
        )
        facts = [f"<code>{escape(about['factory'])}</code>"]
        nouns = ("label", "parameter")
        facts += [count(about[f"{k}s"], k) for k in nouns if f"{k}s" in about]
        rows.append(
            f"<h3>{escape(name)}</h3><p class='about'>{', '.join(facts)}</p>"
            f"<p class='about'>{lines}</p>"
        )
    return "".join(rows)
