"""The end of a JSON value by its braces, brackets and strings, also where its content is not valid JSON."""

import re
from dataclasses import dataclass, field

MARK_IN_STRING = re.compile(r'["\r\n]|\\[\s\S]')
MARK_OUTSIDE_STRING = re.compile(r'["{}\[\]]')
OPENING = {"}": "{", "]": "["}
# Bound of the memory for a value that only opens brackets.
MAX_DEPTH = 10_000


@dataclass
class Structure:
    """The open braces and brackets at a place within a value.

    `is_balanced`: the value has ended. `is_broken`: a brace closes a bracket, a line ends within a string, or the value
    is too deep. Its end is then unknown.
    """

    open: list[str] = field(default_factory=list)
    in_string: bool = False
    is_balanced: bool = False
    is_broken: bool = False

    def scan(self, text: str, position: int, limit: int | None = None) -> int:
        """Goes on from the position to the end of the value, or as far as the text allows; returns the new position.

        `limit`: the place where the text ends for this purpose.
        """
        end = len(text) if limit is None else limit
        while match := (MARK_IN_STRING if self.in_string else MARK_OUTSIDE_STRING).search(text, position, end):
            position = match.end()
            mark = match[0]
            if mark == '"':
                self.in_string = not self.in_string
            elif self.in_string:
                self.is_broken = mark in "\r\n"
            elif mark in OPENING:
                self.is_broken = not self.open or self.open.pop() != OPENING[mark]
                self.is_balanced = not self.is_broken and not self.open
            else:
                self.open.append(mark)
                self.is_broken = len(self.open) > MAX_DEPTH
            if self.is_broken or self.is_balanced:
                return position
        # A backslash at the end of the text escapes the first character of the text to come.
        return max(position, end - 1) if self.in_string and text[end - 1] == "\\" else end
