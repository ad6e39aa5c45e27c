from pathlib import Path

import pytest
import spacy
import srsly

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.usefixtures("every_special_case")
def test_a_model_that_was_saved_by_the_first_version_gives_its_scores():
    nlp = spacy.load(GOLDEN / "model", exclude=["tokenizer"])
    for text, scores in srsly.read_json(GOLDEN / "scores.json").items():
        assert nlp(text).cats == pytest.approx(scores, abs=1e-5)
