"""The clock by which a bench runs.

A VISA library may carry a ``clock`` of its own (the virtual lab's does); a station takes that one, else a
:class:`RealClock`, and hands it to the worker and the procedures. Nobody else calls ``time.sleep``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

__all__ = ["Clock", "RealClock"]

#: Longest stretch of wall time for which a sleeping thread does not look whether it should stop [s].
STOP_CHECK_S = 0.05


@runtime_checkable
class Clock(Protocol):
    """Bench time: seconds that pass for the instruments and the sample."""

    def now(self) -> float:
        """Return the bench time [s]; it never runs backwards, its zero has no meaning."""
        ...

    def sleep(self, seconds: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Let ``seconds`` of bench time pass, or return early once ``should_stop()`` is true."""
        ...

    def wait_until(self, time_s: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Return at the bench time ``time_s``, at once if that is past, or early once ``should_stop()`` is true."""
        ...

    def idle(self) -> AbstractContextManager[None]:
        """Enter around a wait for anything but the clock (a queue, a lock), so that other threads' time goes on."""
        ...


class RealClock:
    """Wall time."""

    def now(self) -> float:
        """Return the monotonic wall time [s]."""
        return time.monotonic()

    def sleep(self, seconds: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Sleep, looking at ``should_stop`` at least every 50 ms."""
        self.wait_until(self.now() + seconds, should_stop)

    def wait_until(self, time_s: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Sleep until ``time_s``, looking at ``should_stop`` at least every 50 ms."""
        while (remaining := time_s - self.now()) > 0:
            if should_stop is None:
                time.sleep(remaining)
            elif should_stop():
                return
            else:
                time.sleep(min(remaining, STOP_CHECK_S))

    def idle(self) -> AbstractContextManager[None]:
        """Do nothing: wall time goes on by itself."""
        return nullcontext()
