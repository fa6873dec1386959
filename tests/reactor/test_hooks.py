"""Order and life of hooks.  Row B26; around a real poll they are in test_event_base.py."""

from __future__ import annotations

from evtorrent.reactor.hooks import PollHooks


def no_report(context: str, error: BaseException) -> None:
    raise AssertionError(context) from error


def test_each_kind_runs_in_the_order_of_registration() -> None:
    log: list[str] = []
    changes: list[int] = []
    hooks = PollHooks(lambda: changes.append(1))
    assert not hooks
    second = hooks.after_poll(lambda: log.append("after"))
    first = hooks.before_poll(lambda: log.append("before 1"))
    hooks.before_poll(lambda: log.append("before 2"))
    assert (bool(hooks), len(hooks), repr(first)) == (True, 3, "<Hook>")
    hooks.run_before(no_report)
    hooks.run_after(no_report)
    assert log == ["before 1", "before 2", "after"]
    first.close()
    first.close()
    second.close()
    hooks.run_before(no_report)
    hooks.run_after(no_report)
    assert log[3:] == ["before 2"]
    hooks.clear()
    assert not hooks
    assert len(changes) == 6


def test_hook_added_by_a_hook_waits_for_the_next_poll() -> None:
    log: list[str] = []
    hooks = PollHooks(lambda: None)
    hooks.before_poll(lambda: (log.append("first"), hooks.before_poll(lambda: log.append("new"))))
    hooks.run_before(no_report)
    assert log == ["first"]


def test_error_of_a_hook_is_reported_and_the_others_run() -> None:
    told: list[str] = []
    log: list[str] = []
    hooks = PollHooks(lambda: None)
    hooks.after_poll(lambda: int("x"))
    hooks.after_poll(lambda: log.append("other"))
    hooks.run_after(lambda context, error: told.append(f"{type(error).__name__}: {context}"))
    assert told == ["ValueError: exception in a hook around the poll"]
    assert log == ["other"]
