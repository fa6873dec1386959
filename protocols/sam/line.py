"""Lines of SAM, version 3: "TOPIC OPCODE KEY=VALUE KEY="value with blanks"".

Parsed once into a `SamLine`.  Quoted values may have quotes and backslashes behind a backslash, as from version 3.2 on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import LocalProtocolError
from ..types import Buffer
from .errors import SamError, refusal

__all__ = ["MAX_LINE", "SamLine", "format_line", "parse_line"]

MAX_LINE = 8192
"""Bytes of a line; the longest that are honest have a destination with its private keys, some 1,500."""

_HEAD = re.compile(r"(\S+)(?:\s+([^\s=]+)(?=\s|$))?")
_OPTION = re.compile(
    r'\s+(?P<key>[^\s="]+)(?:=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s"]*)))?(?=\s|$)'
)
_ESCAPED = re.compile(r"\\(.)")
_PLAIN = re.compile(r"[!#-~]+")
"""Printable ASCII without blank and quote."""


@dataclass(frozen=True, slots=True)
class SamLine:
    """One line."""

    topic: str
    opcode: str
    options: Mapping[str, str] = field(default_factory=dict)

    def expect(self, topic: str, opcode: str) -> None:
        """SamError when it is another kind of answer."""
        if (self.topic, self.opcode) != (topic, opcode):
            raise SamError(f"{topic} {opcode} expected, and not {self.topic[:20]!r} {self.opcode[:20]!r}")

    def check(self) -> None:
        """SamRefused when it has a result, and that is not OK."""
        result = self.options.get("RESULT", "OK")
        if result != "OK":
            raise refusal(result[:40], self.options.get("MESSAGE", "")[:200])

    def value(self, key: str) -> str:
        """SamError when it has none."""
        value = self.options.get(key)
        if not value:
            raise SamError(f"{self.topic} {self.opcode} without {key}")
        return value


def parse_line(data: Buffer) -> SamLine:
    """Parse a line, given without its end.  SamError."""
    if len(data) > MAX_LINE:
        raise SamError(f"a line of {len(data)} bytes")
    try:
        text = bytes(data).decode("utf-8").rstrip()
    except UnicodeDecodeError as error:
        raise SamError("a line that is not UTF-8") from error
    if not all(map(str.isprintable, text.split())):
        raise SamError("a line with control characters")
    head = _HEAD.match(text)
    if head is None:
        raise SamError(f"a line that begins with no word: {text[:20]!r}")
    return SamLine(head[1], head[2] or "", _parse_options(text, head.end()))


def _parse_options(text: str, at: int) -> dict[str, str]:
    options: dict[str, str] = {}
    while at < len(text):
        option = _OPTION.match(text, at)
        if option is None:
            raise SamError(f"what is no option: {text[at : at + 40]!r}")
        key, quoted = option["key"], option["quoted"]
        if key in options:
            raise SamError(f"the option {key[:40]} twice")
        options[key] = option["plain"] or "" if quoted is None else _ESCAPED.sub(r"\1", quoted)
        at = option.end()
    return options


def format_line(topic: str, opcode: str, options: Mapping[str, object]) -> bytes:
    """A line with its end.  LocalProtocolError when a value would make it another one."""
    words = [topic, opcode]
    for key, value in options.items():
        text = str(value)
        if _PLAIN.fullmatch(text) is None:
            raise LocalProtocolError(f"SAM takes no {key} of {text[:40]!r}")
        words.append(f"{key}={text}")
    line = " ".join(words).encode("ascii") + b"\n"
    if len(line) > MAX_LINE:
        raise LocalProtocolError(f"a line of {len(line)} bytes")
    return line
