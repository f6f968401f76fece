"""The tests that are near each module."""

import pytest

from local.folder import PROJECT
from mutants import nearby

FILES = nearby.files(PROJECT)


@pytest.mark.parametrize("file", FILES)
def test_every_module_has_tests_that_exist(file: str) -> None:
    tests = nearby.tests_of(file)
    assert tests
    assert all((PROJECT / test).is_file() for test in tests)
    assert set(tests) <= set(nearby.all_tests_of(file))


def test_every_test_of_the_packages_is_near_a_module() -> None:
    near = {test for file in FILES for test in nearby.tests_of(file)}
    paths = (path for package in nearby.PACKAGES for path in (PROJECT / nearby.TESTS / package).rglob("test_*.py"))
    assert {path.relative_to(PROJECT).as_posix() for path in paths} <= near


def test_a_test_with_the_modules_name_runs_first() -> None:
    assert nearby.tests_of(f"{nearby.JOB}/sink/clicks.py")[0] == f"{nearby.TESTS}/sink/test_clicks.py"
