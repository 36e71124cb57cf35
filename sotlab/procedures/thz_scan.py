"""What terahertz delay scans have in common, in steps or on the fly: beam, field, chopper, delay axis, repeats.

A scan is repeated at fields + - - +, so that a linear drift is the same for both signs. The beam is blocked whenever
the station is made safe. Series (``thz_series.py``) put something around the scans: an angle, a transmission.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from sotlab.analysis.thz.delay import delay_s, position_m
from sotlab.errors import InstrumentError, PlanError, SotlabError
from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Flag, Integer, Quantity, Text
from sotlab.procedures.runs.reduce import reduce_rows
from sotlab.procedures.runs.scan import Point, Scan

__all__ = ["ThzScan"]

#: Scans that are added at once while the uncertainty is not reached: one at each sign of the field, twice.
ADDED = 4
#: Time between two looks at the hygrometer [s].
LOOK_S = 5.0


class ThzScan(Scan):
    """A delay scan, repeated at fields of both signs; a subclass says how one scan goes (:meth:`one_scan`).

    With ``wanted`` scans are added, four at a time, until the field ratio to the run ``reference`` (without one: the
    signal's own amplitude) has this relative uncertainty, or there are ``most_scans``. With ``beam`` blocked the
    shutter stays closed: a dark scan, for the dynamic range. With ``humidity`` the run waits until the air is as dry.
    With ``mount`` the operator is asked for the sample first.

    The delay is t = sign 2 passes (x - zero)/c, as the stage's calibration ``stage_zero`` has it, or, without one or
    with ``axis`` "as given", by the parameters.
    """

    ROLES = ("shutter", "pump_attenuator", "chopper", "delay", "lockin", "field")
    X_AXIS = "Delay (s)"
    Y_AXIS = "X (V)"

    start = Quantity("Start", "s", default=-2e-12, minimum=-1e-6, maximum=1e-6)
    stop = Quantity("Stop", "s", default=4e-12, minimum=-1e-6, maximum=1e-6)
    scans = Integer("Scans", default=4, minimum=1, maximum=100_000, description="At +B, -B, -B, +B, ...")
    field = Quantity("Field", "T", default=0.1, minimum=-20.0, maximum=20.0, description="Of the first scan")
    parity = Choice("Parity", choices=["both", "one"], default="both", description="Fields of both signs, or of one")
    chopping = Quantity("Chopping frequency", "Hz", default=6e3, minimum=1.0, maximum=1e5)
    transmission = Quantity(
        "Transmission", "1", default=1.0, minimum=0.0, maximum=1.0, description="Of the pump's attenuator"
    )
    beam = Choice("Beam", choices=["open", "blocked"], default="open", description="Blocked: a dark scan")
    axis = Choice("Axis", choices=["calibrated", "as given"], default="calibrated", description="Of the delay")
    passes = Integer("Passes", default=1, minimum=1, maximum=8, description="How often the light goes to and fro")
    sign = Choice("Sign", choices=["+1", "-1"], default="+1", description="Of the delay as the position rises")
    zero = Quantity("Zero", "m", default=0.0, minimum=-10.0, maximum=10.0, description="Position at delay 0")
    wanted = Quantity(
        "Wanted", "", default=0.0, minimum=0.0, maximum=1.0, description="Relative sigma of the ratio; 0: not asked"
    )
    reference = Text("Reference", default="", description="Run folder of the reference, for the wanted sigma")
    most_scans = Integer("Most scans", default=64, minimum=1, maximum=100_000, description="With a wanted sigma")
    humidity = Quantity("Humidity", "", default=0.0, minimum=0.0, maximum=1.0, description="To wait for; 0: no wait")
    patience = Quantity("Patience", "s", default=7200.0, minimum=0.0, maximum=1e6, description="Of that wait")
    mount = Flag("Mount", default=False, description="Ask the operator for the sample first")

    # -- what a subclass says ------------------------------------------------------------------------------------

    def one_scan(self) -> Iterable[Mapping[str, float]]:
        """Yield the settings of one scan at one field."""
        raise NotImplementedError

    def around(self) -> Iterable[Mapping[str, float]]:
        """Yield what a series puts around the scans."""
        yield {}

    def go_around(self, point: Point, bench: Station) -> None:
        """Go to a setting of the series."""

    def told_around(self, point: Point, bench: Station) -> dict[str, Any]:
        """Return the series' columns."""
        return {}

    def power_time_s(self, bench: Station) -> float:
        """Return how long :meth:`power_W` takes [s]."""
        return bench["power_meter"].reading_time_s if "power_meter" in bench else 0.0

    def around_time_s(self, before: Point, point: Point, bench: Station) -> float:
        """Return how long :meth:`go_around` takes [s]."""
        return 0.0

    # -- the plan ------------------------------------------------------------------------------------------------

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the scans, at fields + - - +, at each setting of the series."""
        number = count()
        for around in self.around():
            for scan in range(self.scans):
                yield from self._scan(next(number), scan, around)

    def _scan(self, number: int, scan: int, around: Mapping[str, float]) -> Iterable[Mapping[str, float]]:
        turned = self.parity == "both" and scan % 4 in (1, 2)
        for one in self.one_scan():
            yield {**around, "scan": float(number), "field_T": -self.field if turned else self.field, **one}

    def refine(self, rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, float]]:
        """Yield further scans while the wanted uncertainty is not reached."""
        if not rows or self.wanted == 0.0:
            return
        done = int(max(row["Scan (1)"] for row in rows))
        if done < self.most_scans and not self._is_known(rows):
            for number in range(done, min(done + ADDED, self.most_scans)):
                yield from self._scan(number, number, {})

    def _is_known(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether the ratio, or without a reference the odd part, has the wanted relative uncertainty."""
        settings = self.analysis_settings(self._open_bench())
        try:
            found = reduce_rows(self, rows, settings, {"reference": Path(self.reference)} if self.reference else {})
        except SotlabError:
            return False
        value = found.results["ratio" if self.reference else "odd"]
        return value.value is not None and value.sigma is not None and value.sigma <= self.wanted * abs(value.value)

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check fields and series against the station's limits; open the hygrometer if it is waited for."""
        if self.stop <= self.start:
            raise PlanError(f"{type(self).__name__}: stop {self.stop * 1e12:g} ps must be after start")
        if self.wanted and len([*self.around()]) > 1:
            raise PlanError(f"{type(self).__name__}: a wanted sigma is for one setting, not for a series; leave it 0")
        if self.humidity and "humidity" not in bench:
            raise PlanError(f"{type(self).__name__}: the station has no role 'humidity' to wait for; set humidity to 0")
        if "power_meter" in bench:
            bench.open_role("power_meter")
        for field_T in {point.settings["field_T"] for point in points}:
            bench["field"].check(field_T)

    # -- the bench -----------------------------------------------------------------------------------------------

    def prepare(self, bench: Station) -> None:
        """Let the sample be put in, spin the chopper up and wait for dry air; the beam is still blocked."""
        if self.mount and not self.past.rows:
            bench.ask_operator(f"put the sample {self.the_sample().name} into the beam and close the purge box")
        bench["chopper"].run_at(self.chopping, self.should_stop)
        if self.humidity:
            self._wait_for_dry_air(bench)

    def _wait_for_dry_air(self, bench: Station) -> None:
        latest_s = bench.clock.now() + self.patience
        while (found := bench["humidity"].read_humidity()) > self.humidity and not self.should_stop():
            if bench.clock.now() >= latest_s:
                raise InstrumentError(
                    f"humidity: {100 * found:.3g} % after {self.patience:g} s, {100 * self.humidity:.3g} % was asked;"
                    " is the purge on, the box closed?"
                )
            bench.clock.sleep(LOOK_S, self.should_stop)
        self.tell("humidity", relative=found)

    def approach(self, point: Point, bench: Station) -> None:
        """Ramp the field, go to where the scan begins, then let the beam pass."""
        self._set_field(point, bench)
        self.go_around(point, bench)
        bench["delay"].move_to(self.begin_m(point), self.should_stop)
        if "transmission" not in point.settings:  # else the series has set it
            bench["pump_attenuator"].set_transmission(self.transmission)
        if self.beam == "open" and not self.should_stop():
            bench["shutter"].set_open(True)
        with suppress(InstrumentError):  # what the lock-in remembers of the time before the chopper was locked
            self.lockin(bench).read_phasor()

    def power_W(self, bench: Station) -> float:
        """Return the pump's power by the power meter [W], where the station has one: nan without."""
        return bench["power_meter"].read_power() if "power_meter" in bench else math.nan

    def begin_m(self, point: Point) -> float:
        """Return the position at which a point begins [m]."""
        raise NotImplementedError

    def lockin(self, bench: Station) -> Any:
        """Return the lock-in that is read."""
        return bench["lockin"]

    def _set_field(self, point: Point, bench: Station) -> None:
        bench["field"].ramp_to(point.settings["field_T"], self.should_stop)

    def set_up(self, point: Point, bench: Station) -> None:
        """Bring field and series to what a point asks for."""
        self._set_field(point, bench)
        self.go_around(point, bench)

    def set_up_time_s(self, before: Point, point: Point, bench: Station) -> float:
        """Return how long :meth:`set_up` takes [s]."""
        field_s = bench["field"].ramp_time_s(before.settings["field_T"], point.settings["field_T"])
        return field_s + self.around_time_s(before, point, bench)

    # -- the delay axis ------------------------------------------------------------------------------------------

    def _line(self) -> dict[str, Any]:
        known = None if self.bench is None or self.axis != "calibrated" else self.bench["delay"].delay_line
        if known is None:
            return {"passes": self.passes, "sign": int(self.sign), "zero_position_m": self.zero}
        sign = 1 if known.passes > 0 else -1
        return {"passes": round(abs(known.passes)), "sign": sign, "zero_position_m": known.zero_m}

    def delay_at_s(self, position_m_: np.ndarray | float) -> np.ndarray:
        """Return the delay at positions of the stage [s]."""
        return delay_s(np.asarray(position_m_, float), **self._line())

    def position_of_m(self, delay_s_: float) -> float:
        """Return the stage's position at a delay [m]."""
        return float(position_m(delay_s_, **self._line()))
