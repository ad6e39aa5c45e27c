"""Translations are scored as sacrebleu's own command scores them."""

import gc
import subprocess
import sys

import pytest
import sacrebleu

from spacy_rnn.metrics.bleu import make_metrics, translation_scores

CANDIDATES = [
    "Der Hund, der im Garten schläft, ist alt.",
    "sie hat das Buch nicht gelesen .",
    "Wir fahren morgen nach Hause",
    "",
]
REFERENCES = [
    ["Der Hund, der im Garten schläft, ist sehr alt.", "Der Hund im Garten ist alt."],
    ["Sie hat das Buch nicht gelesen.", "Das Buch hat sie nicht gelesen."],
    ["Wir fahren morgen nach Hause", "Morgen fahren wir nach Hause."],
    ["Gut.", "Na gut."],
]


def test_scores_are_those_of_the_command_of_sacrebleu(tmp_path):
    (tmp_path / "out").write_text("\n".join(CANDIDATES) + "\n", encoding="utf-8")
    for number, lines in enumerate(zip(*REFERENCES, strict=True)):
        path = tmp_path / f"ref{number}"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", "ref0", "ref1", "-i", "out"]
    command += ["-m", "bleu", "chrf", "-b", "-w", "6", "--force"]
    shown = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    expected = [float(number) for number in shown.strip("[] \n").split(",")]
    found = translation_scores(CANDIDATES, REFERENCES)
    assert [100 * found["bleu"], 100 * found["chrf"]] == pytest.approx(expected)
    assert 0.0 < found["bleu"] < found["chrf"] < 1.0


def test_a_reference_that_some_texts_lack_counts_for_the_others():
    some = [REFERENCES[0], REFERENCES[1][:1], *REFERENCES[2:]]
    found = translation_scores(CANDIDATES, some)
    texts = [each[0] for each in REFERENCES]
    assert translation_scores(CANDIDATES, texts) == translation_scores(
        CANDIDATES, [[text] for text in texts]
    )
    twice = [each if len(each) == 2 else each * 2 for each in some]
    assert found == translation_scores(CANDIDATES, twice)
    first = translation_scores(CANDIDATES, [each[:1] for each in REFERENCES])
    expected = sacrebleu.corpus_bleu(CANDIDATES, [[each[0] for each in REFERENCES]])
    assert 100 * first["bleu"] == pytest.approx(expected.score)
    assert first["bleu"] < found["bleu"]


def test_a_text_is_exact_if_it_is_any_of_its_references():
    candidates = ["Ja.", "ja.", " Na  gut.\n", "Nein"]
    references = [["Nein.", "Ja."], ["Ja."], ["Na gut."], ["Nein."]]
    assert translation_scores(candidates, references)["exact_match"] == 2 / 4


def test_texts_that_are_their_references_have_the_best_scores():
    texts = [each[0] for each in REFERENCES]
    found = translation_scores(texts, REFERENCES)
    assert found == pytest.approx({"bleu": 1.0, "chrf": 1.0, "exact_match": 1.0})


def test_case_counts():
    lower = translation_scores(["the old dog sleeps now"], [["The Old Dog Sleeps Now"]])
    assert lower["bleu"] == 0.0


@pytest.mark.parametrize(
    ("candidates", "references"), [([], []), (["a"], [[]]), (["a", "b"], [["a"], []])]
)
def test_what_has_no_reference_is_refused(candidates, references):
    with pytest.raises(ValueError, match="a reference for each"):
        translation_scores(candidates, references)


@pytest.mark.parametrize(("text", "reference"), [(3, "a"), ("a", None)])
def test_what_is_no_text_is_refused(text, reference):
    with pytest.raises(TypeError, match="BLEU compares texts, but one is"):
        translation_scores([text], [[reference]])


def test_without_sacrebleu_the_extra_is_named(monkeypatch):
    make_metrics.cache_clear()
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(ImportError, match=r"pip install 'spacy-rnn\[seq2seq\]'"):
        translation_scores(["a"], [["a"]])


def test_scoring_again_keeps_no_texts_twice():
    def count():
        return sum("Tokenizer" in type(each).__name__ for each in gc.get_objects())

    translation_scores(CANDIDATES, REFERENCES)
    before = count()
    for _ in range(3):
        translation_scores(CANDIDATES, REFERENCES)
    assert count() == before


def test_sacrebleu_is_imported_when_it_is_used():
    code = "import sys, spacy_rnn.scorers; print('sacrebleu' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


def test_a_text_in_place_of_texts_is_refused():
    for candidates, references in (("ab", [["a"], ["b"]]), (["a", "b"], "ab")):
        with pytest.raises(TypeError, match="lists of texts"):
            translation_scores(candidates, references)
    with pytest.raises(ValueError, match="with a reference for each"):
        translation_scores(["a", "b"], ["a"])
