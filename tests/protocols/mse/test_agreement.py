from __future__ import annotations

import pytest
from evtorrent.protocols.mse import Method, MseError, choose_method
from evtorrent.protocols.mse.agreement import ANY_METHOD


@pytest.mark.parametrize(
    ("offered", "accepted", "prefer_rc4", "chosen"),
    [
        (3, ANY_METHOD, False, Method.PLAINTEXT),
        (3, ANY_METHOD, True, Method.RC4),
        (1, ANY_METHOD, True, Method.PLAINTEXT),
        (2, ANY_METHOD, False, Method.RC4),
        (3, Method.RC4, False, Method.RC4),
        (3, Method.PLAINTEXT, True, Method.PLAINTEXT),
        (0xFFFFFFFF, ANY_METHOD, False, Method.PLAINTEXT),
    ],
)
def test_one_method_of_both_sides(offered: int, accepted: Method, prefer_rc4: bool, chosen: Method) -> None:
    assert choose_method(offered, accepted, prefer_rc4=prefer_rc4) is chosen


@pytest.mark.parametrize(("offered", "accepted"), [(0, ANY_METHOD), (4, ANY_METHOD), (1, Method.RC4)])
def test_no_method_of_both(offered: int, accepted: Method) -> None:
    with pytest.raises(MseError, match="offered") as caught:
        choose_method(offered, accepted, prefer_rc4=False)
    assert caught.value.reason == "unsupported_encryption_mode"
