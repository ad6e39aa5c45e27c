import pyarrow as pa
import pytest

from spacy_rnn.distributed import Annotator
from spacy_rnn.distributed.ray_engine import Actors, check_address, check_room

TABLE = pa.table({"id": [0], "text": ["Ada likes soup."]})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_an_actor_that_dies_is_replaced_and_the_other_goes_on(pipeline, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    model, code = pipeline
    annotator = Annotator(model, code=code)
    engine = Actors(annotator, 2)
    try:
        engine.submit(0, pa.table({"id": [0], "text": ["Please die."]}))
        engine.submit(1, TABLE)
        found = dict([engine.wait(), engine.wait()])
        assert found[0] is None
        assert found[1].equals(annotator(TABLE))
        engine.submit(0, TABLE)
        assert engine.wait()[1].equals(annotator(TABLE))
    finally:
        engine.close()


@pytest.mark.parametrize("address", ["somewhere", "10.0.0.1", "10.0.0.1:port"])
def test_an_address_that_is_none_is_said_to_be_that(address):
    with pytest.raises(ValueError, match=f"RAY_ADDRESS={address}: expected"):
        check_address(address)


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_listens_is_named_without_a_wait(scheme):
    with pytest.raises(OSError, match=f"RAY_ADDRESS={scheme}127.0.0.1:1: no cluster"):
        check_address(f"{scheme}127.0.0.1:1")


def test_more_workers_than_there_is_room_for_are_refused():
    class Ray:
        @staticmethod
        def cluster_resources():
            return {"CPU": 4.0}

    check_room(Ray, 4, 0.0)
    with pytest.raises(ValueError, match="5 workers need 5 CPUs, but Ray has 4"):
        check_room(Ray, 5, 0.0)
    with pytest.raises(ValueError, match="4 workers need 2 GPUs, but Ray has 0"):
        check_room(Ray, 4, 0.5)
