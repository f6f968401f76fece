"""What shapes a simulation, where it comes from, and how a bad value is refused."""

import reprlib
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# Kinesis' own rule for a stream's name.
StreamName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class SettingsError(ValueError):
    """A setting is missing, unknown or out of range: the message names it, its value and what is accepted."""


class Settings(BaseModel):
    """Settings of one invocation. Each is read from the environment variable of its name in capitals.

    clicks: click records of one invocation. users: population of the shop. period_seconds: the time that one
    invocation covers, ending at its own. seed: another seed, another population and another behaviour.
    malformed_share: of all records, those that no consumer can accept. late_share: of the others, those whose
    event time lies behind the watermark.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clicks_stream: StreamName
    checkouts_stream: StreamName
    clicks: int = Field(default=1500, ge=0, le=1_000_000)
    users: int = Field(default=5000, ge=1, le=1_000_000)
    period_seconds: int = Field(default=300, ge=1, le=86_400)
    seed: int = Field(default=0, ge=0, lt=2**63)
    malformed_share: Share = 0.002
    late_share: Share = 0.01

    @classmethod
    def load(cls, environ: Mapping[str, str], overrides: Mapping[str, object]) -> Self:
        """Read the environment, then let the invocation override everything but the streams' names.

        Overrides are JSON values: a number must be a number, not a string that looks like one.
        Raises SettingsError.
        """
        if unknown := sorted(overrides.keys() - OVERRIDABLE):
            refused = ", ".join(f"{name} = {reprlib.repr(overrides[name])}" for name in unknown)
            raise SettingsError(f"payload {refused}: a payload may only set {', '.join(sorted(OVERRIDABLE))}")
        deployed = {name: environ[name.upper()] for name in cls.model_fields if name.upper() in environ}
        try:
            settings = cls.model_validate_strings(deployed)
        except ValidationError as error:
            raise SettingsError("; ".join(_refusals(error, "environment variable", str.upper))) from None
        try:
            return cls.model_validate(settings.model_dump() | dict(overrides), strict=True)
        except ValidationError as error:
            raise SettingsError("; ".join(_refusals(error, "payload", str.lower))) from None


OVERRIDABLE = Settings.model_fields.keys() - {"clicks_stream", "checkouts_stream"}


def _refusals(error: ValidationError, source: str, spell: Callable[[str], str]) -> Iterator[str]:
    """Say each problem in terms of what the operator typed; pydantic would name the model and a URL."""
    for problem in error.errors():
        name = spell(str(problem["loc"][0]))
        value = "" if problem["type"] == "missing" else f" = {reprlib.repr(problem['input'])}"
        yield f"{source} {name}{value}: {problem['msg']}"
