"""Kepco BOP 50-20MG bipolar supply, and the electromagnet that it drives.

Reference: Kepco BOP 1 kW (MG) operator manual, remote operation through the built-in IEEE 488.2 interface.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument
from pymeasure.instruments.kepco import KepcoBOP3612
from pymeasure.instruments.validators import strict_range

from sotlab.errors import InstrumentError
from sotlab.instruments.field_line import FieldLine
from sotlab.instruments.ramped_field import RampedField, RampedFieldOptions

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


class ElectromagnetOptions(RampedFieldOptions):
    """Options of a Kepco-driven electromagnet as ``field``."""

    #: Field at the sample per ampere [T/A], where there is no calibration. Hysteresis comes on top; read a gaussmeter.
    tesla_per_ampere: float = Option(gt=0.0)
    #: Compliance [V]; 40 V is enough for 20 A through 2 ohm.
    compliance_V: float = Option(default=40.0, gt=0.0, le=50.0)


class Electromagnet(RampedField):
    """An electromagnet on a Kepco BOP 50-20MG that fills the role ``field``. Safe state: ramped to 0 A, output off."""

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
    drive_unit = "A"

    def configure(self) -> None:
        """Take over without a jump: current mode and compliance first, then the output at the current it has."""
        supply = self.instrument
        supply.clear()
        if self._on() and self.answered(lambda: supply.operating_mode, "FUNC:MODE?") != "CURR":
            raise InstrumentError(
                f"{self.limits.role}: the supply is on in voltage mode; switch it off at its front panel first"
            )
        if not self._on():
            supply.operating_mode = "CURR"
            supply.current_setpoint = 0.0
        supply.voltage_setpoint = self.options.compliance_V
        self.raise_errors()
        self._drive = self._programmed_A()

    def line_of_options(self) -> FieldLine:
        """Return a straight line without remanence."""
        return FieldLine(self.options.tesla_per_ampere, self.options.tesla_per_ampere)

    def check(self, field_T: float) -> None:
        """Raise LimitError if the station does not allow ``field_T``, or the current that it takes."""
        self.limits.check("field_T", field_T)
        for branch in (-1, 1):
            self.limits.check("current_A", self._line.drive(field_T, branch))

    def switch_on(self) -> None:
        """Switch the output on if it is off."""
        if not self._on():
            self.instrument.output_enabled = True

    def send_drive(self, drive: float) -> None:
        """Send a current [A]."""
        self.instrument.current_setpoint = drive

    def make_safe(self) -> None:
        """Ramp to zero, then switch the output off; at most 30 s whatever the rate."""
        try:
            if self._on():
                self._drive = self._programmed_A()
                self.ramp_drive(0.0, self.safe_rate_T_per_s(self._field_T))
        finally:
            self.instrument.output_enabled = False

    def _on(self) -> bool:
        return bool(self.answered(lambda: self.instrument.output_enabled, "OUTP?"))

    def _programmed_A(self) -> float:
        return self.measured(lambda: self.instrument.current_setpoint, "CURR?")
