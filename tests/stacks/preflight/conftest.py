"""Fixtures of the preflight tests: the plans of both environments, and an account whose answers a test sets."""

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from stacks.config import DEV, PROD
from stacks.preflight.account import Account
from stacks.preflight.plan import Plan, plan

REGION = "eu-west-1"
# One session for all tests, because each session reads the models of the services again.
SESSION: Any = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name=REGION)


class ScriptedAws:
    """boto3 clients that answer the calls that a test announces, in this order, and refuse any other call."""

    def __init__(self) -> None:
        self._stubs: dict[str, Stubber] = {}
        self.account = Account(lambda service, _region=REGION: self._stub(service).client, REGION)

    def answer(self, service: str, operation: str, response: dict[str, Any], request: Any = None) -> None:
        self._stub(service).add_response(operation, response, request)

    def refuse(self, service: str, operation: str, code: str, message: str = "no") -> None:
        self._stub(service).add_client_error(operation, code, message)

    def check_all_calls_were_made(self) -> None:
        for stub in self._stubs.values():
            stub.assert_no_pending_responses()

    def _stub(self, service: str) -> Stubber:
        if service not in self._stubs:
            self._stubs[service] = Stubber(SESSION.client(service))
            self._stubs[service].activate()
        return self._stubs[service]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedAws]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    scripted = ScriptedAws()
    yield scripted
    scripted.check_all_calls_were_made()


@pytest.fixture
def account(emulator: str) -> Account:
    """The emulator's account."""
    return Account(partial(emulator_client, emulator), "us-east-1", has_own_endpoint=True)


@cache
def emulator_client(url: str, service: str) -> Any:
    return SESSION.client(service, endpoint_url=url, region_name="us-east-1")


@pytest.fixture(scope="session")
def dev_plan() -> Plan:
    return plan([DEV], REGION)


@pytest.fixture(scope="session")
def prod_plan() -> Plan:
    return plan([PROD], REGION)
