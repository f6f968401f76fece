"""Reading of JSON Lines, in bounded memory even if a line is huge."""

from collections.abc import Iterable, Iterator

from local.event_files.rows import MAX_BYTES, OVERSIZED, Row


def read_json_lines(chunks: Iterable[bytes], line_break: bytes) -> Iterator[Row]:
    """Yields every line as a row, also blank ones. Lines end with `line_break`, LF or CR."""
    for number, (line, end) in enumerate(split_lines(chunks, line_break), 1):
        data = line if line is None else line.removesuffix(b"\r")
        yield Row(number, 0, data, OVERSIZED if data is None else None, end)


def split_lines(chunks: Iterable[bytes], line_break: bytes) -> Iterator[tuple[bytes | None, int]]:
    """Yields each line without its break, and the offset of its end; null instead of a line of more than MAX_BYTES."""
    limit = MAX_BYTES + len(b"\r")
    pending, size, end = b"", 0, 0
    for chunk in chunks:
        first, *others = chunk.split(line_break)
        size += len(first)
        pending = pending + first if size <= limit else b""
        for line in others:
            end += size + len(line_break)
            yield _bounded(pending, size), end
            pending, size = line, len(line)
    if size:
        yield _bounded(pending, size), end + size


def _bounded(line: bytes, size: int) -> bytes | None:
    is_oversized = size > MAX_BYTES and (size > MAX_BYTES + 1 or not line.endswith(b"\r"))
    return None if is_oversized else line
