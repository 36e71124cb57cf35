"""Kepco BOP 50-20MG bipolar supply, and the electromagnet that it drives.

Reference: Kepco BOP 1 kW (MG) operator manual, remote operation through the built-in IEEE 488.2 interface.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument
from pymeasure.instruments.kepco import KepcoBOP3612
from pymeasure.instruments.validators import strict_range

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options

__all__ = ["Electromagnet", "KepcoBOP5020MG"]


class KepcoBOP5020MG(KepcoBOP3612):
    """Represents the 1 kW BOP 50-20MG; PyMeasure's driver is for the 400 W BOP 36-12 with another interface.

    Set points have all the digits that the 16 bit converter resolves, and one beyond the range is refused rather
    than clipped in silence.
    """

    _Vmax = 50
    _Imax = 20

    current_setpoint = Instrument.control(
        "CURR?",
        "CURR %.5E",
        """Control the programmed current in A (float).""",
        validator=strict_range,
        values=[-20, 20],
    )

    voltage_setpoint = Instrument.control(
        "VOLT?",
        "VOLT %.5E",
        """Control the programmed voltage in V: the compliance in current mode (float).""",
        validator=strict_range,
        values=[-50, 50],
    )


class ElectromagnetOptions(Options):
    """Options of a Kepco-driven electromagnet as ``field``."""

    #: Field at the sample per ampere [T/A]: the coil's calibration. Hysteresis comes on top; read a gaussmeter.
    tesla_per_ampere: float = Option(gt=0.0)
    #: L/R of the coil with its leads [s].
    time_constant_s: float = Option(default=0.2, ge=0.0)
    #: Compliance [V]; 40 V is enough for 20 A through 2 ohm.
    compliance_V: float = Option(default=40.0, gt=0.0, le=50.0)
    #: A step has settled when what is left of it is less than this [T].
    settled_T: float = Option(default=1e-6, gt=0.0)


class Electromagnet(Driver):
    """An electromagnet on a Kepco BOP 50-20MG that fills the role ``field``. Safe state: ramped to 0 A, output off.

    A change of the field is sent as steps of at most 0.1 s at the station's ``field_rate_T_per_s``; afterwards the
    coil is given the time that its L/R needs.
    """

    role = "field"
    instrument_class = KepcoBOP5020MG
    identity = r"KEPCO.*BOP\s*50-20"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "field_T": (-math.inf, math.inf),
        "field_rate_T_per_s": (0.0, math.inf),
        "current_A": (-20.0, 20.0),
    }
    options_model = ElectromagnetOptions
    safe_state = "ramped to 0 A, output off"

    STEP_S = 0.1

    def configure(self) -> None:
        """Take over without a jump: current mode and compliance first, then the output at the current it has."""
        supply = self.instrument
        supply.clear()
        if supply.output_enabled and supply.operating_mode != "CURR":
            raise InstrumentError(
                f"{self.limits.role}: the supply is on in voltage mode; switch it off at its front panel first"
            )
        if not supply.output_enabled:
            supply.operating_mode = "CURR"
            supply.current_setpoint = 0.0
        supply.voltage_setpoint = self.options.compliance_V
        self.raise_errors()
        self._current_A = self.number(supply.current_setpoint, "CURR?")

    @property
    def _rate_A_per_s(self) -> float:
        return self.limits.ranges["field_rate_T_per_s"][1] / self.options.tesla_per_ampere

    def check(self, field_T: float) -> None:
        """Raise LimitError if the station does not allow ``field_T``, or the current that it takes."""
        self.limits.check("field_T", field_T)
        self.limits.check("current_A", field_T / self.options.tesla_per_ampere)

    def ramp_to(self, field_T: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Ramp to ``field_T`` and wait until the coil's current has settled."""
        self.check(field_T)
        if not self.instrument.output_enabled:
            self.instrument.output_enabled = True
        self._ramp_current(field_T / self.options.tesla_per_ampere, should_stop)
        self.raise_errors()

    def ramp_time_s(self, from_T: float, to_T: float) -> float:
        """Return the ramp's and the settling time [s]."""
        travel_T = abs(to_T - from_T)
        rate_T_per_s = self.limits.ranges["field_rate_T_per_s"][1]
        steps = math.ceil(travel_T / (rate_T_per_s * self.STEP_S) - 1e-9)
        return max(steps - 1, 0) * self.STEP_S + self._settling_s(travel_T / max(steps, 1))

    def make_safe(self) -> None:
        """Ramp to zero, then switch the output off; at most 30 s whatever the rate."""
        supply = self.instrument
        if supply.output_enabled:
            self._current_A = self.number(supply.current_setpoint, "CURR?")
            self._ramp_current(0.0, None, rate_A_per_s=max(self._rate_A_per_s, abs(self._current_A) / 30.0))
        supply.output_enabled = False

    def _ramp_current(
        self, current_A: float, should_stop: Callable[[], bool] | None, rate_A_per_s: float | None = None
    ) -> None:
        start_A = self._current_A
        step_A = (rate_A_per_s or self._rate_A_per_s) * self.STEP_S
        steps = math.ceil(abs(current_A - start_A) / step_A - 1e-9)
        for k in range(1, steps + 1):
            if should_stop is not None and should_stop():
                return
            # The last step is the target itself, not a sum of steps.
            target_A = current_A if k == steps else start_A + (current_A - start_A) * k / steps
            self.instrument.current_setpoint = target_A
            self._current_A = target_A
            if k < steps:
                self.clock.sleep(self.STEP_S, should_stop)
        if steps:
            last_T = abs(current_A - start_A) / steps * self.options.tesla_per_ampere
            self.clock.sleep(self._settling_s(last_T), should_stop)

    def _settling_s(self, step_T: float) -> float:
        """Return the time after which less than ``settled_T`` of a step, and of the ramp's lag, is left [s]."""
        lag_T = step_T * max(1.0, self.options.time_constant_s / self.STEP_S)
        if lag_T <= self.options.settled_T:
            return 0.0
        return self.options.time_constant_s * math.log(lag_T / self.options.settled_T)
