from __future__ import annotations

import os
import signal
import threading

import pytest
from evtorrent.session.cli.interrupts import Interrupts


def test_the_first_signal_is_noted_and_the_second_ends():
    before = signal.getsignal(signal.SIGTERM)
    with Interrupts() as interrupts:
        assert interrupts.received is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupts.received == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.received == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_has_no_signals():
    seen = []

    def work():
        with Interrupts() as interrupts:
            seen.append(interrupts.received)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [None]
    assert signal.getsignal(signal.SIGINT) is before
