import pytest

from runtime.data_generator.settings import Settings, SettingsError

STREAMS = {"CLICKS_STREAM": "shop-clicks", "CHECKOUTS_STREAM": "shop-checkouts"}


def test_every_setting_but_the_stream_names_has_a_default() -> None:
    settings = Settings.load(STREAMS, {})
    assert settings.model_dump() == {
        "clicks_stream": "shop-clicks",
        "checkouts_stream": "shop-checkouts",
        "clicks": 1500,
        "users": 5000,
        "period_seconds": 300,
        "seed": 0,
        "malformed_share": 0.002,
        "late_share": 0.01,
        "variety": 1,
        "incident": None,
    }


def test_the_payload_overrides_the_environment_which_overrides_the_defaults() -> None:
    settings = Settings.load(STREAMS | {"CLICKS": "10", "USERS": "20", "LATE_SHARE": "0.5"}, {"clicks": 11})
    assert (settings.clicks, settings.users, settings.late_share) == (11, 20, 0.5)


def test_unrelated_environment_variables_are_ignored() -> None:
    assert Settings.load(STREAMS | {"PATH": "/bin", "clicks": "7"}, {}).clicks == 1500


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("CLICKS", "many", "valid integer"),
        ("CLICKS", "-1", "greater than or equal to 0"),
        ("CLICKS", "", "valid integer"),
        ("CLICKS", "1000001", "less than or equal to 1000000"),
        ("USERS", "0", "greater than or equal to 1"),
        ("PERIOD_SECONDS", "1.5", "valid integer"),
        ("SEED", "-1", "greater than or equal to 0"),
        ("MALFORMED_SHARE", "nan", "finite number"),
        ("LATE_SHARE", "1.1", "less than or equal to 1"),
        ("VARIETY", "-1", "greater than or equal to 0"),
        ("CLICKS_STREAM", "no spaces", "match pattern"),
    ],
)
def test_a_bad_environment_variable_is_refused_with_value_and_accepted_values(
    name: str, value: str, accepted: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.load(STREAMS | {name: value}, {})
    message = str(refusal.value)
    assert f"environment variable {name} = {value!r}" in message
    assert accepted in message


def test_a_missing_stream_name_is_reported_with_its_environment_variable() -> None:
    with pytest.raises(SettingsError, match="environment variable CHECKOUTS_STREAM: Field required"):
        Settings.load({"CLICKS_STREAM": "shop-clicks"}, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("clicks", -1),
        ("clicks", "5000"),
        ("clicks", True),
        ("clicks", 1.5),
        ("clicks", None),
        ("users", 0),
        ("period_seconds", 10**9),
        ("seed", 2**63),
        ("malformed_share", 2),
        ("late_share", float("nan")),
        ("late_share", [0.1]),
        ("variety", 11),
        ("incident", "earthquake"),
    ],
)
def test_a_bad_override_is_refused_with_name_and_value(name: str, value: object) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.load(STREAMS, {name: value})
    assert f"payload {name} = {value!r}: " in str(refusal.value)


@pytest.mark.parametrize("name", ["clickz", "CLICKS", "clicks_stream", "checkouts_stream"])
def test_an_unknown_or_stream_override_is_refused_with_the_allowed_settings(name: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.load(STREAMS, {name: "x"})
    message = str(refusal.value)
    assert f"{name} = 'x'" in message
    assert "clicks, incident, late_share, malformed_share, period_seconds, seed, users, variety" in message


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(SettingsError, match=r"payload clicks = -1: .*; payload users = 0: "):
        Settings.load(STREAMS, {"clicks": -1, "users": 0})
