"""A mapping with an error is refused: the message names the file, the event, the key and the remedy."""

from pathlib import Path

import pytest

from runtime.attribution_job.events.mapping import MappingError, load_mapping

CLICK = """
[[event]]
kind = "click"
when = "a"
[event.fields]
click_id = "id"
user_id = "user"
click_timestamp = "at"
"""


def refusal(folder: Path, content: str) -> str:
    path = folder / "own.toml"
    path.write_text(content)
    with pytest.raises(MappingError) as error:
        load_mapping(str(path))
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no [[event]]: a mapping needs at least one"),
        ("event = 1", "no [[event]]: a mapping needs at least one"),
        (CLICK.replace("[[event]]", "[event]"), "event: write [[event]], in two pairs of brackets, above each event"),
        ("name = 'x'" + CLICK, "unknown key name: expected record, or a list of [[event]] tables"),
        ("record = 1" + CLICK, 'record: expected an expression in quotes; the constant 1 is "`1`"'),
        (CLICK.replace("when", "where"), "event 1: unknown key where: did you mean when?"),
        (CLICK.replace('kind = "click"', ""), "event 1: kind: missing: expected click, checkout, refund"),
        (CLICK.replace('"click"', '"order"'), "event 1: kind: 'order': expected click, checkout, refund"),
        (CLICK.replace('"click"', '["click"]'), "event 1: kind: ['click']: expected click, checkout, refund"),
        (
            CLICK.partition("[event.fields]")[0],
            "event 1: fields: missing: write [event.fields], and below it a line for",
        ),
        (CLICK + "page_urls = 'u'", "event 1: fields.page_urls: a click has no such field: did you mean page_url?"),
        (CLICK + "xyz = 'u'", "event 1: fields.xyz: a click has no such field: expected one of click_id, "),
        (CLICK.replace('user_id = "user"', ""), "event 1: fields.user_id: missing: without it, every click would be"),
        (CLICK + CLICK + "variant = 'a['", "event 2: fields.variant: 'a[' is no JMESPath expression: "),
        (CLICK + "variant = 0", 'event 1: fields.variant: expected an expression in quotes; the constant 0 is "`0`"'),
        (
            CLICK.replace('"a"', "'a == \"b\"'"),
            "event 1: when: 'a == \"b\"': \"b\" names a field; write the text as 'b'",
        ),
        ("[[event]", "not a TOML file: "),
    ],
)
def test_an_error_is_named_with_its_place_and_remedy(tmp_path: Path, content: str, problem: str) -> None:
    assert refusal(tmp_path, content).startswith(problem)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_bytes(CLICK.encode("utf-16"))
    with pytest.raises(MappingError, match=r"own.toml: not a TOML file: "):
        load_mapping(str(tmp_path / "own.toml"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"absent.toml: cannot be read: No such file or directory"):
        load_mapping(str(tmp_path / "absent.toml"))
    with pytest.raises(MappingError, match=r"cannot be read: Is a directory"):
        load_mapping(f"{tmp_path}/")


def test_an_unknown_name_is_refused_with_the_valid_names() -> None:
    with pytest.raises(MappingError, match=r"no event mapping 'segmnt': expected one of csv, ga4, segment, shopify, "):
        load_mapping("segmnt")


def test_a_rule_sees_the_record_inside_its_envelope(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("record = 'payload || @'" + CLICK)
    mapping = load_mapping(str(path))
    record = {"a": True, "id": "c", "user": "u", "at": 1772359200}
    (event,) = mapping.apply(record)
    assert event == ("click", {"click_id": "c", "user_id": "u", "click_timestamp": 1772359200})
    assert mapping.apply({"payload": record}) == [event]
    assert mapping.apply({"payload": {"b": record}}) == []
