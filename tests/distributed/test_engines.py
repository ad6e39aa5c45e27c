import os
import signal

import pyarrow as pa
import pytest

from spacy_rnn.distributed.engines import Processes
from tests.distributed.pipelines import Obedient


@pytest.fixture
def engine():
    engine = Processes(Obedient(), 2)
    yield engine
    engine.close()
    assert not any(process.is_alive() for process in engine.processes)


def table(text):
    return pa.table({"id": [0], "text": [text]})


def test_a_worker_that_dies_is_noticed_and_replaced_and_the_other_goes_on(engine):
    engine.submit(0, table("Please die."))
    engine.submit(1, table("Ada."))
    assert dict([engine.wait(), engine.wait()]) == {0: None, 1: table("Ada.")}
    os.kill(engine.processes[1].pid, signal.SIGKILL)  # while it has nothing to do
    engine.processes[1].join()
    engine.submit(0, table("Bob."))
    engine.submit(1, table("Ada."))
    assert dict([engine.wait(), engine.wait()]) == {0: table("Bob."), 1: None}
    engine.submit(0, table("Please fail."))
    with pytest.raises(RuntimeError, match="OSError: as you say"):
        engine.wait()
