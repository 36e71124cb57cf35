"""Virtual and scaled time for the bench.

Both clocks satisfy :class:`sotlab.clock.Clock` and have besides ``cost`` (the bench time that a transaction takes) and
``register``/``unregister`` for threads that share the bench.
"""

from __future__ import annotations

import heapq
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sotlab.clock import STOP_CHECK_S
from sotlab.errors import SotlabError

__all__ = ["ClockStoppedError", "ScaledClock", "VirtualClock"]


class ClockStoppedError(SotlabError):
    """Virtual time stands still because a registered thread neither sleeps nor idles."""


class ScaledClock:
    """Wall time that runs ``factor`` times as fast.

    Parameters
    ----------
    factor : float
        Bench seconds per wall second, above 0.
    """

    def __init__(self, factor: float):
        if not 0 < factor < float("inf"):
            raise ValueError(f"clock factor {factor} asked, allowed are finite numbers above 0")
        self.factor = factor
        self._start = time.perf_counter()  # monotonic too; time.monotonic has steps of 16 ms on older Windows

    def now(self) -> float:
        """Return the bench time since the clock was made [s]."""
        return (time.perf_counter() - self._start) * self.factor

    def sleep(self, seconds: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Let bench time pass, looking at ``should_stop`` at least every 50 ms of wall time."""
        self.wait_until(self.now() + seconds, should_stop)

    def wait_until(self, time_s: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Return at the bench time ``time_s``, looking at ``should_stop`` at least every 50 ms of wall time."""
        while (remaining := (time_s - self.now()) / self.factor) > 0:
            if should_stop is not None and should_stop():
                return
            time.sleep(min(remaining, STOP_CHECK_S))

    def idle(self) -> AbstractContextManager[None]:
        """Do nothing: time goes on by itself."""
        return nullcontext()

    def cost(self, seconds: float) -> None:
        """Do nothing: a transaction takes the wall time that it takes."""

    def register(self) -> None:
        """Do nothing: time goes on by itself."""

    def unregister(self) -> None:
        """Do nothing: time goes on by itself."""


class _Sleeper:
    """A thread that sleeps in the virtual clock."""

    __slots__ = ("awake", "thread", "time_s")

    def __init__(self, time_s: float, thread: threading.Thread):
        self.time_s, self.thread = time_s, thread
        self.awake = threading.Event()


class VirtualClock:
    """Discrete-event time: it moves only when every registered thread sleeps in the clock.

    The thread that is due first is then woken, alone, so that registered threads run one after the other and a bench
    gives the same data in every run. A thread that sleeps without being registered counts while it sleeps. Whoever
    blocks on anything but the clock does so inside :meth:`idle`.

    Parameters
    ----------
    watchdog_s : float
        Wall time without progress after which a sleeping thread raises :class:`ClockStoppedError`.
    """

    def __init__(self, watchdog_s: float = 60.0):
        self.watchdog_s = watchdog_s
        self._now = 0.0
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, int, _Sleeper]] = []  # a heap; the number keeps equal times in order
        self._number = 0
        self._registered: dict[threading.Thread, int] = {}  # how often each thread has registered
        self._running: dict[threading.Thread, float] = {}  # registered threads that neither sleep nor idle, since when

    def now(self) -> float:
        """Return the bench time since the clock was made [s]."""
        return self._now

    def cost(self, seconds: float) -> None:
        """Let the bench time of a transaction pass, at once: it never blocks and wakes nobody."""
        with self._lock:
            self._now += seconds

    def sleep(self, seconds: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Let ``seconds`` of bench time pass; ``should_stop`` is looked at before, and while others keep time."""
        self.wait_until(self._now + seconds, should_stop)

    def wait_until(self, time_s: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Return at the bench time ``time_s``; see :meth:`sleep`.

        Raises
        ------
        ClockStoppedError
            If a registered thread has kept time from moving for ``watchdog_s`` of wall time.
        """
        if should_stop is not None and should_stop():
            return
        thread = threading.current_thread()
        with self._lock:
            if time_s <= self._now:
                return
            alone = not self._running or (len(self._running) == 1 and thread in self._running)
            if alone and not (self._sleepers and self._sleepers[0][0] <= time_s):
                self._now = time_s  # nobody else is due before: no need to hand over
                if self._running:
                    self._running[thread] = time.monotonic()
                return
            sleeper = _Sleeper(time_s, thread)
            self._number += 1
            heapq.heappush(self._sleepers, (time_s, self._number, sleeper))
            self._running.pop(thread, None)
            self._wake_next()
        self._await(sleeper, should_stop)

    def _await(self, sleeper: _Sleeper, should_stop: Callable[[], bool] | None) -> None:
        last_now, since = self._now, time.monotonic()
        while not sleeper.awake.wait(min(STOP_CHECK_S, self.watchdog_s)):
            if should_stop is not None and should_stop():
                with self._lock:
                    self._withdraw(sleeper)
                return
            with self._lock:
                self._forget_dead_threads()
                self._wake_next()  # a thread that is not registered was woken last, and hands over to nobody
                if self._now != last_now:
                    last_now, since = self._now, time.monotonic()
                elif time.monotonic() - since > self.watchdog_s and not sleeper.awake.is_set():
                    culprits = self._culprits()
                    self._withdraw(sleeper)
                    raise ClockStoppedError(
                        f"virtual clock: no progress for {self.watchdog_s:g} s of wall time at bench time "
                        f"{self._now:.6g} s, waiting for thread {culprits}; wrap its blocking call in clock.idle()"
                    )

    def _wake_next(self) -> None:
        """Move time to the sleeper that is due first and wake it alone, if no registered thread runs."""
        if self._sleepers and not self._running:
            time_s, _, sleeper = heapq.heappop(self._sleepers)
            self._now = max(self._now, time_s)
            if sleeper.thread in self._registered:
                self._running[sleeper.thread] = time.monotonic()
            sleeper.awake.set()

    def _withdraw(self, sleeper: _Sleeper) -> None:
        self._sleepers = [entry for entry in self._sleepers if entry[2] is not sleeper]
        heapq.heapify(self._sleepers)
        if sleeper.thread in self._registered:
            self._running[sleeper.thread] = time.monotonic()

    def _culprits(self) -> str:
        """Return the threads that keep time, with where each stands and since when it neither sleeps nor idles."""
        now, frames, found = time.monotonic(), sys._current_frames(), []  # noqa: SLF001 - documented
        for thread, since in self._running.items():
            frame = frames.get(thread.ident or 0)
            # The innermost line outside the standard library's waits: there clock.idle() belongs.
            while frame is not None and frame.f_back is not None and frame.f_code.co_filename == threading.__file__:
                frame = frame.f_back
            where = f" at {frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""
            found.append(f"'{thread.name}'{where} for {now - since:.1f} s")
        return ", ".join(sorted(found)) or "none registered"

    def _forget_dead_threads(self) -> None:
        for thread in [thread for thread in self._running if not thread.is_alive()]:
            self._running.pop(thread, None)
            self._registered.pop(thread, None)

    def register(self) -> None:
        """Let time wait for the calling thread whenever it does not sleep; calls may be nested."""
        thread = threading.current_thread()
        with self._lock:
            self._registered[thread] = self._registered.get(thread, 0) + 1
            self._running.setdefault(thread, time.monotonic())

    def unregister(self) -> None:
        """Undo one :meth:`register` of the calling thread."""
        thread = threading.current_thread()
        with self._lock:
            count = self._registered.get(thread, 0)
            if count > 1:
                self._registered[thread] = count - 1
                return
            self._registered.pop(thread, None)
            self._running.pop(thread, None)
            self._wake_next()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Let the others' time go on while the calling thread waits for anything but the clock."""
        thread = threading.current_thread()
        with self._lock:
            was_running = self._running.pop(thread, None) is not None
            if was_running:
                self._wake_next()
        try:
            yield
        finally:
            if was_running:
                with self._lock:
                    self._running[thread] = time.monotonic()
