from __future__ import annotations

import pytest
from evtorrent.protocols.bits import Bitfield, iter_bits
from evtorrent.protocols.errors import RemoteProtocolError
from hypothesis import given
from hypothesis import strategies as st


@st.composite
def fields(draw: st.DrawFn) -> Bitfield:
    size = draw(st.integers(0, 70))
    return Bitfield(size, draw(st.integers(0, (1 << size) - 1)))


@given(fields())
def test_wire_round_trip(field: Bitfield) -> None:
    wire = field.to_wire()
    assert len(wire) == (field.size + 7) // 8
    assert Bitfield.from_wire(wire, field.size) == field
    assert Bitfield.from_wire(memoryview(wire), field.size) == field


def test_piece_0_is_the_high_bit_of_byte_0() -> None:
    assert Bitfield.from_indices(10, [0, 9]).to_wire() == b"\x80\x40"
    assert list(Bitfield.from_wire(b"\x80\x40", 10).indices()) == [0, 9]


@given(st.binary(max_size=10), st.integers(0, 80))
def test_garbage_gives_a_field_or_an_error(data: bytes, size: int) -> None:
    try:
        field = Bitfield.from_wire(data, size)
    except RemoteProtocolError:
        return
    assert field.to_wire() == data


@pytest.mark.parametrize(
    ("data", "size", "problem"),
    [
        (b"", 1, "bitfield of 0 bytes for 1 pieces"),
        (b"\0\0", 8, "bitfield of 2 bytes for 8 pieces"),
        (b"\x01", 7, "spare bits set"),
        (b"\xff\x20", 10, "spare bits set"),
    ],
)
def test_refused(data: bytes, size: int, problem: str) -> None:
    with pytest.raises(RemoteProtocolError, match=problem):
        Bitfield.from_wire(data, size)


@given(fields())
def test_is_the_set_of_its_indices(field: Bitfield) -> None:
    indices = set(field.indices())
    assert indices == {i for i in range(field.size) if field[i]}
    assert field.count() == len(indices)
    assert field.any() == bool(indices)
    assert field.all() == (len(indices) == field.size)
    assert Bitfield.from_indices(field.size, indices) == field
    assert list(iter_bits(field.bits)) == sorted(indices)
    assert repr(field) == f"Bitfield({len(indices)} of {field.size})"


def test_changing_bits() -> None:
    field = Bitfield(9)
    field.set(8)
    field.set(8)
    field.set(1)
    field.clear(1)
    field.clear(0)
    assert list(field.indices()) == [8]
    copy = field.copy()
    field.set_all()
    assert field.all()
    assert field == Bitfield.full(9)
    assert list(copy.indices()) == [8]
    field.clear_all()
    assert not field.any()
    field.bits = 0b11
    assert field.bits == 3
    assert len(field) == 9


def test_out_of_range() -> None:
    field = Bitfield(8)
    for index in (-1, 8):
        for use in (field.set, field.clear, field.__getitem__):
            with pytest.raises(IndexError, match=f"bit {index} of a field of 8"):
                use(index)
    with pytest.raises(IndexError):
        Bitfield.from_indices(8, [8])
    with pytest.raises(ValueError, match="beyond the size"):
        field.bits = 256
    with pytest.raises(ValueError, match="beyond the size"):
        Bitfield(8, 256)
    with pytest.raises(ValueError, match="cannot have -1 bits"):
        Bitfield(-1)


def test_equality() -> None:
    assert Bitfield(8, 1) != Bitfield(9, 1)
    assert Bitfield(8, 1) != Bitfield(8, 2)
    assert Bitfield(8, 1) != "Bitfield(1 of 8)"
    with pytest.raises(TypeError):
        hash(Bitfield(8))
