"""One root, so that a caller can tell our errors from the system's."""

from __future__ import annotations

import pytest
from evtorrent.reactor import ReactorBusy, ReactorClosed, ReactorError, ReactorUsageError


@pytest.mark.parametrize("kind", [ReactorBusy, ReactorClosed, ReactorUsageError])
def test_every_error_is_a_reactor_error(kind: type[Exception]) -> None:
    with pytest.raises(ReactorError, match="why"):
        raise kind("why")


def test_a_wrong_argument_is_a_value_error_too() -> None:
    assert issubclass(ReactorUsageError, ValueError)
    assert not issubclass(ReactorBusy, ValueError)
