"""What is the user's to mend is said in lines."""

import pytest
import typer

from spacy_rnn.cli.messages import one_message


def test_each_line_of_an_error_begins_anew(capsys):
    error = ValueError("What differs:\n- one\n- other")
    error.add_note("and a note")
    with pytest.raises(typer.Exit), one_message("Can't do it"):
        raise error
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:] == ["What differs:", "- one", "- other", "and a note"]
