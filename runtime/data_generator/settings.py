"""Settings of a simulation, read from the environment and the payload, and validated."""

import reprlib
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# Kinesis' rule for stream names.
StreamName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,128}$")]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

# The rules of data quality that a producer can break. `incidents` has what happens.
IncidentName = Literal[
    "clicks_without_session", "clicks_without_page", "clicks_without_device", "clicks_without_source", "clicks_missing",
    "checkouts_missing", "checkouts_without_items", "refused_events", "unknown_fields", "robot_clicks",
    "free_checkouts", "repaired_events", "repeated_events", "conflicting_events", "late_events", "clock_corrections",
    "orphan_refunds", "totals_unlike_items",
]  # fmt: skip


class SettingsError(ValueError):
    """A setting is missing, unknown or out of range. The message has the setting, its value and the accepted values."""


class Settings(BaseModel):
    """Settings of one invocation. Each is read from the environment variable with its name in capitals.

    Attributes:
        clicks: clicks per invocation.
        users: size of the shop's population.
        period_seconds: length of the simulated period, which ends at the invocation's time.
        seed: determines the population and its behaviour.
        malformed_share: share of the events that consumers must refuse.
        late_share: share of the well-formed events with an event time behind the watermark.
        variety: how often events are corrected, repeated, written in other ways than the plain one, sent by robots,
            or packed with others into one record, as a multiple of what shops see. 0 gives plain events only, one a
            record.
        incident: something that goes wrong at the shop and breaches the quality rule of this name; none by default.
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
    variety: float = Field(default=1.0, ge=0, le=10, allow_inf_nan=False)
    incident: IncidentName | None = None

    @classmethod
    def load(cls, environ: Mapping[str, str], overrides: Mapping[str, object]) -> Self:
        """Returns the settings of the environment with the invocation's overrides.

        Overrides are JSON values: a string is not accepted as a number. Stream names cannot be overridden.

        Raises:
            SettingsError: a setting is missing, unknown or out of range.
        """
        if unknown := sorted(overrides.keys() - OVERRIDABLE):
            unknown_settings = ", ".join(f"{name} = {reprlib.repr(overrides[name])}" for name in unknown)
            raise SettingsError(f"payload {unknown_settings}: a payload may only set {', '.join(sorted(OVERRIDABLE))}")
        environment_values = {name: environ[name.upper()] for name in cls.model_fields if name.upper() in environ}
        try:
            settings = cls.model_validate_strings(environment_values)
        except ValidationError as error:
            raise SettingsError("; ".join(_problems(error, "environment variable", str.upper))) from None
        try:
            return cls.model_validate(settings.model_dump() | dict(overrides), strict=True)
        except ValidationError as error:
            raise SettingsError("; ".join(_problems(error, "payload", str.lower))) from None


OVERRIDABLE = Settings.model_fields.keys() - {"clicks_stream", "checkouts_stream"}


def _problems(error: ValidationError, source: str, spell_name: Callable[[str], str]) -> Iterator[str]:
    """Yields a message per problem, with the setting as the operator wrote it instead of pydantic's model and URL."""
    for problem in error.errors():
        name = spell_name(str(problem["loc"][0]))
        value = "" if problem["type"] == "missing" else f" = {reprlib.repr(problem['input'])}"
        yield f"{source} {name}{value}: {problem['msg']}"
