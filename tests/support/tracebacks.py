"""Tracebacks that pytest can print: CPython 3.11 knows no line of some instructions, at which only a signal's handler raises.

pytest-timeout's is one, and pytest fails on a line that is None: a test that took too long would end the whole run.
"""

from __future__ import annotations

from types import TracebackType

__all__ = ["give_lines"]


def give_lines(error: BaseException) -> bool:
    """Entries without a line, of the error and of those before it, get the first line of their function.  False: none was without."""
    is_changed = False
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        lines = [entry.tb_lineno for entry in _entries(each.__traceback__)]
        if None in lines:
            each.__traceback__, is_changed = _with_lines(each.__traceback__), True
        left += [each.__cause__, each.__context__]
    return is_changed


def _entries(trace: TracebackType | None) -> list[TracebackType]:
    entries: list[TracebackType] = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    return entries


def _with_lines(trace: TracebackType | None) -> TracebackType | None:
    result: TracebackType | None = None
    for entry in reversed(_entries(trace)):
        line: int | None = entry.tb_lineno
        if line is None:
            line = entry.tb_frame.f_code.co_firstlineno
        result = TracebackType(result, entry.tb_frame, entry.tb_lasti, line)
    return result
