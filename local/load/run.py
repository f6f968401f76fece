"""The command load: loads a file into its table, and prints what changed."""

from dataclasses import dataclass
from pathlib import Path

from local import deployed_database
from local.errors import InputError
from runtime.analytics.loading import tables
from runtime.analytics.loading.kinds import Kind
from runtime.analytics.loading.reading import MAX_BYTES, LoadError
from runtime.analytics.loading.tables import Changes

PRINTED_MOVES = 10


@dataclass(frozen=True, kw_only=True)
class Options:
    """The file to load. `replace`: stored rows that the file does not have are deleted."""

    kind: Kind
    path: Path
    replace: bool = False


def run(options: Options) -> int:
    """Loads the file and returns the exit status 0.

    Raises:
        InputError: the file cannot be read or has problems, or there is no database; nothing was loaded.
        psycopg.Error: the database refused the rows; nothing was loaded.
    """
    content = _read(options.path)
    with deployed_database.connected() as connection:
        try:
            changes = tables.load(connection, options.kind, content, replace=options.replace)
        except LoadError as error:
            raise InputError(f"{options.path}: {error}") from error
    for line in _report(options.kind, changes):
        print(line)
    return 0


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: not a file; give the path of a CSV file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: more than {MAX_BYTES // 2**20} MiB; split it into files of a month each")
    return content


def _report(kind: Kind, changes: Changes) -> list[str]:
    lines = [
        f"{kind.table}: {changes.inserted:,} inserted, {changes.updated:,} updated, {changes.deleted:,} deleted,"
        f" {changes.unchanged:,} unchanged"
    ]
    if kind.replaces_all:
        moved = changes.moved_traffic
        lines.append(f"traffic: {sum(moved.values()):,} of {changes.traffic:,} rows change channel")
        lines += [f"  {before} → {after}: {count:,}" for (before, after), count in list(moved.items())[:PRINTED_MOVES]]
        if len(moved) > PRINTED_MOVES:
            lines.append(f"  and {len(moved) - PRINTED_MOVES:,} more pairs of channels")
    lines += [
        f"note: no channel rule gives {channel!r}, so its spend ({count:,} rows) stands beside no revenue"
        for channel, count in changes.unruled_spend.items()
    ]
    return lines
