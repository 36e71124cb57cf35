"""Terahertz emission on the fly: the stage moves evenly while the lock-in records by its own clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from scipy.constants import c

from sotlab.errors import InstrumentError
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Quantity, Text
from sotlab.procedures.runs.scan import AnalysisInput, Point
from sotlab.procedures.thz_fly_plan import REST_S, FlyPlan, plan_fly
from sotlab.procedures.thz_scan import ThzScan

__all__ = ["ThzFlyScan"]

#: The stage is asked where it is every so often [s].
POLL_S = 0.02
#: How far from its target the stage may stand after a pass, and be off the straight line within it [m].
ASTRAY_M = 5e-6
#: Samples within the window at least.
SAMPLES_WITHIN = 16
#: Fewer readings of the position within the window do not make a straight line.
FEWEST_POLLS = 4


class ThzFlyScan(ThzScan):
    """Scan the delay on the fly: passes forwards and backwards, each recorded as a whole.

    One row is one pass, its cells are the arrays of all samples. The position of each sample is the stage's voltage at
    an auxiliary input of the lock-in (``position`` "aux 3" or "aux 4", of an SR830), calibrated in each pass by the
    encoder where the stage stands before and after; or, with "polls", on the straight line through readings of the
    encoder with the time at which each was taken. ``scans`` are pairs of passes, there and back, at one field.

    Speed, time constant and sample rate are chosen by ``highest``, the end of the band that is wanted, where they are
    0; a scan that would cut the band is refused. ``analyse thz`` undoes what the low pass does within the band, and
    takes off what lies between forward and backward passes.
    """

    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        "thz",
        columns={"delay": "Delay (s)", "signal": "X (V)", "power": "Power (W)"},
        axes={"scan": "Pass (1)", "field": "Field Set (T)", "rate": "Rate (1)"},
    )
    COLUMNS = (
        "Scan (1)", "Pass (1)", "Field Set (T)", "Rate (1)", "Delay (s)", "X (V)", "Y or Aux (V)", "Position (m)",
        "Power (W)", "Poll Time (s)", "Poll Position (m)",
    )  # fmt: skip
    ROLES = tuple(role for role in ThzScan.ROLES if role != "lockin")

    highest = Quantity(
        "Highest", "Hz", default=2.5e12, minimum=1e10, maximum=1e14, description="End of the band that is wanted"
    )
    recorder = Text("Recorder", default="lockin", description="Role of the lock-in that records")
    position = Choice("Position", choices=["polls", "aux 3", "aux 4"], default="polls", description="Of each sample")
    speed = Quantity(
        "Speed", "", default=0.0, minimum=0.0, maximum=1e-8, description="Delay per time, 1e-11 is 10 ps/s; 0: chosen"
    )
    time_constant = Quantity("Time constant", "s", default=0.0, minimum=0.0, maximum=10.0, description="0: chosen")
    sampling = Quantity("Sampling", "Hz", default=0.0, minimum=0.0, maximum=1e6, description="0: chosen")

    def one_scan(self) -> Iterable[Mapping[str, float]]:
        """Yield a pass forwards and a pass backwards."""
        yield {"direction": 1.0}
        yield {"direction": -1.0}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Plan the passes, and check where they begin and end against the station's limits."""
        super().check_plan(points, bench)
        bench.open_role(self.recorder)
        self._planned(bench)
        for direction in (1.0, -1.0):
            for position in self._ends_m(direction):
                bench["delay"].check(position)

    def _planned(self, bench: Station) -> FlyPlan:
        self._fly = plan_fly(
            self.lockin(bench),
            bench["delay"],
            window_s=self.stop - self.start,
            passes=self._line()["passes"],
            highest_Hz=self.highest,
            chopping_Hz=self.chopping,
            rate=self.speed,
            time_constant_s=self.time_constant,
            sample_rate_Hz=self.sampling,
        )
        return self._fly

    def _ends_m(self, direction: float) -> tuple[float, float]:
        """Return where a pass begins and ends, with its run-up [m]; forwards the delay rises."""
        first, last = sorted((self.position_of_m(self.start), self.position_of_m(self.stop)))
        ends = first - self._fly.run_up_m, last + self._fly.run_up_m
        return ends if direction * self._line()["sign"] > 0 else (ends[1], ends[0])

    def prepare(self, bench: Station) -> None:
        """Set the time constant, then as in steps."""
        fly = self._planned(bench)
        self.lockin(bench).set_time_constant(fly.time_constant_s)
        self.tell(
            "fly_plan",
            rate=fly.rate,
            velocity_m_per_s=fly.velocity_m_per_s,
            time_constant_s=fly.time_constant_s,
            poles=fly.poles,
            transmission=fly.transmission,
            sample_rate_Hz=fly.sample_rate_Hz,
            pass_s=fly.pass_s,
        )
        super().prepare(bench)

    def lockin(self, bench: Station) -> Any:
        """Return the lock-in that records."""
        return bench[self.recorder]

    def begin_m(self, point: Point) -> float:
        """Return where a pass begins [m]."""
        return self._ends_m(point.settings["direction"])[0]

    def apply(self, point: Point, bench: Station) -> None:
        """Go to field and to where the pass begins."""
        self.set_up(point, bench)
        bench["delay"].move_to(self.begin_m(point), self.should_stop)
        bench.clock.sleep(self.lockin(bench).settling_s, self.should_stop)

    def measure(self, point: Point, bench: Station) -> dict[str, Any] | None:
        """Let the stage go and the lock-in record; return all samples with their delays."""
        lockin, stage, fly = self.lockin(bench), bench["delay"], self._fly
        end_m = self._ends_m(point.settings["direction"])[1]
        from_m = stage.read_position()
        aux = None if self.position == "polls" else int(self.position[-1])
        rate_Hz = lockin.start_recording(fly.sample_rate_Hz, fly.samples, aux=aux)
        bench.clock.sleep(REST_S, self.should_stop)
        if self.should_stop():
            return None
        ends_s = bench.clock.now() + stage.start_move(end_m, fly.velocity_m_per_s)
        polls = self._follow(bench, ends_s)
        samples = lockin.read_recording(self.should_stop)
        if self.should_stop():
            return None
        to_m = stage.read_position()
        if abs(to_m - end_m) > ASTRAY_M:
            raise InstrumentError(
                f"delay: the stage stands at {to_m * 1e3:.4f} mm after a pass to {end_m * 1e3:.4f} mm: a limit switch,"
                " or something in its way? The pass is not kept"
            )
        time_s = lockin.recording_start_s() + np.arange(len(samples)) / rate_Hz
        if aux is None:
            at_m = self._along_polls(time_s, polls)
        else:
            at_m = _by_voltage(samples[:, 1], from_m, to_m, max(int(REST_S / 2 * rate_Hz), 2))
        delay = self.delay_at_s(at_m)
        within = (delay > self.start) & (delay < self.stop)
        if within.sum() < SAMPLES_WITHIN or delay.min() > self.start or delay.max() < self.stop:
            raise InstrumentError(
                f"delay: the {len(samples)} samples of a pass go from {delay.min() * 1e12:.3g} to"
                f" {delay.max() * 1e12:.3g} ps, {self.start * 1e12:.3g} to {self.stop * 1e12:.3g} ps was asked: the"
                " buffer was full before the stage had passed. The pass is not kept"
            )
        slope = np.polyfit(time_s[within] - time_s[0], delay[within], 1)[0]
        return {
            "Scan (1)": int(point.settings["scan"]) + 1,
            "Pass (1)": 2 * int(point.settings["scan"]) + (1 if point.settings["direction"] > 0 else 2),
            "Field Set (T)": point.settings["field_T"],
            "Rate (1)": float(slope),
            "Delay (s)": delay,
            "X (V)": samples[:, 0],
            "Y or Aux (V)": samples[:, 1],
            "Position (m)": at_m,
            "Power (W)": self.power_W(bench),
            "Poll Time (s)": polls[:, 0] - time_s[0],
            "Poll Position (m)": polls[:, 1],
            **self.told_around(point, bench),
        }

    def _follow(self, bench: Station, ends_s: float) -> np.ndarray:
        """Return times and positions, read until the stage has come to rest."""
        clock, polls = bench.clock, []
        while clock.now() < ends_s and not self.should_stop():
            before_s = clock.now()
            at_m = bench["delay"].read_position()
            polls.append(((before_s + clock.now()) / 2, at_m))
            clock.sleep(POLL_S, self.should_stop)
        return np.array(polls).reshape(-1, 2)

    def _along_polls(self, time_s: np.ndarray, polls: np.ndarray) -> np.ndarray:
        """Return the position at each sample: straight within the window, from reading to reading outside."""
        at_m = np.interp(time_s, polls[:, 0], polls[:, 1])
        edge_s = (self._fly.run_up_m - self._ramp_m()) * 2 * self._line()["passes"] / c / 2
        delay = self.delay_at_s(polls[:, 1])
        within = (delay > self.start - edge_s) & (delay < self.stop + edge_s)
        if within.sum() < FEWEST_POLLS:
            raise InstrumentError(
                f"delay: {within.sum()} readings of the position within the window, {FEWEST_POLLS} are the least; scan"
                " more slowly, or record the position at an auxiliary input"
            )
        t, x = polls[within].T
        line = np.polyfit(t - t[0], x, 1)
        astray_m = float(np.abs(np.polyval(line, t - t[0]) - x).max())
        if astray_m > ASTRAY_M:
            raise InstrumentError(
                f"delay: the stage was {astray_m * 1e6:.3g} um off an even motion within the window,"
                f" {ASTRAY_M * 1e6:g} um is the most: did it stall? The pass is not kept"
            )
        even = (time_s >= t[0]) & (time_s <= t[-1])
        at_m[even] = np.polyval(line, time_s[even] - t[0])
        return at_m

    def _ramp_m(self) -> float:
        return 0.0 if self.bench is None else self.bench["delay"].run_up_m(self._fly.velocity_m_per_s)

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of ramp, of coming to the beginning, and of the pass [s]."""
        pass_s = self._fly.pass_s + self.lockin(bench).settling_s + self.power_time_s(bench)
        if before is None:
            return pass_s
        end_m = self._ends_m(before.settings["direction"])[1]
        back_s = bench["delay"].move_time_s(end_m, self.begin_m(point))
        return self.set_up_time_s(before, point, bench) + back_s + pass_s

    def analysis_settings(self, bench: Station) -> dict[str, Any]:
        """Return the window and the low pass."""
        fly = self._planned(bench)
        return {
            "start": self.start,
            "stop": self.stop,
            "time_constant": fly.time_constant_s,
            "poles": fly.poles,
        }


def _by_voltage(voltage_V: np.ndarray, from_m: float, to_m: float, rest: int) -> np.ndarray:
    """Return positions from what stands at the auxiliary input, by where the stage stood before and after."""
    first_V, last_V = float(np.mean(voltage_V[:rest])), float(np.mean(voltage_V[-rest:]))
    noise_V = float(np.std(voltage_V[:rest]) + np.std(voltage_V[-rest:]))
    if abs(last_V - first_V) < max(20.0 * noise_V, 1e-3):
        raise InstrumentError(
            f"delay: the auxiliary input went from {first_V:.4g} to {last_V:.4g} V while the stage went from"
            f" {from_m * 1e3:.4g} to {to_m * 1e3:.4g} mm: is the stage's position connected, within +-10 V?"
        )
    return from_m + (voltage_V - first_V) * (to_m - from_m) / (last_V - first_V)
