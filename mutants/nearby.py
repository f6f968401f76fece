"""The files that are changed, and the tests that are near each of them."""

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
        "test_hot_user",
    ),
    "sources": (
        *("test_offsets", "test_connector", "test_kinesis", "test_shard", "test_read_ahead", "test_real_stream"),
        "test_plan",
    ),
    "events/values": (
        *("values/test_ids", "values/test_times", "values/test_money", "values/test_labels", "values/test_items"),
        *("values/test_traffic", "values/test_robots", "test_cases", "test_reading", "test_parsing", "test_plain"),
    ),
    "events/framing": (
        *("framing/test_kpl", "framing/test_encodings", "framing/test_envelopes", "framing/test_joined_objects"),
        *("test_reading", "test_cases", "framing/test_properties", "framing/test_hostile_records", "test_parsing"),
    ),
    "events/mapping": (
        *("mapping/test_loading", "mapping/test_expressions", "mapping/test_page", "mapping/test_built_in"),
    ),
    "events": (
        *("test_cases", "test_reading", "test_hostile_text", "test_parsing", "test_plain", "mapping/test_built_in"),
        "test_large_records",
    ),
    "join": ("test_attribution",),
}  # fmt: skip
# Tests elsewhere that state what a module promises. They come last.
ALSO = {"events/json_schema.py": ("tests/docs/test_schemas.py",)}


def files(project: Path) -> list[str]:
    """Returns the paths of the modules that are changed, relative to the project's folder."""
    modules = (path for package in PACKAGES for path in sorted((project / JOB / package).rglob("*.py")))
    return [path.relative_to(project).as_posix() for path in modules]


def tests_of(file: str) -> list[str]:
    """Returns the paths of the tests that are near a module, in the order in which to run them."""
    module = file.removeprefix(f"{JOB}/")
    folder = str(Path(module).parent)
    namesake = f"test_{Path(module).stem}"
    near = sorted(NEAR[folder], key=lambda name: Path(name).name != namesake)
    package = Path(module).parts[0]
    return [f"{TESTS}/{package}/{name}.py" for name in near] + list(ALSO.get(module, ()))
