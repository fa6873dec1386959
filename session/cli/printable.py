"""Text from outside made safe for a terminal.

Names in torrents, tracker messages and file paths are chosen by strangers.  Printed raw they could move the cursor, set the
title, or show one name as another; so control characters, and characters that change direction or are invisible, are shown
as `\\x1b`-style escapes.  What is left stays as it is, in any script.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MAX_LINE", "one_line", "printable", "shortened"]

MAX_LINE: Final = 1_000
"""Characters shown of a message; a tracker may send a book."""

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: escape sequences begin with one of them
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # invisible, or turn the direction
    "\ud800-\udfff"  # bytes of a path that are no UTF-8: no terminal can encode them
    "\U000e0000-\U000e007f]"  # tags
)


def printable(text: str) -> str:
    """`text` with everything a terminal would act upon written out."""
    return _UNSAFE.sub(_escaped, text)


def one_line(text: str) -> str:
    """A message as one line of bounded length: line breaks become spaces, the rest as `printable`."""
    return shortened(printable(" ".join(text[: 4 * MAX_LINE].split())), MAX_LINE)


def shortened(text: str, width: int) -> str:
    """At most `width` characters, with an ellipsis where some were left out."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte that was no UTF-8 (surrogateescape)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
