"""XML that wants to hurt us, and XML that is only badly made."""

from __future__ import annotations

import pytest
from evtorrent.protocols.errors import RemoteProtocolError
from evtorrent.protocols.portmap.xml_tree import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_TEXT,
    MAX_XML,
    Element,
    parse_xml,
)
from hypothesis import given
from hypothesis import strategies as st

BILLION_LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;">
<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;">]><lolz>&lol3;</lolz>"""


def test_a_tree() -> None:
    root = parse_xml(b'<?xml version="1.0"?><a x="1"> t<b:C>1 &amp; 2</b:C><d><c>3</c></d>u </a>')
    assert root.tag == "a"
    assert root.text == "tu"
    assert [each.tag for each in root.walk()] == ["a", "C", "d", "c"]
    assert root.find("c") is root.children[0]
    assert root.child_text("C") == "1 & 2"
    assert root.child_text("nothing") == ""
    assert root.find("nothing") is None


@pytest.mark.parametrize(
    "data",
    [
        BILLION_LAUGHS,
        b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "http://10.0.0.1/">]><r>&x;</r>',
        b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://10.0.0.1/"> %p;]><r/>',
    ],
)
def test_there_are_no_declarations_and_so_no_entities(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="document type"):
        parse_xml(data)


@pytest.mark.parametrize("data", [b"", b"   ", b"not xml", b"<", b"\0\0", b"<?xml version='1.0'?>"])
def test_what_has_no_root(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="not XML"):
        parse_xml(data)


@pytest.mark.parametrize(
    "data", [b"<a><b>1</b></a>\0\0", b"<a><b>1</b></a><x>", b"<a><b>1</b>", b"<a><b>1</b>&oops;"]
)
def test_what_ends_badly_counts_up_to_there(data: bytes) -> None:
    assert parse_xml(data).child_text("b") == "1"


@pytest.mark.parametrize(
    "data",
    [
        "<a>ü</a>".encode(),
        "<a>ü</a>".encode("latin-1"),
        '<?xml version="1.0" encoding="iso-8859-1"?><a>ü</a>'.encode("latin-1"),
        '<?xml version="1.0" encoding="no-such-thing"?><a>ü</a>'.encode(),
        "<a>ü</a>".encode("utf-16"),
        "\ufeff<a>ü</a>".encode(),
    ],
)
def test_encodings(data: bytes) -> None:
    assert parse_xml(data).text == "ü"


def test_limits() -> None:
    assert parse_xml(b"<a/>".ljust(MAX_XML)).tag == "a"
    with pytest.raises(RemoteProtocolError, match="bytes"):
        parse_xml(b"<a/>".ljust(MAX_XML + 1))
    deepest = parse_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH)
    assert sum(1 for _ in deepest.walk()) == MAX_DEPTH
    with pytest.raises(RemoteProtocolError, match="deeper"):
        parse_xml(b"<a>" * (MAX_DEPTH + 1))
    assert len(parse_xml(b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>").children) == MAX_ELEMENTS - 1
    with pytest.raises(RemoteProtocolError, match="elements"):
        parse_xml(b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>")
    assert len(parse_xml(b"<a>" + b"x" * MAX_TEXT + b"</a>").text) == MAX_TEXT
    with pytest.raises(RemoteProtocolError, match="characters"):
        parse_xml(b"<a>" + b"x" * (MAX_TEXT + 1) + b"</a>")
    with pytest.raises(RemoteProtocolError, match="characters"):
        parse_xml(b"<a>" + b"x<b/>" * (MAX_ELEMENTS - 1) + b"</a>")


@given(st.recursive(st.text("ab<>&", max_size=3), lambda inner: st.lists(inner, max_size=4), max_leaves=20))
def test_what_is_written_is_read(tree: object) -> None:
    def write(node: object) -> str:
        if isinstance(node, str):
            text = node.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            return f"<t>{text}</t>"
        assert isinstance(node, list)
        return f"<l>{''.join(map(write, node))}</l>"

    def read(element: Element) -> object:
        return element.text if element.tag == "t" else [read(child) for child in element.children]

    assert read(parse_xml(write(tree).encode())) == tree


@given(st.binary(max_size=200))
def test_garbage(data: bytes) -> None:
    for document in (data, b"<a><b>" + data):
        try:
            parse_xml(document)
        except RemoteProtocolError:
            pass
