"""The files that are changed, and the tests that are near each of them."""

from collections.abc import Iterable
from pathlib import Path

JOB = "runtime/attribution_job"
TESTS = f"tests/{JOB}"
PACKAGES = ("sink", "sources", "events", "join")
# The tests of each folder, fast ones first. Those named like a module come before, when the module changes.
NEAR = {
    "sink": (
        *("test_ending", "test_cut", "test_robots", "test_copying", "test_postgres", "test_clicks", "test_credits"),
        *("test_transaction", "test_corrections", "test_sessions", "test_unknown_fields", "test_time", "test_history"),
        *("test_conflicts", "test_slices", "test_fence", "test_deliveries", "test_corrected_deliveries"),
        *("test_days", "test_hot_user"),
    ),
    "sources": (
        *("test_offsets", "test_connector", "test_kinesis", "test_data_source", "test_shard", "test_read_ahead"),
        *("test_real_stream", "test_plan"),
    ),
    "events/values": (
        *("values/test_ids", "values/test_times", "values/test_money", "values/test_labels", "values/test_items"),
        *("values/test_traffic", "values/test_robots", "test_cases", "test_reading", "test_plain"),
    ),
    "events/framing": (
        *("framing/test_kpl", "framing/test_encodings", "framing/test_envelopes", "framing/test_joined_objects"),
        *("test_reading", "test_cases", "framing/test_properties", "framing/test_hostile_records"),
    ),
    "events/mapping": (
        *("mapping/test_loading", "mapping/test_expressions", "mapping/test_page", "mapping/test_built_in"),
    ),
    "events": (
        *("test_cases", "test_reading", "test_hostile_text", "test_parsing", "test_plain", "test_plain_items"),
        *("mapping/test_built_in", "test_pages", "test_large_records"),
    ),
    "join": ("test_attribution", "test_events", "test_state"),
}  # fmt: skip
# The tests of some modules, fast ones first. Those that write and compare whole databases would take minutes for each.
NEAREST = {
    **dict.fromkeys(
        ("sink/statements.py", "sink/transaction.py", "sink/recording.py", "sink/received.py", "sink/batch.py"),
        (
            *("test_transaction", "test_unknown_fields", "test_sessions", "test_credits", "test_corrections"),
            *("test_postgres", "test_history", "test_slices"),
        ),
    ),
    "sink/clicks.py": ("test_clicks", "test_transaction", "test_credits", "test_robots", "test_time", "test_conflicts"),
    "sink/copying.py": ("test_copying", "test_transaction", "test_corrections"),
    "sink/days.py": ("test_days", "test_cut", "test_clicks"),
    "sink/correction_statements.py": ("test_corrections", "test_conflicts", "test_corrected_deliveries"),
    "sink/credit_statements.py": (
        *("test_credits", "test_robots", "test_corrections", "test_time", "test_history", "test_hot_user"),
        "test_deliveries",
    ),
    "sink/ending.py": ("test_ending", "test_slices"),
    "sink/fence.py": ("test_fence", "test_sessions"),
    "sink/history.py": ("test_history", "test_time", "test_credits", "test_deliveries"),
    "sink/postgres.py": ("test_postgres", "test_transaction", "test_sessions", "test_fence"),
    "sink/slices.py": ("test_cut", "test_slices", "test_corrections"),
}
# Tests elsewhere that state what a module promises. They come last.
ALSO = {
    "events/json_schema.py": ("tests/docs/test_schemas.py",),
    "sources/streams.py": (f"{TESTS}/test_mapped_streams.py",),
}


def files(project: Path) -> list[str]:
    """Returns the paths of the modules that are changed, relative to the project's folder."""
    modules = (path for package in PACKAGES for path in sorted((project / JOB / package).rglob("*.py")))
    return [path.relative_to(project).as_posix() for path in modules]


def tests_of(file: str) -> list[str]:
    """Returns the paths of the tests that are near a module, in the order in which to run them."""
    module = file.removeprefix(f"{JOB}/")
    names = NEAREST.get(module, NEAR[str(Path(module).parent)])
    namesake = f"test_{Path(module).stem}"
    return _paths(module, sorted(names, key=lambda name: Path(name).name != namesake))


def all_tests_of(file: str) -> list[str]:
    """Returns the paths of the tests of a module's folder, which include those that are near it."""
    module = file.removeprefix(f"{JOB}/")
    return _paths(module, NEAR[str(Path(module).parent)])


def _paths(module: str, names: Iterable[str]) -> list[str]:
    package = Path(module).parts[0]
    return [f"{TESTS}/{package}/{name}.py" for name in names] + list(ALSO.get(module, ()))
