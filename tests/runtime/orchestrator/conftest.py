from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from runtime.orchestrator import handler as module
from tests.runtime.orchestrator.scripted_glue import JOB


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("JOB_NAME", JOB)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    module.glue.cache_clear()
    yield
    module.glue.cache_clear()


@pytest.fixture
def stub() -> Iterator[Stubber]:
    """Yields a stub of Glue. The calls must be exactly the expected ones, in their order."""
    with Stubber(module.glue()) as stub:
        yield stub
        stub.assert_no_pending_responses()
