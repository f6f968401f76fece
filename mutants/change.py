"""A change of a file's text, of which tests should take notice."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Change:
    """Replaces the characters from `start` to `end` with `text`."""

    start: int
    end: int
    text: str

    def apply(self, source: str) -> str:
        return source[: self.start] + self.text + source[self.end :]
