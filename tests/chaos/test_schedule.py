import json
import subprocess
import sys
from collections import Counter
from typing import get_args

from chaos.__main__ import FIRST_SEED, SEEDS
from chaos.faults import INJECTIONS
from chaos.report import catalogue
from chaos.schedule import FAULTS, WRITERS, draw
from local.folder import PROJECT
from runtime.attribution_job.join.rule import Join

DEFAULT = range(FIRST_SEED, FIRST_SEED + SEEDS)


def test_a_seed_has_the_same_schedule_in_every_process() -> None:
    command = "import json, chaos.schedule as s; print(json.dumps([s.draw(n).as_json() for n in range(1, 21)]))"
    result = subprocess.run([sys.executable, "-c", command], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert json.loads(result.stdout) == json.loads(json.dumps([draw(seed).as_json() for seed in DEFAULT]))


def test_different_seeds_have_different_faults_or_times() -> None:
    assert len({draw(seed).faults for seed in range(200)}) == 200


def test_the_default_seeds_contain_every_fault_and_most_with_each_join() -> None:
    drawn = {join: Counter[str]() for join in get_args(Join)}
    for seed in DEFAULT:
        schedule = draw(seed)
        drawn[schedule.join].update(fault.name for fault in schedule.faults)
    assert {name for names in drawn.values() for name in names} == set(FAULTS)
    for names in drawn.values():
        assert len(names) >= 22


def test_the_default_seeds_have_each_number_of_writers_with_each_join() -> None:
    drawn = {(schedule.join, schedule.writers) for schedule in map(draw, DEFAULT)}
    assert drawn == {(join, writers) for join in get_args(Join) for writers in WRITERS}
    assert draw(7, writers=3).writers == 3
    assert draw(7, writers=3).faults == draw(7).faults


def test_only_the_spark_join_is_killed_while_it_writes_state() -> None:
    for seed in range(200):
        schedule = draw(seed)
        names = [fault.name for fault in schedule.faults]
        assert schedule.join == "spark" or "job killed while it writes state" not in names


def test_every_fault_has_an_injection_and_a_catalogue_entry() -> None:
    assert set(INJECTIONS) == set(FAULTS)
    assert [fault["name"] for fault in catalogue()["injected"]] == list(FAULTS)
