"""What magnets that are driven by a set point have in common: a field that is ramped by steps, and then settles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

from pydantic import Field as Option

from sotlab.instruments.driver import Driver, Options

__all__ = ["RampedField", "RampedFieldOptions"]


class RampedFieldOptions(Options):
    """Options of every magnet that is ramped by steps."""

    #: L/R of the coil with its leads [s].
    time_constant_s: float = Option(default=0.2, ge=0.0)
    #: A step has settled when what is left of it is less than this [T].
    settled_T: float = Option(default=1e-6, gt=0.0)


class RampedField(Driver):
    """A magnet that fills the role ``field`` through a set point.

    A change of the field is sent as steps of at most 0.1 s at the station's ``field_rate_T_per_s``; afterwards the
    coil is given the time that its L/R needs. A driver has ``check``, ``make_safe`` and the methods below that raise
    NotImplementedError, limits ``field_T`` and ``field_rate_T_per_s``, and keeps ``_field_T``: the field that belongs,
    by the calibration, to the set point that was sent last.
    """

    role = "field"

    STEP_S: ClassVar[float] = 0.1
    #: Making safe ramps for no longer than this, whatever the rate [s].
    SAFE_WITHIN_S: ClassVar[float] = 30.0

    _field_T = 0.0

    def check(self, field_T: float) -> None:
        """Raise LimitError if the station does not allow ``field_T``, or what it takes."""
        raise NotImplementedError

    def switch_on(self) -> None:
        """Switch the output on if it is off."""
        raise NotImplementedError

    def send_field(self, field_T: float) -> None:
        """Send the set point that belongs to a field [T]."""
        raise NotImplementedError

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

    def ramp(self, field_T: float, rate_T_per_s: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Send the steps to a field, checking nothing, and wait until it has settled."""
        start_T = self._field_T
        steps = self._steps(abs(field_T - start_T), rate_T_per_s)
        for k in range(1, steps + 1):
            if should_stop is not None and should_stop():
                return
            # The last step is the target itself, not a sum of steps.
            target_T = field_T if k == steps else start_T + (field_T - start_T) * k / steps
            self.send_field(target_T)
            self._field_T = target_T
            if k < steps:
                self.clock.sleep(self.STEP_S, should_stop)
        if steps:
            self.clock.sleep(self._settling_s(abs(field_T - start_T) / steps), should_stop)

    def safe_rate_T_per_s(self, travel_T: float) -> float:
        """Return the station's rate, or a faster one that makes safe in bounded time [T/s]."""
        return max(self.rate_T_per_s, abs(travel_T) / self.SAFE_WITHIN_S)

    def _steps(self, travel_T: float, rate_T_per_s: float) -> int:
        return math.ceil(travel_T / (rate_T_per_s * self.STEP_S) - 1e-9)

    def _settling_s(self, step_T: float) -> float:
        """Return the time after which less than ``settled_T`` of a step, and of the ramp's lag, is left [s]."""
        lag_T = step_T * max(1.0, self.options.time_constant_s / self.STEP_S)
        if lag_T <= self.options.settled_T:
            return 0.0
        return self.options.time_constant_s * math.log(lag_T / self.options.settled_T)
