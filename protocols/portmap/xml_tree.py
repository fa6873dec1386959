"""XML from gateways as a small tree: expat with everything dangerous refused and everything that can grow limited.

Expat is used directly, not through `xml.etree`, because its handlers are where a limit can stop the parse: before a tree is
built, not after.  A document type declaration is refused as such, so there are no entities to expand, internal or external.
Names lose their namespace prefix: routers disagree about prefixes and mean the same.

Routers are no good at XML: a document that ends in rubbish, or breaks off, counts as far as it was well-formed.  A document
that passes a limit counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from ..errors import RemoteProtocolError
from ..types import Buffer

__all__ = ["MAX_DEPTH", "MAX_ELEMENTS", "MAX_TEXT", "MAX_XML", "Element", "parse_xml"]

MAX_XML = 256 * 1024
"""Bytes of a document; descriptions of real routers stay below 32 KiB."""

MAX_DEPTH = 32
"""Elements within elements; a service of an IGD is at nine."""

MAX_ELEMENTS = 5_000
"""Elements of a document; real ones have some hundred."""

MAX_TEXT = 4_096
"""Characters of text in one element: the limit of a URL."""


@dataclass(slots=True)
class Element:
    """One element; not changed after the parse."""

    tag: str
    """Without prefix."""
    text: str = ""
    """Its own text, not that of elements in it, without blanks around."""
    children: list[Element] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        """This element and all in it, in the order of the document."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, tag: str) -> Element | None:
        """The first element of that name, upper and lower case alike, here or within."""
        wanted = tag.lower()
        return next((each for each in self.walk() if each.tag.lower() == wanted), None)

    def child_text(self, tag: str) -> str:
        """Text of the first child of that name; "" without one."""
        wanted = tag.lower()
        return next((each.text for each in self.children if each.tag.lower() == wanted), "")


def parse_xml(data: Buffer) -> Element:
    """The root.  RemoteProtocolError when there is none, or a limit was passed."""
    if len(data) > MAX_XML:
        raise RemoteProtocolError(f"XML of {len(data)} bytes, at most {MAX_XML} are allowed")
    builder = _Builder()
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(_as_utf8(bytes(data)), True)
    except expat.ExpatError as error:
        if builder.root is None:
            raise RemoteProtocolError(f"not XML: {error}") from error
    assert builder.root is not None  # Expat has it that a document has an element.
    builder.finish()
    return builder.root


def _as_utf8(data: bytes) -> bytes:
    """The document in the one encoding the parser is told, whatever it says of itself."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1").encode("utf-8")
    return data


class _Builder:
    """Handlers of the parser: what they raise ends the parse."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[tuple[Element, list[str]]] = []
        self._sizes: list[int] = []
        """Characters of text so far, of each open element."""
        self._num_elements = 0

    def doctype(self, *_: object) -> None:
        raise RemoteProtocolError("XML with a document type declaration")

    def start(self, name: str, attributes: object) -> None:
        self._num_elements += 1
        if self._num_elements > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise RemoteProtocolError(f"XML of more than {MAX_ELEMENTS} elements, or deeper than {MAX_DEPTH}")
        element = Element(name.rpartition(":")[2])
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self.root = element
        self._open.append((element, []))
        self._sizes.append(0)

    def end(self, name: str) -> None:
        element, parts = self._open.pop()
        self._sizes.pop()
        element.text = "".join(parts).strip()

    def text(self, data: str) -> None:
        self._open[-1][1].append(data)
        self._sizes[-1] += len(data)
        if self._sizes[-1] > MAX_TEXT:
            raise RemoteProtocolError(f"XML with more than {MAX_TEXT} characters in one element")

    def finish(self) -> None:
        """What the document did not close ends here."""
        while self._open:
            self.end("")
