"""A channel of the PNA: its sweeps in time and what they measured, and the measurements that show it.

Channels sweep independently of each other here; hardware takes turns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sotlab.simulated.instruments.pna_n5222b import N5222B

__all__ = ["Channel", "Marker", "Trace"]

#: Time per point besides that of the IF filter [s].
POINT_S = 20e-6


@dataclass
class Marker:
    """A marker; ``x`` is None until it is set, which is the middle of the sweep."""

    on: bool = False
    discrete: bool = False
    x: float | None = None


@dataclass
class Trace:
    """A measurement: its name, S-parameter, channel, format and markers."""

    name: str
    parameter: str
    channel: int
    format: str = "MLOG"
    markers: dict[int, Marker] = field(default_factory=dict)


class Channel:
    """One channel's sweeps over the device's settings for it."""

    def __init__(self, device: N5222B, number: int):
        self.device, self.number = device, number
        self.mode = "CONT"
        self.least_sweep_s = 0.0
        self.last_start_Hz = device.start[number]
        self.busy_until = -1.0
        self._seen: tuple[Any, ...] = ()
        self._data: np.ndarray | None = None
        self._averaged, self._armed = 0, 0.0
        self._began_s, self._period_s = device.lab.clock.now(), 1.0
        self._wanted, self._done = 0.0, 0

    def _setting(self, name: str) -> Any:
        return self.device.values[name][self.number]

    @property
    def waits(self) -> bool:
        """Return whether a trigger would be taken: armed, and no sweep under way."""
        return self._armed > 0 and not self._wanted

    # sweeping

    def follow(self, *, anew: bool = False) -> None:
        """Drop the sweep under way and its data, and begin again unless in hold, if a setting has changed."""
        now = tuple(self._setting(name) for name in self.device.stimulus_settings)
        if anew or now != self._seen:
            self._seen, self._data = now, None
            self.begin()

    def begin(self, mode: str | None = None) -> None:
        """Begin the mode's sweeps; those of a manual or external trigger wait for it."""
        self.mode = mode or self.mode
        sweeps = {"HOLD": 0.0, "SING": 1.0, "GRO": float(self._setting("groups")), "CONT": math.inf}
        self._rearm(sweeps[self.mode])

    def _rearm(self, sweeps: float) -> None:
        self._averaged, self._armed, self.busy_until = 0, sweeps, -1.0
        self.sweep(sweeps if self.device.trigger_source == "IMM" else 0.0)

    def restart(self) -> None:
        """Stop the sweep; a free-running channel begins anew."""
        self.catch_up()
        self._rearm(self._armed)

    def sweep(self, sweeps: float) -> None:
        """Sweep so often from now on."""
        self._began_s, self._period_s = self.device.lab.clock.now(), self.sweep_time_s()
        self._wanted, self._done = sweeps, 0
        if 0 < sweeps < math.inf:
            self.busy_until = self._began_s + sweeps * self._period_s
        self.device.note_busy()

    def clear_average(self) -> None:
        """Begin to average anew."""
        self.catch_up()
        self._averaged = 0

    def sweep_time_s(self) -> float:
        """Return how long a sweep takes [s]: once for each port that must drive, each averaging by points."""
        shown = [trace for trace in self.device.traces.values() if trace.channel == self.number]
        drives = len({trace.parameter[2] for trace in shown}) or 1
        by_points = self._setting("averaging") and self._setting("average_mode") == "POIN"
        times = self._setting("average_count") if by_points else 1
        point_s = times / self._setting("bandwidth") + POINT_S
        return max(drives * self._setting("points") * point_s, self.least_sweep_s)

    def catch_up(self) -> None:
        """Take what the sweeps that ended since the last look have measured."""
        # A thousandth of a sweep is forgiven, so that the end that *OPC? waited for counts as reached.
        passed = (self.device.lab.clock.now() - self._began_s) / self._period_s
        done = int(min(int(passed + 1e-3), self._wanted))
        if done <= self._done:
            return
        self._averaged += done - self._done
        self._done = done
        averages = 1
        if self._setting("averaging"):
            count = self._setting("average_count")
            averages = count if self._setting("average_mode") == "POIN" else min(self._averaged, count)
        self._data = self.device.bench.network.measure(
            self.frequencies_Hz(), self._began_s + done * self._period_s, power_dBm=self._setting("power"),
            bandwidth_Hz=self._setting("bandwidth"), averages=averages, on=self.device.output,
        )  # fmt: skip
        if self._done >= self._wanted:
            self._armed -= self._wanted
            self._wanted = self._done = 0
            if self._armed <= 0:
                self.mode = "HOLD"

    # data

    def frequencies_Hz(self) -> np.ndarray:
        """Return the frequency of each point [Hz]."""
        points, kind = self._setting("points"), self._setting("sweep_type")
        if kind == "CW":
            return np.full(points, self._setting("cw"))
        spaced = np.geomspace if kind == "LOG" else np.linspace
        return spaced(self._setting("start"), self._setting("stop"), points)

    def stimulus(self) -> np.ndarray:
        """Return what the points stand over: frequency [Hz], or time [s] at one frequency."""
        if self._setting("sweep_type") == "CW":
            return np.linspace(0.0, self.sweep_time_s(), self._setting("points"))
        return self.frequencies_Hz()

    def complex_values(self, trace: Trace) -> np.ndarray:
        """Return the S-parameter at each point, zeros before a sweep has ended."""
        self.catch_up()
        if self._data is None:
            return np.zeros(self._setting("points"), complex)
        row, column = int(trace.parameter[1]) - 1, int(trace.parameter[2]) - 1
        return np.ascontiguousarray(self._data[row, column])

    def formatted(self, trace: Trace) -> np.ndarray:
        """Return the measurement in its format; polar and Smith charts are pairs."""
        values = self.complex_values(trace)
        magnitude = np.abs(values)
        match trace.format:
            case "MLOG":
                return 20 * np.log10(np.maximum(magnitude, 1e-25))  # a zero shows as -500 dB
            case "MLIN":
                return magnitude
            case "PHAS":
                return np.degrees(np.angle(values))
            case "UPH":
                return np.degrees(np.unwrap(np.angle(values)))
            case "REAL" | "IMAG":
                return np.real(values) if trace.format == "REAL" else np.imag(values)
            case "SWR":
                return (1 + magnitude) / np.maximum(np.abs(1 - magnitude), 1e-12)
            case "GDEL":
                frequencies_Hz = self.frequencies_Hz()
                if len(values) < 2 or not frequencies_Hz[-1] > frequencies_Hz[0]:
                    return np.zeros(len(values))
                return -np.gradient(np.unwrap(np.angle(values)), frequencies_Hz) / (2 * np.pi)
            case _:
                return values.view(float)

    def marker_x(self, marker: Marker) -> float:
        """Return where a marker is: a discrete one at the nearest point, and any within the sweep."""
        points = self.stimulus()
        x = float(points[0] + points[-1]) / 2 if marker.x is None else min(max(marker.x, points[0]), points[-1])
        return float(points[np.argmin(np.abs(points - x))]) if marker.discrete else float(x)

    def marker_y(self, trace: Trace, marker: Marker) -> tuple[float, float]:
        """Return what a marker shows: the formatted value and 0, or real and imaginary part of a chart."""
        x, points, values = self.marker_x(marker), self.stimulus(), self.formatted(trace)
        if len(values) == len(points):
            return float(np.interp(x, points, values)), 0.0
        return float(np.interp(x, points, values[::2])), float(np.interp(x, points, values[1::2]))
