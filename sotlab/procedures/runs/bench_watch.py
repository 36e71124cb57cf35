"""Watches what is done on a bench in a rehearsal: how long outputs are on, and what is read before it has settled.

It stands between a procedure and the drivers, so that it knows of any procedure what that does not tell.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sotlab.clock import Clock
from sotlab.errors import StationError
from sotlab.instruments.driver import Driver
from sotlab.instruments.sample import Sample
from sotlab.instruments.station import Station
from sotlab.instruments.station_file import StationConfig
from sotlab.instruments.trace import Trace

__all__ = ["BenchWatch", "Hasty", "RehearsalStation", "open_rehearsal"]

#: Methods of roles after which something else reaches the sample.
CHANGES = (
    "connect", "move_to", "ramp_drive_to", "ramp_to", "run_at", "select", "set_current", "set_frequency",
    "set_harmonic", "set_open", "set_output", "set_power", "set_transmission", "set_voltage", "set_wave", "settle_at",
)  # fmt: skip

#: Of these, what switches an output on or off by whether its argument is 0.
SWITCHES = ("ramp_to", "ramp_drive_to", "set_output", "set_open")

#: What part of its settling time a lock-in may lack before it is worth a word: the time of its own messages.
TOLERANCE = 0.05


@dataclass(frozen=True)
class Hasty:
    """A reading that came before its filter had settled."""

    role: str
    after: str
    waited_s: float
    needed_s: float

    def __str__(self) -> str:
        """Return it as a warning."""
        return (
            f"{self.role} is read {self.waited_s:.3g} s after {self.after} has changed, but its filter needs"
            f" {self.needed_s:.3g} s to come within 0.1 %: wait longer, or shorten its time constant"
        )


class BenchWatch:
    """What has happened on a bench.

    Parameters
    ----------
    clock : Clock
        The bench's clock.

    Attributes
    ----------
    hasty : dict of str to Hasty
        By role, the reading that came earliest for its filter.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._on_since: dict[str, float] = {}
        self._on_s: dict[str, float] = {}
        self._last: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._changed: tuple[float, str] | None = None
        self.hasty: dict[str, Hasty] = {}

    def on_times(self) -> dict[str, float]:
        """Return how long each output has been on [s]: a field that is not zero, an output that is switched on."""
        now = self._clock.now()
        times = dict(self._on_s)
        for role, since in self._on_since.items():
            times[role] = times.get(role, 0.0) + now - since
        return times

    def observe(self, role: str, driver: Driver) -> None:
        """Watch one driver from now on."""
        for name in CHANGES:
            if callable(getattr(driver, name, None)):
                self._wrap(driver, name, functools.partial(self._note_change, role, name))
        if callable(getattr(driver, "make_safe", None)):
            self._wrap(driver, "make_safe", functools.partial(self._note_change, role, "make_safe"))
        if driver.role == "lockin":
            self._wrap(driver, "read_phasor", lambda *_: self._note_reading(role, driver))

    def _wrap(self, driver: Any, name: str, note: Callable[..., None]) -> None:
        method = getattr(driver, name)

        @functools.wraps(method)
        def watched(*args: Any, **kwargs: Any) -> Any:
            given = tuple(value for value in (*args, *kwargs.values()) if not callable(value))
            if name in SWITCHES and given and given[0]:
                self._on_since.setdefault(driver_key, self._clock.now())
            result = method(*args, **kwargs)
            note(*given)
            return result

        driver_key = note.args[0] if isinstance(note, functools.partial) else ""
        setattr(driver, name, watched)

    def _note_change(self, role: str, name: str, *given: Any) -> None:
        now = self._clock.now()
        if (name in SWITCHES and not (given and given[0])) or name == "make_safe":
            since = self._on_since.pop(role, None)
            if since is not None:
                self._on_s[role] = self._on_s.get(role, 0.0) + now - since
        if self._last.get((role, name)) != given:  # to set what is set already changes nothing
            self._changed = now, role
        self._last[role, name] = given
        if name == "make_safe":
            self._last = {key: value for key, value in self._last.items() if key[0] != role}

    def _note_reading(self, role: str, driver: Any) -> None:
        if self._changed is None:
            return
        changed_s, after = self._changed
        waited_s = self._clock.now() - changed_s
        needed_s = driver.settling_s
        if waited_s < needed_s * (1.0 - TOLERANCE):
            worst = self.hasty.get(role)
            if worst is None or waited_s / needed_s < worst.waited_s / worst.needed_s:
                self.hasty[role] = Hasty(role, f"'{after}'", waited_s, needed_s)


class _NoMark:
    """The mark that outputs may be on is the real station's: a rehearsal neither sets it nor takes it away."""

    def read(self) -> None:
        """Return None: on this bench nothing was left."""

    def set(self, *_: Any) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Do nothing."""


class RehearsalStation(Station):
    """A station on its virtual bench, watched."""

    def __init__(self, config: StationConfig, path: Any, spec: str, trace: Trace | None = None) -> None:
        super().__init__(config, path, spec, trace)
        self.watch = BenchWatch(self.clock)
        self.mark: Any = _NoMark()
        #: What the operator would be asked to do.
        self.asked: list[str] = []

    def ask_operator(self, message: str) -> None:
        """Note what the operator would be asked to do, and take it as done."""
        self.asked.append(message)

    def open_role(self, role: str) -> Driver:
        """Open one more instrument, or return it if it is open."""
        is_new = role not in self.drivers
        driver = super().open_role(role)
        if is_new:
            self.watch.observe(role, driver)
        return driver

    def the_sample(self) -> Sample | None:
        """Return the station's own sample, if it names one."""
        return None if self.config.station.sample is None else self.sample()


def open_rehearsal(spec: str) -> RehearsalStation:
    """Open the virtual bench that stands for a station, in virtual time; the station's own instruments are not touched.

    Drivers, options, limits and rates are the station's.

    Raises
    ------
    StationError
        If the station names no bench.
    """
    config, path = StationConfig.load(spec)
    if config.rehearsal is None:
        raise StationError(
            f"{path.name}: [rehearsal] bench is missing: the virtual bench with the same addresses, as in bench ="
            ' "stfmr"; sotlab lab list shows those that there are'
        )
    bench = config.rehearsal.bench
    if (path.parent / bench.partition("?")[0]).is_file():
        bench = str(path.parent / bench)
    library = f"{bench}{'&' if '?' in bench else '?'}clock=virtual@sotlab"
    table = config.station.model_copy(update={"visa_library": library})
    station = RehearsalStation(config.model_copy(update={"station": table}), path, spec)
    try:
        sample = station.the_sample()
        if sample is not None:
            station.protect(sample)
    except BaseException:
        station.close()
        raise
    return station
