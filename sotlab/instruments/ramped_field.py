"""What magnets that are driven by a set point have in common: a field that is ramped by steps, and then settles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Protocol

from pydantic import Field as Option

from sotlab.instruments.driver import Driver, Options
from sotlab.instruments.field_line import FieldLine
from sotlab.units import pretty

__all__ = ["FieldAgainstDrive", "RampedField", "RampedFieldOptions"]


class RampedFieldOptions(Options):
    """Options of every magnet that is ramped by steps."""

    #: L/R of the coil with its leads [s].
    time_constant_s: float = Option(default=0.2, ge=0.0)
    #: A step has settled when what is left of it is less than this [T].
    settled_T: float = Option(default=1e-6, gt=0.0)


class FieldAgainstDrive(Protocol):
    """Field against what drives a magnet; ``branch`` is +1 while the drive falls, -1 while it rises, 0 if unknown."""

    def field_T(self, drive: float, branch: int = 0) -> float:
        """Return the field that belongs to a drive [T]."""
        ...

    def drive(self, field_T: float, branch: int = 0) -> float:
        """Return the drive that belongs to a field [A or V]."""
        ...


class RampedField(Driver):
    """A magnet that fills the role ``field`` through a set point, its drive: a current or a voltage.

    A change of the field is sent as steps of at most 0.1 s at the station's ``field_rate_T_per_s``; afterwards the
    coil is given the time that its L/R needs. A driver has ``check``, ``make_safe`` and the methods below that raise
    NotImplementedError, limits ``field_T`` and ``field_rate_T_per_s``, and keeps ``_drive``: the set point that was
    sent last.

    A calibration of the kind ``coil`` takes the place of what the options say of field against drive. With its
    remanence the same field takes another drive on the way up than on the way down; where the way turns round, the
    drive goes on from where it is, without a jump.
    """

    role = "field"
    calibrated_by = frozenset({"coil"})

    STEP_S: ClassVar[float] = 0.1
    #: Making safe ramps for no longer than this, whatever the rate [s].
    SAFE_WITHIN_S: ClassVar[float] = 30.0
    #: What the drive is measured in.
    drive_unit: ClassVar[str]

    _drive = 0.0
    _branch = 0
    _line: FieldAgainstDrive

    def check(self, field_T: float) -> None:
        """Raise LimitError if the station does not allow ``field_T``, or what it takes."""
        raise NotImplementedError

    def switch_on(self) -> None:
        """Switch the output on if it is off."""
        raise NotImplementedError

    def send_drive(self, drive: float) -> None:
        """Send a set point [A or V]."""
        raise NotImplementedError

    def line_of_options(self) -> FieldAgainstDrive:
        """Return field against drive as the options have it, where there is no calibration."""
        raise NotImplementedError

    def use_calibrations(self) -> None:
        """Take field against drive from the calibration, else from the options."""
        coil = self.calibrations.get("coil")
        self._line = self.line_of_options() if coil is None else FieldLine.from_calibration(coil, self.drive_unit)

    @property
    def drive(self) -> float:
        """The set point that was sent last [A or V]."""
        return self._drive

    @property
    def rate_T_per_s(self) -> float:
        """The fastest that the station allows [T/s]."""
        return self.limits.ranges["field_rate_T_per_s"][1]

    def ramp_to(self, field_T: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Ramp to ``field_T`` and wait until the coil's current has settled."""
        self.check(field_T)
        self.switch_on()
        self.ramp(field_T, self.rate_T_per_s, should_stop)
        self.raise_errors()

    def ramp_time_s(self, from_T: float, to_T: float) -> float:
        """Return the ramp's and the settling time [s]."""
        travel_T = abs(to_T - from_T)
        steps = self._steps(travel_T, self.rate_T_per_s)
        return max(steps - 1, 0) * self.STEP_S + self._settling_s(travel_T / max(steps, 1))

    def check_drive(self, drive: float) -> None:
        """Raise LimitError if the station does not allow a drive, or the field that it makes [A or V]."""
        for branch in (-1, 1):
            self.check(self._line.field_T(drive, branch))

    def ramp_drive_to(self, drive: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Ramp to a drive at the rate of the field, and wait until it has settled: for who calibrates [A or V]."""
        self.check_drive(drive)
        self.switch_on()
        self.ramp_drive(drive, self.rate_T_per_s, should_stop)
        self.raise_errors()

    def drive_time_s(self, from_drive: float, to_drive: float) -> float:
        """Return the ramp's and the settling time between two drives [s]."""
        return self.ramp_time_s(self._line.field_T(from_drive), self._line.field_T(to_drive))

    def ramp_drive(self, drive: float, rate_T_per_s: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Send the steps to a drive, checking nothing, and wait until it has settled [A or V]."""
        if drive != self._drive:
            self._branch = 1 if drive < self._drive else -1
        self.ramp(self._line.field_T(drive, self._branch), rate_T_per_s, should_stop)

    def ramp(self, field_T: float, rate_T_per_s: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Send the steps to a field, checking nothing, and wait until it has settled."""
        self._branch = self._branch_towards(field_T)
        start_T = self._field_T
        steps = self._steps(abs(field_T - start_T), rate_T_per_s)
        for k in range(1, steps + 1):
            if should_stop is not None and should_stop():
                return
            # The last step is the target itself, not a sum of steps.
            target_T = field_T if k == steps else start_T + (field_T - start_T) * k / steps
            drive = self._line.drive(target_T, self._branch)
            self.send_drive(drive)
            self._drive = drive
            if k < steps:
                self.clock.sleep(self.STEP_S, should_stop)
        if steps:
            self.clock.sleep(self._settling_s(abs(field_T - start_T) / steps), should_stop)

    @property
    def _field_T(self) -> float:
        """The field that belongs to the set point that was sent last [T]."""
        return self._line.field_T(self._drive, self._branch)

    def _branch_towards(self, field_T: float) -> int:
        """Return the branch on which the way to a field lies: the present one as long as the drive need not turn."""
        if abs(field_T - self._field_T) <= self.options.settled_T:
            return self._branch
        for branch in (self._branch, -self._branch) if self._branch else (1, -1):
            if (self._drive - self._line.drive(field_T, branch)) * branch > 0.0:
                return branch
        return self._branch

    def safe_rate_T_per_s(self, travel_T: float) -> float:
        """Return the station's rate, or a faster one that makes safe in bounded time [T/s]."""
        return max(self.rate_T_per_s, abs(travel_T) / self.SAFE_WITHIN_S)

    def way_to_safety(self) -> tuple[str, float]:
        """Return the ramp of making safe in words, and its time [s], from the set point that was sent last."""
        start_T, end_T = self._field_T, self._line.field_T(0.0)
        travel_T = abs(start_T - end_T)
        steps = self._steps(travel_T, self.safe_rate_T_per_s(travel_T))
        if not steps:
            return "off", 0.0
        time_s = (steps - 1) * self.STEP_S + self._settling_s(travel_T / steps)
        start, end = (pretty(float(f"{field_T:.3g}"), None, "T") for field_T in (start_T, end_T))
        return f"ramping {start} → {end}", time_s

    def _steps(self, travel_T: float, rate_T_per_s: float) -> int:
        return math.ceil(travel_T / (rate_T_per_s * self.STEP_S) - 1e-9)

    def _settling_s(self, step_T: float) -> float:
        """Return the time after which less than ``settled_T`` of a step, and of the ramp's lag, is left [s]."""
        lag_T = step_T * max(1.0, self.options.time_constant_s / self.STEP_S)
        if lag_T <= self.options.settled_T:
            return 0.0
        return self.options.time_constant_s * math.log(lag_T / self.options.settled_T)
