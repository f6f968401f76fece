import sys
from types import ModuleType

import pytest
from pyspark import SparkContext
from pyspark.sql import SparkSession

from runtime.attribution_job.session import (
    UNUSED_HADOOP_SETTINGS,
    create_session,
    drop_unused_hadoop_settings,
    streaming_settings,
)


class GlueContext:
    """A fake of Glue's class: it has a session of its own, as the real one has."""

    created: list["GlueContext"] = []  # noqa: RUF012 - the test replaces it

    def __init__(self, spark_context: SparkContext) -> None:
        self.spark_context = spark_context
        self.spark_session = SparkSession.active().newSession()
        GlueContext.created.append(self)


@pytest.fixture
def awsglue(monkeypatch: pytest.MonkeyPatch) -> list[GlueContext]:
    """Makes `awsglue` importable, as on Glue; the contexts that the job creates."""
    context = ModuleType("awsglue.context")
    context.GlueContext = GlueContext  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "awsglue", ModuleType("awsglue"))
    monkeypatch.setitem(sys.modules, "awsglue.context", context)
    monkeypatch.setattr(GlueContext, "created", [])
    return GlueContext.created


def test_on_glue_the_job_runs_in_the_session_of_a_glue_context(spark: SparkSession, awsglue: list[GlueContext]) -> None:
    session = create_session(3)
    (context,) = awsglue
    assert context.spark_context is spark.sparkContext
    assert session is context.spark_session
    settings = streaming_settings(spark.version, 3)
    assert {name: session.conf.get(name) for name in settings} == settings


def test_elsewhere_the_job_runs_in_a_plain_session(spark: SparkSession) -> None:
    assert create_session() is spark


def test_hadoop_s_configuration_loses_the_unused_settings_and_keeps_those_of_file_systems(spark: SparkSession) -> None:
    configuration = spark.sparkContext._jsc.hadoopConfiguration()
    configuration.set("yarn.test", "1")
    drop_unused_hadoop_settings(spark)
    assert [configuration.getPropsWithPrefix(prefix).size() for prefix in UNUSED_HADOOP_SETTINGS] == [0, 0]
    assert configuration.get("fs.defaultFS")
