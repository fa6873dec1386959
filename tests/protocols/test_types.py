from __future__ import annotations

import pytest
from evtorrent.protocols.types import InfoHashes, PeerId, ProtocolVersion, Sha1Hash, Sha256Hash


@pytest.mark.parametrize(("kind", "length"), [(Sha1Hash, 20), (Sha256Hash, 32), (PeerId, 20)])
def test_a_digest_has_its_length(kind: type[bytes], length: int) -> None:
    digest = kind(bytes(range(length)))
    assert digest == bytes(range(length))
    assert type(digest) is kind
    assert str(digest) == bytes(range(length)).hex()
    assert repr(digest) == f"{kind.__name__}({bytes(range(length)).hex()!r})"
    assert kind(memoryview(digest)) == kind(bytearray(digest)) == digest
    assert not hasattr(digest, "__dict__")
    for wrong in (length - 1, length + 1):
        with pytest.raises(ValueError, match=f"{kind.__name__} takes {length} bytes, not {wrong}"):
            kind(bytes(wrong))


def test_hashes_without_argument_are_zeros() -> None:
    assert Sha1Hash() == bytes(20)
    assert Sha256Hash() == bytes(32)


def test_names_of_a_v1_torrent() -> None:
    v1 = Sha1Hash(b"1" * 20)
    hashes = InfoHashes(v1)
    assert (hashes.has_v1, hashes.has_v2) == (True, False)
    assert hashes.best() == v1
    assert hashes.wire_names() == (v1,)


def test_names_of_a_hybrid_torrent() -> None:
    v1, v2 = Sha1Hash(b"1" * 20), Sha256Hash(b"2" * 32)
    hashes = InfoHashes(v1, v2)
    assert (hashes.has_v1, hashes.has_v2) == (True, True)
    assert hashes.best() == b"2" * 20
    assert hashes.wire_names() == (v1, b"2" * 20)
    assert all(type(name) is Sha1Hash for name in hashes.wire_names())
    assert hashes == InfoHashes(v1, v2)
    assert hash(hashes) == hash(InfoHashes(v1, v2))


def test_names_of_a_v2_torrent() -> None:
    hashes = InfoHashes(v2=Sha256Hash(b"2" * 32))
    assert (hashes.has_v1, hashes.has_v2) == (False, True)
    assert hashes.wire_names() == (b"2" * 20,)


def test_nameless() -> None:
    assert InfoHashes().wire_names() == ()
    with pytest.raises(ValueError, match="has no name"):
        InfoHashes().best()


def test_names_by_version() -> None:
    v1, v2 = Sha1Hash(b"1" * 20), Sha256Hash(b"2" * 32)
    hybrid, only_v1, only_v2, none = InfoHashes(v1, v2), InfoHashes(v1), InfoHashes(None, v2), InfoHashes()
    for hashes in (hybrid, only_v1, only_v2, none):
        assert hashes.has(ProtocolVersion.V1) == hashes.has_v1
        assert hashes.has(1) == hashes.has_v2
    assert (hybrid.get(ProtocolVersion.V1), hybrid.get(ProtocolVersion.V2)) == (v1, b"2" * 20)
    assert only_v1.get(1) == only_v2.get(0) == none.get_best() == Sha1Hash()
    assert (hybrid.get_best(), only_v1.get_best()) == (b"2" * 20, v1)
    with pytest.raises(ValueError):
        hybrid.has(2)
    with pytest.raises(ValueError):
        hybrid.get(2)
