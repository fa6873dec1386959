"""Options that belong together, taken by a command as one value instead of one parameter each."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

__all__ = ["grouped"]

# Any: a decorator of click gives back whatever it was put on.
F = TypeVar("F", bound=Callable[..., Any])


def grouped(
    name: str, make: Callable[..., object], rows: Sequence[Callable[[Any], Any]], *parts: str
) -> Callable[[F], F]:
    """A decorator: the options in `rows`, whose values `parts` are, reach the command as `name`, which `make` makes.

    `make` gets the values by keyword; what it raises of click's is the user's to read.
    """

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def gathered(*arguments: Any, **values: Any) -> Any:
            values[name] = make(**{part: values.pop(part) for part in parts})
            return command(*arguments, **values)

        decorated: Any = gathered
        for row in reversed(rows):
            decorated = row(decorated)
        result: F = decorated
        return result

    return decorate
