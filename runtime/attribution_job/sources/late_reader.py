"""A stream reader that is made where and when it is first needed."""

import functools
import importlib
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pyspark.sql.datasource import SimpleDataSourceStreamReader


class LateReader(SimpleDataSourceStreamReader):
    """Makes a reader from the options of its data source on first use.

    Before the first batch of two streams Spark makes sources and readers in six processes, one after the other, and
    reads in two of them. The packages for reading and parsing take half a second to import. Only `module` imports them;
    its function `reader_of` makes the reader.
    """

    def __init__(self, module: str, options: Mapping[str, str]) -> None:
        self._module = module
        self._options = options

    @functools.cached_property
    def _reader(self) -> SimpleDataSourceStreamReader:
        module = importlib.import_module(self._module)
        return cast(SimpleDataSourceStreamReader, module.reader_of(self._options))

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802
        """Returns the reader's initial offset."""
        return self._reader.initialOffset()

    def read(self, start: dict[str, Any]) -> tuple[Iterator[Any], dict[str, Any]]:
        """Returns the next rows and the offset behind them."""
        return self._reader.read(start)

    def readBetweenOffsets(self, start: dict[str, Any], end: dict[str, Any]) -> Iterator[Any]:  # noqa: N802
        """Returns the rows between two offsets."""
        return self._reader.readBetweenOffsets(start, end)
