"""A failure at an instruction that has no line is one test's failure, not the end of the run."""

from __future__ import annotations

from types import FunctionType

import pytest
from support.tracebacks import give_lines


def _fail(error: BaseException) -> None:
    raise error


_WITHOUT_LINES = FunctionType(_fail.__code__.replace(co_linetable=b""), globals())


@pytest.mark.parametrize("is_behind", [False, True])
def test_a_line_is_found(is_behind: bool) -> None:
    with pytest.raises(OSError, match="it") as caught:
        _WITHOUT_LINES(OSError("it"))
    error: BaseException = caught.value
    assert _walk(error)[-1][1] is None
    if is_behind:
        behind = error
        error = KeyError("another")
        error.__cause__ = behind
    assert give_lines(error)
    assert not give_lines(error)
    assert _walk(caught.value)[-1][1] == _fail.__code__.co_firstlineno


def test_usual_ones_stay_as_they_are() -> None:
    with pytest.raises(OSError, match="it") as caught:
        _fail(OSError("it"))
    before = caught.value.__traceback__
    assert not give_lines(caught.value)
    assert caught.value.__traceback__ is before


def _walk(error: BaseException) -> list[tuple[object, int | None]]:
    found, trace = [], error.__traceback__
    while trace is not None:
        found.append((trace, trace.tb_lineno))
        trace = trace.tb_next
    return found
