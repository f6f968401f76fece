"""A template, which many may read, names secrets and has none."""

import re
from collections.abc import Iterator
from typing import Any

from tests.stacks.conftest import Environment
from tests.stacks.policies import Account

# Settings about passwords.
HARMLESS = {"ManageMasterUserPassword", "PasswordLength"}


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path, value


def test_no_template_has_a_password(environment: Environment) -> None:
    for stack, logical_id, resource in environment.everything():
        for path, value in leaves(resource.get("Properties", {})):
            place = f"{stack}/{logical_id}/{'/'.join(path)}"
            named = re.search("password|secretstring$", path[-1], re.IGNORECASE) if path else None
            assert named is None or path[-1] in HARMLESS, place
            # A password within a URL, and a secret that CloudFormation would put in its own place.
            assert not re.search(r"://[^/\s]*:[^/\s]*@|\{\{resolve:", str(value)), place


def test_no_template_asks_for_a_password(environment: Environment) -> None:
    for template in environment.templates.values():
        assert [name for name in template.to_json().get("Parameters", {}) if name != "BootstrapVersion"] == []


def test_a_login_without_its_password_is_what_secrets_manager_completes(environment: Environment) -> None:
    account = Account(environment)
    for secret in environment.resources("Database", "AWS::SecretsManager::Secret").values():
        generated = secret["Properties"]["GenerateSecretString"]
        assert generated["GenerateStringKey"] == "password"
        assert "password" not in account.resolve("Database", generated["SecretStringTemplate"])


def test_the_job_and_the_functions_are_given_the_names_of_secrets(environment: Environment) -> None:
    account = Account(environment)
    given = account.property("Processing", "AWS::Glue::Job", "DefaultArguments")
    for stack in ("Streams", "Database", "Processing"):
        given |= account.property(stack, "AWS::Lambda::Function", "Environment", "Variables")
    about = {name: value for name, value in given.items() if re.search("secret|password|login", name, re.IGNORECASE)}
    assert about.keys() == {"--database_secret", "OWNER_SECRET", "LOGIN_SECRETS"}
    del about["OWNER_SECRET"]
    for value in about.values():
        assert all(name.startswith("arn:aws:secretsmanager:") for name in value.split(","))
