import pytest

from runtime.attribution_job.arguments import JobArguments, parse_arguments

REQUIRED = [
    "--clicks_stream",
    "c",
    "--checkouts_stream",
    "k",
    "--region",
    "eu-west-1",
    "--checkpoint",
    "s3://b/p",
]


def test_glue_s_own_arguments_are_left_alone() -> None:
    assert parse_arguments(["--JOB_NAME", "j", *REQUIRED, "--enable-metrics", "true"]) == JobArguments(
        clicks_stream="c",
        checkouts_stream="k",
        region="eu-west-1",
        attribution_join="spark",
        checkpoint="s3://b/p",
        database_secret=None,
        trigger_interval="1 second",
        records_per_batch=20_000,
    )


@pytest.mark.parametrize("name", ["clicks_stream", "checkouts_stream", "region", "checkpoint"])
def test_a_missing_argument_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    position = REQUIRED.index(f"--{name}")
    with pytest.raises(SystemExit):
        parse_arguments(REQUIRED[:position] + REQUIRED[position + 2 :])
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_batch_has_at_least_one_record(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments([*REQUIRED, "--records_per_batch", value])
    assert "--records_per_batch" in capsys.readouterr().err


def test_where_the_join_runs_is_one_of_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse_arguments([*REQUIRED, "--attribution_join", "postgres"]).attribution_join == "postgres"
    with pytest.raises(SystemExit):
        parse_arguments([*REQUIRED, "--attribution_join", "flink"])
    assert "--attribution_join" in capsys.readouterr().err
