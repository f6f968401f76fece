import pytest

from runtime.attribution_job.arguments import JobArguments, parse_arguments
from runtime.attribution_job.events.mapping import built_in_names

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


def test_the_arguments_that_glue_adds_are_ignored() -> None:
    packages = ["--additional-python-modules", "s3://b/p.zip", "--python-modules-installer-option", "--no-index"]
    assert parse_arguments(["--JOB_NAME", "j", *packages, *REQUIRED, "--enable-metrics", "true"]) == JobArguments(
        clicks_stream="c",
        checkouts_stream="k",
        region="eu-west-1",
        kinesis_reader="driver",
        attribution_join="spark",
        checkpoint="s3://b/p",
        database_secret=None,
        trigger_interval="1 second",
        records_per_batch=20_000,
        shuffle_partitions=2,
        writers=1,
        event_mapping=None,
    )


CONF = "spark.hadoop.fs.s3a.endpoint.region=eu-west-1 --conf spark.hadoop.fs.AbstractFileSystem.s3.impl=S3A"


@pytest.mark.parametrize("words", [["--conf", CONF], ["--conf", *CONF.split()]], ids=["one value", "split at spaces"])
def test_spark_settings_are_ignored(words: list[str]) -> None:
    assert parse_arguments([*words, *REQUIRED]) == parse_arguments(REQUIRED)


@pytest.mark.parametrize("name", ["clicks_stream", "checkouts_stream", "region", "checkpoint"])
def test_a_missing_argument_is_named(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    position = REQUIRED.index(f"--{name}")
    with pytest.raises(SystemExit):
        parse_arguments(REQUIRED[:position] + REQUIRED[position + 2 :])
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("name", ["records_per_batch", "shuffle_partitions", "writers"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_a_count_below_one_is_refused(name: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments([*REQUIRED, f"--{name}", value])
    assert f"--{name}" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "value"), [("attribution_join", "postgres"), ("kinesis_reader", "connector")])
def test_an_unknown_choice_is_refused_with_its_name(name: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert getattr(parse_arguments([*REQUIRED, f"--{name}", value]), name) == value
    with pytest.raises(SystemExit):
        parse_arguments([*REQUIRED, f"--{name}", "flink"])
    assert f"--{name}" in capsys.readouterr().err


def test_foreign_events_need_the_join_in_postgresql(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*REQUIRED, "--event_mapping", "segment"]
    assert parse_arguments([*arguments, "--attribution_join", "postgres"]).event_mapping == "segment"
    for join in ([], ["--attribution_join", "spark"]):
        with pytest.raises(SystemExit):
            parse_arguments([*arguments, *join])
        assert "event_mapping needs attribution_join postgres" in capsys.readouterr().err


def test_the_help_names_every_mapping(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--help"])
    assert f"({', '.join(built_in_names())})" in " ".join(capsys.readouterr().out.split())


def test_the_connector_has_a_trigger_that_matches_its_batches() -> None:
    arguments = [*REQUIRED, "--trigger_interval", "200 milliseconds"]
    assert parse_arguments(arguments).trigger == "200 milliseconds"
    assert parse_arguments([*arguments, "--kinesis_reader", "connector"]).trigger == "10 seconds"
