"""A motorised optical attenuator with SCPI: the generic one of the virtual lab, and a pattern for a real one."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument, SCPIMixin
from pymeasure.instruments.validators import strict_range

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options

__all__ = ["MotorisedAttenuator", "PumpAttenuator"]

#: What the wheel can do [dB], and how fast [dB/s].
MOST_DB, SPEED_DB_PER_S = 40.0, 10.0


class MotorisedAttenuator(SCPIMixin, Instrument):
    """Represents the motorised attenuator."""

    def __init__(self, adapter: Any, name: str = "motorised attenuator", **kwargs: Any) -> None:
        super().__init__(adapter, name, **kwargs)

    attenuation = Instrument.control(
        "ATT?",
        "ATT %.6f",
        """Control the attenuation to which the wheel goes in dB (float from 0 to 40).""",
        validator=strict_range,
        values=[0, MOST_DB],
    )

    attenuation_measured = Instrument.measurement("ATT:POS?", """Measure where the wheel is in dB (float).""")

    moving = Instrument.measurement(
        "ATT:MOV?", """Get whether the wheel moves (bool).""", values={True: 1, False: 0}, map_values=True
    )

    def stop(self) -> None:
        """Stop the wheel where it is."""
        self.write("ATT:STOP")


class AttenuatorOptions(Options):
    """Options of the attenuator as ``pump_attenuator``."""

    #: The wheel has arrived when it is nearer than this [dB].
    tolerance_dB: float = Option(default=0.05, gt=0.0, le=1.0)


class PumpAttenuator(Driver):
    """A motorised attenuator that fills the role ``pump_attenuator``. Safe state: lowest transmission.

    The station limits the attenuation: ``attenuation_dB = [3, 40]`` lets at most half of the power pass.
    """

    role = "pump_attenuator"
    instrument_class = MotorisedAttenuator
    identity = r"motorised attenuator"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {"attenuation_dB": (0.0, MOST_DB)}
    options_model = AttenuatorOptions
    harmless = frozenset({"check"})
    safe_state = "lowest transmission"

    #: Time between two looks at the wheel [s], and how long it may take over its travel [s].
    POLL_S, PATIENCE_S = 0.05, 5.0

    def configure(self) -> None:
        """Forget errors of before; the wheel stays where it is."""
        self.instrument.clear()

    @staticmethod
    def _attenuation_dB(transmission: float) -> float:
        return -10.0 * math.log10(transmission) + 0.0 if transmission > 0.0 else math.inf

    def check(self, transmission: float) -> None:
        """Raise LimitError if the station does not allow a transmission."""
        self.limits.check("attenuation_dB", self._attenuation_dB(transmission))

    def set_transmission(self, transmission: float) -> None:
        """Let this part of the power pass, 0 to 1, and return when the wheel has moved."""
        self.check(transmission)
        self._go_to(self._attenuation_dB(transmission))

    def read_transmission(self) -> float:
        """Return the transmission where the wheel is."""
        return 10.0 ** (-self.measured(lambda: self.instrument.attenuation_measured, "ATT:POS?") / 10.0)

    def _go_to(self, attenuation_dB: float) -> None:
        self.instrument.attenuation = attenuation_dB
        latest_s = self.clock.now() + MOST_DB / SPEED_DB_PER_S + self.PATIENCE_S
        while self.answered(lambda: self.instrument.moving, "ATT:MOV?"):
            if self.clock.now() > latest_s:
                raise InstrumentError(
                    f"{self.limits.role}: the wheel has not arrived at {attenuation_dB:.3g} dB in time; is it stuck?"
                )
            self.clock.sleep(self.POLL_S)
        self.raise_errors()
        seen_dB = self.measured(lambda: self.instrument.attenuation_measured, "ATT:POS?")
        if abs(seen_dB - attenuation_dB) > self.options.tolerance_dB:
            raise InstrumentError(
                f"{self.limits.role}: {attenuation_dB:.3g} dB asked, the wheel stands at {seen_dB:.3g} dB; is it stuck?"
            )

    def make_safe(self) -> None:
        """Go to the highest attenuation that the station allows; at most 9 s."""
        self._go_to(self.limits.ranges["attenuation_dB"][1])
