import pytest

from tests.distributed.pipelines import make_pipeline

pytest.importorskip("pyarrow")


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    """Return the paths of a pipeline and of the code that it needs."""
    return make_pipeline(tmp_path_factory.mktemp("pipeline"))
