"""Bench time for third-party drivers that call ``time.sleep`` themselves.

While a bench runs in virtual or scaled time, ``time``, ``sleep``, ``monotonic`` and ``perf_counter`` are rebound in the
globals of PyMeasure's instrument modules (and the module ``time`` itself, where it was imported whole). A thread that
last talked to one of our benches gets that bench's time, every other thread the real one: real hardware and a virtual
bench may run side by side. All is put back when the last such bench closes.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sotlab.clock import Clock

__all__ = ["PREFIXES", "TimeScope", "scope"]

#: Modules (and all below them) that are rebound: drivers, and the waits of PyVISA's own resources (query_delay, SRQ).
PREFIXES = ("pymeasure.instruments", "pymeasure.adapters", "pyvisa.resources")

#: Bench time that reading the clock takes, so that ``while time() < end`` ends in virtual time too [s].
READING_COST_S = 50e-6

_NAMES = ("time", "sleep", "monotonic", "perf_counter")


class _TimeModule(ModuleType):
    """Stands for the module ``time`` where a driver imported it whole."""

    def __init__(self, replacements: dict[str, Callable[..., Any]]):
        super().__init__("time", time.__doc__)
        self.__dict__.update(replacements)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class TimeScope:
    """Rebinds the time functions of chosen modules as long as any bench is open that needs it.

    Parameters
    ----------
    prefixes : tuple of str
        Names of the modules; everything below them is included.
    """

    def __init__(self, prefixes: tuple[str, ...] = PREFIXES):
        self._below = tuple(f"{prefix}." for prefix in prefixes)
        # Reentrant: a forgotten manager is collected, and closes its bench, in whatever thread makes an object next.
        self._lock = threading.RLock()
        self._current = threading.local()
        self._epochs: dict[int, tuple[Clock, float]] = {}  # id of an open clock -> clock, wall time of its zero
        self._rebound: list[tuple[dict[str, Any], str, Any, Any]] = []  # globals, name, original, replacement
        self._visited: set[str] = set()
        functions: dict[str, Callable[..., Any]] = {
            "time": self._time,
            "sleep": self._sleep,
            "monotonic": self._monotonic,
            "perf_counter": self._monotonic,
        }
        module = _TimeModule(functions)
        self._replacements = {id(getattr(time, name)): functions[name] for name in _NAMES} | {id(time): module}

    def enter(self, clock: Clock) -> None:
        """Open a bench with this clock, and rebind."""
        with self._lock:
            self._epochs[id(clock)] = clock, time.time() - clock.now()
        self.apply()

    def leave(self, clock: Clock) -> None:
        """Close a bench; the last one puts everything back."""
        with self._lock:
            self._epochs.pop(id(clock), None)
            if self._epochs:
                return
            for names, name, original, replacement in self._rebound:
                if names.get(name) is replacement:
                    names[name] = original
            self._rebound.clear()
            self._visited.clear()

    def apply(self) -> None:
        """Rebind in modules that were imported since the last time; called whenever a session opens."""
        with self._lock:
            if not self._epochs:
                return
            for module_name, module in list(sys.modules.items()):
                if module_name in self._visited or not self._chosen(module_name):
                    continue
                names = getattr(module, "__dict__", {})
                for name, value in list(names.items()):
                    replacement = self._replacements.get(id(value))
                    if replacement is not None:
                        self._rebound.append((names, name, value, replacement))
                        names[name] = replacement
                self._visited.add(module_name)

    def _chosen(self, module_name: str) -> bool:
        return f"{module_name}.".startswith(self._below)  # every module that is loaded, whenever a session opens

    def use(self, clock: Clock) -> None:
        """Note that the calling thread talks to the bench with this clock."""
        self._current.clock = clock

    def _bench_clock(self) -> tuple[Clock, float] | None:
        clock = getattr(self._current, "clock", None)
        return None if clock is None else self._epochs.get(id(clock))

    def _reading(self) -> tuple[float, float] | None:
        found = self._bench_clock()
        if found is None:
            return None
        clock, epoch = found
        cost = getattr(clock, "cost", None)
        if cost is not None:
            cost(READING_COST_S)
        return clock.now(), epoch

    def _time(self) -> float:
        reading = self._reading()
        return time.time() if reading is None else reading[0] + reading[1]

    def _monotonic(self) -> float:
        reading = self._reading()
        return time.monotonic() if reading is None else reading[0]

    def _sleep(self, seconds: float) -> None:
        found = self._bench_clock()
        if found is None:
            time.sleep(seconds)
        elif seconds < 0:
            raise ValueError("sleep length must be non-negative")
        else:
            found[0].sleep(seconds)


#: The one scope of this process.
scope = TimeScope()
