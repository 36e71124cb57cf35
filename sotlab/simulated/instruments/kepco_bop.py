"""Kepco BOP 50-20MG, a bipolar supply of the 1 kW line, with a magnet at its output.

Switched off it lets the coil's current decay with L/R, in every one of the three ``OUTPut:MODE``: the voltage spike of
an opened circuit (BATTERY) is not modelled.
"""

from __future__ import annotations

import math
from typing import ClassVar

from sotlab.simulated.device import ScpiDevice, command, query, setting
from sotlab.simulated.physics.detect import quantise
from sotlab.simulated.scpi import Boolean, Choice, Number

__all__ = ["KepcoBOP5020MG"]

RATED_V, RATED_A = 50.0, 20.0
#: Steps of the read-back converters over the full scale of both signs.
READBACK_STEPS = 2**16

#: The operator manual of the BOP 1KW-MG, firmware 2.38 to 2.47.
MANUAL = "BOP 1KW-MG manual 080709"


def scientific(value: float) -> str:
    """Write a number as the manual shows it: 2.71E1 for 27.1 (manual, B.2)."""
    mantissa, exponent = f"{value:.6E}".split("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{int(exponent)}"


class KepcoBOP5020MG(ScpiDevice):
    """A supply in current or voltage mode; the other quantity is the limit, of either sign."""

    manufacturer: ClassVar[str] = "KEPCO"
    model: ClassVar[str] = "BOP 50-20MG"
    version: ClassVar[str] = "2.47"
    error_reply: ClassVar[str] = '{code:d},"{text}"'

    output = setting("OUTPut[:STATe]", Boolean(), default=False, source=f"{MANUAL}, B.13 and B.14")
    output_mode = setting(
        "OUTPut:MODE", Choice("ACTIVE", "RESISTIVE", "BATTERY"), default="ACTIVE", resets=False,
        source=f"{MANUAL}, B.15 and B.16",
    )  # fmt: skip
    controlled = setting(
        "[SOURce]:FUNCtion:MODE", Choice("VOLTage", "CURRent"), default="VOLT",
        reply=lambda mode: "1" if mode == "CURR" else "0", source="unverified; 0/1 in two drivers",
    )  # fmt: skip
    current_limit = setting(
        "[SOURce]:CURRent[:LEVel]:LIMit[:BOTH]", unit="A", default=RATED_A, minimum=0.0, maximum=RATED_A,
        reply=scientific, resets=False, source=f"{MANUAL}, B.19 and B.20",
    )  # fmt: skip
    voltage_limit = setting(
        "[SOURce]:VOLTage[:LEVel]:LIMit[:BOTH]", unit="V", default=RATED_V, minimum=0.0, maximum=RATED_V,
        reply=scientific, resets=False, source="BOP 1KW-MG manual 031912, B.88",
    )  # fmt: skip
    current_limit_positive = setting(
        "[SOURce]:CURRent[:LEVel]:LIMit:POSitive", unit="A", default=RATED_A, minimum=0.0, maximum=RATED_A,
        reply=scientific, resets=False, source="BOP 1KW-MG manual 022108, B.47 and B.48",
    )  # fmt: skip
    current_limit_negative = setting(
        "[SOURce]:CURRent[:LEVel]:LIMit:NEGative", unit="A", default=RATED_A, minimum=0.0, maximum=RATED_A,
        reply=scientific, resets=False, source="BOP 1KW-MG manual 022108, B.46 and before",
    )  # fmt: skip
    current = setting(
        "[SOURce]:CURRent[:LEVel][:IMMediate][:AMPlitude]", unit="A", default=0.0,
        minimum=lambda device: -device.current_limit_negative, maximum=lambda device: device.current_limit_positive,
        reply=scientific, source=f"{MANUAL}, B.17 and B.18",
    )  # fmt: skip
    voltage = setting(
        "[SOURce]:VOLTage[:LEVel][:IMMediate][:AMPlitude]", unit="V", default=0.0,
        minimum=lambda device: -device.voltage_limit, maximum=lambda device: device.voltage_limit,
        reply=scientific, source="BOP 1KW-MG manual 031912, B.86 and B.87",
    )  # fmt: skip
    remote = setting(
        "SYSTem:REMote", Boolean(), default=True, resets=False, source="unverified; needed on serial lines"
    )

    @current_limit.on_change
    def _limit_both(self) -> None:
        """Let the limit of both signs be that of each."""
        self.current_limit_positive = self.current_limit_negative = self.current_limit

    @output.on_change
    @controlled.on_change
    @current.on_change
    @voltage.on_change
    def _drive(self) -> None:
        magnet, now_s = self.bench.magnet, self.lab.clock.now()
        if not self.output:
            magnet.release(now_s)
            return
        # The other quantity is the limit; a coil that warms up comes to a limit of voltage later than a cold one.
        if self.controlled == "CURR":
            wanted_A, limit_V = self.current, abs(self.voltage)
        else:
            wanted_A, limit_V = math.copysign(abs(self.current), self.voltage), abs(self.voltage)
        magnet.set_current(now_s, wanted_A, limit_V)

    @query(
        "MEASure[:SCALar]:CURRent[:DC]", Number("A", optional=True), Number("A", optional=True),
        source="BOP HIPWR manual 031912, 3.6.6; full header in the MST 488-27 manual, B.10",
    )  # fmt: skip
    def measure_current(self, *expected: float) -> str:
        """Return the current that flows [A]; a range after the question mark is accepted and ignored."""
        current_A = self.bench.magnet.current_A(self.lab.clock.now())
        return scientific(quantise(current_A, 2 * RATED_A / READBACK_STEPS))

    @query(
        "MEASure[:SCALar]:VOLTage[:DC]", Number("V", optional=True), Number("V", optional=True),
        source="BOP HIPWR manual 031912, 3.6.6",
    )  # fmt: skip
    def measure_voltage(self, *expected: float) -> str:
        """Return the voltage at the terminals [V]."""
        voltage_V = self.bench.magnet.voltage_V(self.lab.clock.now())
        return scientific(quantise(voltage_V, 2 * RATED_V / READBACK_STEPS))

    @command(
        "MEMory:UPDate", Choice("LIM", "OUTP", "SER", "INT", "LAN"), source="BOP 1KW-MG manual, B.11; words unverified"
    )
    def store(self, what: str) -> None:
        """Keep limits or the output's mode for the next power-on: they are kept here anyway."""

    @command("SYSTem:BEEP", source="unverified; PyMeasure")
    def beep(self) -> None:
        """Beep."""

    @query("DIAGnostic:TST", source="unverified; PyMeasure")
    def power_test(self) -> int:
        """Return 0, passed."""
        return 0
