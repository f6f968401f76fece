"""The content of a file as chunks of UTF-8: decompressed, transcoded and without byte order mark."""

import codecs
import gzip
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

import pyarrow as pa

from local.errors import InputError
from local.event_files.rows import BrokenFileError
from runtime.analytics.loading.delimited_text import find_encoding

CHUNK_BYTES = 256 * 1024
# Bytes from which the format is told. A row may be as long.
HEAD_BYTES = 1024 * 1024
COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Mark(NamedTuple):
    """A chunk's end as an offset in the content, and as an offset in the file on the disk."""

    content: int
    disk: int


class Source:
    """The content of an open file. `compression`: null for a plain file. `head`: the first part of the content."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._file = file
        magic = file.read(4)
        file.seek(0)
        self.compression = next((name for start, name in COMPRESSIONS.items() if magic.startswith(start)), None)
        self._stream = _decompressed(file, self.compression)
        self._marks = deque([_Mark(0, 0)])
        self._end = 0
        self._chunks = self._transcoded()
        self.encoding = "UTF-8"
        self._read_ahead: deque[bytes] = deque()
        self._broken: BrokenFileError | None = None
        self.head = self._read_head()

    def chunks(self) -> Iterator[bytes]:
        """Yields the content, including the head. Raises BrokenFileError where the file is cut or damaged."""
        while self._read_ahead:
            yield self._read_ahead.popleft()
        if self._broken:
            raise self._broken
        yield from self._chunks

    def share(self, content_offset: int) -> float:
        """Returns the share of the file on the disk that had been read at this offset, between 0 and 1.

        Offsets must not decrease from call to call.
        """
        while len(self._marks) > 2 and self._marks[1].content < content_offset:
            self._marks.popleft()
        (content_start, disk_start), (content_end, disk_end) = self._marks[0], self._marks[min(1, len(self._marks) - 1)]
        length = content_end - content_start
        part = min(1.0, (content_offset - content_start) / length) if length else 1.0
        return (disk_start + part * (disk_end - disk_start)) / self.size if self.size else 1.0

    def _read_head(self) -> bytes:
        try:
            while sum(map(len, self._read_ahead)) < HEAD_BYTES and (chunk := next(self._chunks, None)) is not None:
                self._read_ahead.append(chunk)
        except BrokenFileError as error:
            if not self._read_ahead:
                raise
            self._broken = error  # For `chunks`, after the content before it.
        return b"".join(self._read_ahead)

    def _transcoded(self) -> Iterator[bytes]:
        data = self._read()
        self.encoding, mark = find_encoding(data)
        data = data[len(mark) :]
        # A lone surrogate becomes invalid UTF-8. It costs its own row only.
        decoder = codecs.getincrementaldecoder(self.encoding)("surrogatepass") if self.encoding != "UTF-8" else None
        while data:
            text = data if decoder is None else decoder.decode(data).encode("UTF-8", "surrogatepass")
            self._end += len(text)
            self._marks.append(_Mark(self._end, self._file.tell()))
            if text:
                yield text
            data = self._read()
        if decoder and decoder.getstate()[0]:
            raise BrokenFileError(f"{self.path}: ends within a character of {self.encoding}; the file was cut")

    def _read(self) -> bytes:
        try:
            return self._stream.read(CHUNK_BYTES)
        except (EOFError, zlib.error, OSError) as error:
            if self.compression is None:
                raise BrokenFileError(f"{self.path}: {error}") from error
            cut = isinstance(error, EOFError) or "Truncated" in str(error)
            problem = "ends too early: the file was cut" if cut else f"is damaged: {error}"
            raise BrokenFileError(f"{self.path}: its {self.compression} data {problem}") from error


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Opens a file.

    Raises:
        InputError: `path` is not a readable file.
        BrokenFileError: its first part cannot be decompressed.
    """
    if path.is_dir():
        raise InputError(f"{path}: not a file but a folder; give the files in it")
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: not a file; give the path of a file")
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    with file:
        yield Source(path, file)


def _decompressed(file: BinaryIO, compression: str | None) -> Readable:
    if compression == "gzip":
        return _GzipReader(file)
    if compression == "zstd":
        return cast(Readable, pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd"))
    return file


class _GzipReader:
    """Decompresses gzip. Unlike GzipFile.read, returns what precedes a cut or a damage before it raises."""

    def __init__(self, file: BinaryIO) -> None:
        self._reader = gzip.GzipFile(fileobj=file)

    def read(self, size: int, /) -> bytes:
        return self._reader.read1(size)
