"""Templates name secrets but contain none, because many people may read them."""

import re
from collections.abc import Iterator
from typing import Any

from tests.stacks.conftest import Environment
from tests.stacks.policies import Account

# Properties that configure passwords and contain none.
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


def test_no_template_contains_a_password(environment: Environment) -> None:
    for stack, logical_id, resource in environment.all_resources():
        for path, value in leaves(resource.get("Properties", {})):
            place = f"{stack}/{logical_id}/{'/'.join(path)}"
            is_secret = re.search("password|secretstring$", path[-1], re.IGNORECASE) if path else None
            assert is_secret is None or path[-1] in HARMLESS, place
            # A password in a URL, or a dynamic reference that CloudFormation would replace by the secret.
            assert not re.search(r"://[^/\s]*:[^/\s]*@|\{\{resolve:", str(value)), place


def test_no_template_has_a_password_parameter(environment: Environment) -> None:
    for template in environment.templates.values():
        assert [name for name in template.to_json().get("Parameters", {}) if name != "BootstrapVersion"] == []


def test_secrets_manager_adds_the_password_to_each_login(environment: Environment) -> None:
    account = Account(environment)
    for secret in environment.resources("Database", "AWS::SecretsManager::Secret").values():
        generated = secret["Properties"]["GenerateSecretString"]
        assert generated["GenerateStringKey"] == "password"
        assert "password" not in account.resolve("Database", generated["SecretStringTemplate"])


def test_the_job_and_the_functions_receive_only_names_of_secrets(environment: Environment) -> None:
    account = Account(environment)
    settings = account.property("Processing", "AWS::Glue::Job", "DefaultArguments")
    for stack in ("Streams", "Database", "Processing", "Analytics"):
        settings |= account.property(stack, "AWS::Lambda::Function", "Environment", "Variables")
    secrets = {
        name: value for name, value in settings.items() if re.search("secret|password|login", name, re.IGNORECASE)
    }
    assert secrets.keys() == {"--database_secret", "OWNER_SECRET", "LOGIN_SECRETS", "DATABASE_SECRET"}
    del secrets["OWNER_SECRET"]
    for value in secrets.values():
        assert all(name.startswith("arn:aws:secretsmanager:") for name in value.split(","))
