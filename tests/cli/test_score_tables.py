"""How scores are named and printed."""

import re

import pytest

from spacy_rnn.cli.score_tables import (
    format_score,
    name_group,
    name_score,
    print_scores,
)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("ents_f", "NER F"),
        ("tag_acc", "TAG"),
        ("token_acc", "TOK"),
        ("dep_uas", "UAS"),
        ("cats_macro_auc", "TEXTCAT macro AUC"),
        ("cats_score", "TEXTCAT"),
        ("rouge_lsum_f", "ROUGE-Lsum F"),
        ("speed", "SPEED"),
        ("perplexity", "PERPLEXITY"),
    ],
)
def test_scores_are_named_as_by_spacy_also_those_that_it_leaves_out(key, name):
    assert name_score(key) == name


def test_mappings_are_named_after_their_scores():
    assert name_group("dep_las_per_type") == "LAS (per type)"
    assert name_group("morph_per_feat") == "MORPH (per feat)"
    assert name_group("cats_auc_per_type") == "TEXTCAT AUC (per type)"


def test_any_value_can_be_printed():
    assert format_score("ents_f", 0.5) == "50.00"
    assert format_score("ents_f", None) == "-"
    assert format_score("speed", 1234.5) == "1234"
    assert format_score("note", "words") == "words"


def test_codes_in_a_label_have_no_effect_on_the_terminal(capsys):
    print_scores({"cats_f_per_type": {"\x1b[31mgood": {"f": 1.0}}}, title="Results")
    assert "\\x1b[31mgood" in capsys.readouterr().out


def test_the_score_is_no_number_where_it_is_an_area_of_nothing(capsys):
    scores = {"cats_score": 0.0, "cats_score_desc": "macro AUC", "cats_macro_auc": 0.0}
    print_scores({**scores, "cats_auc_per_type": {"a": None}}, title="Results")
    assert "0.00" not in capsys.readouterr().out


def test_numbers_of_labels_have_no_line_of_names_above_that_would_be_empty(capsys):
    print_scores({"cats_auc_per_type": {"bad": 0.5, "good": 1.0}}, title="Results")
    lines = capsys.readouterr().out.splitlines()
    after = lines[next(i for i, line in enumerate(lines) if "AUC" in line) + 1 :]
    assert [line.split() for line in after if line] == [
        ["bad", "50.00"],
        ["good", "100.00"],
    ]


def test_tokens_without_spaces_have_no_scores_to_print(capsys):
    scores = {"token_acc": None, "token_f": None, "tag_acc": None, "pos_acc": 0.5}
    print_scores(scores, title="Results")
    printed = capsys.readouterr().out
    assert "TOK" not in printed
    assert re.search(r"TAG +-", printed)
