"""Keysight (Agilent) E8257D PSG analog signal generator, option 540 with the step attenuator 1E1.

Not modelled, so refused with an error: frequency and power sweeps. An external modulation input has nothing
connected to it. A lock-in's reference is taken from the LF output, or from the sync of an internal modulation that is
on: the bench is told the envelope's shape and its frequency.
"""

from __future__ import annotations

from typing import ClassVar

from sotlab.simulated.device import ScpiDevice, command, query, setting
from sotlab.simulated.physics.rf import Envelope
from sotlab.simulated.scpi import Boolean, Choice, Number

__all__ = ["E8257D"]

LOWEST_HZ, HIGHEST_HZ = 250e3, 40e9
LOWEST_DBM, HIGHEST_DBM = -135.0, 25.0
#: Above this the levelling loop gives up: the output stays here and the instrument says "unleveled" [dBm].
LEVELLED_DBM = 20.0

#: Mean square of a modulating wave of amplitude 1.
_MEAN_SQUARE = {
    "SINE": 1 / 2, "TRI": 1 / 3, "SQU": 1.0, "RAMP": 1 / 3, "NOIS": 1 / 3, "DUAL": 1 / 2, "SWEP": 1 / 2,
}  # fmt: skip

#: Shapes of amplitude modulation that have one frequency.
PERIODIC = ("SINE", "TRI", "SQU", "RAMP")

#: Bit of the questionable status that sums up the power's, and the bit "unleveled" in that [SCPI-1999 and memory].
POWER_SUMMARY, UNLEVELED = 8, 2


def nr3(value: float) -> str:
    """Write a number as the PSG command reference does, +5.00000000E+001 (p. 247 and others)."""
    mantissa, exponent = f"{value:+.8E}".split("E")
    return f"{mantissa}E{int(exponent):+04d}"


def _frequency(header: str, default_Hz: float):
    return setting(
        header, unit="HZ", default=default_Hz, minimum=LOWEST_HZ, maximum=HIGHEST_HZ,
        reply="{:+.13E}", on_out_of_range="clip",
        source="header: N5181A/82A MXG SCPI reference, p. 4, and three drivers; format unverified",
    )  # fmt: skip


def _power(header: str, default_dBm: float = LOWEST_DBM):
    return setting(
        header, unit="DBM", default=default_dBm, minimum=LOWEST_DBM, maximum=HIGHEST_DBM,
        reply=nr3, on_out_of_range="clip", source="unverified; header in PyMeasure and two other drivers",
    )  # fmt: skip


class E8257D(ScpiDevice):
    """A microwave source; out-of-range values are clipped, with error -222."""

    manufacturer: ClassVar[str] = "Agilent Technologies"
    model: ClassVar[str] = "E8257D"
    version: ClassVar[str] = "C.06.28"

    frequency = _frequency("[SOURce]:FREQuency[:CW|:FIXed]", HIGHEST_HZ)
    mode = setting("[SOURce]:FREQuency:MODE", Choice("CW", "FIXed"), default="CW", source="unverified")
    start = _frequency("[SOURce]:FREQuency:STARt", HIGHEST_HZ)
    stop = _frequency("[SOURce]:FREQuency:STOP", HIGHEST_HZ)
    power = _power("[SOURce]:POWer[:LEVel][:IMMediate][:AMPLitude]")
    power_start = _power("[SOURce]:POWer:STARt")
    power_stop = _power("[SOURce]:POWer:STOP")
    phase = setting(
        "[SOURce]:PHASe[:ADJust]", unit="RAD", default=0.0, minimum=-3.15, maximum=3.15, reply=nr3,
        source="unverified; radians in two drivers",
    )  # fmt: skip
    dwell = setting("[SOURce]:SWEep:DWELl#", unit="S", default=2e-3, minimum=1e-3, maximum=60.0, source="unverified")
    points = setting("[SOURce]:SWEep:POINts", default=2, minimum=2, maximum=65535, integer=True, source="unverified")
    output = setting("OUTPut[:STATe]", Boolean(), default=False, source="unverified; 1/0 in two drivers")
    modulation = setting("OUTPut:MODulation[:STATe]", Boolean(), default=True, source="unverified")

    am = setting("[SOURce]:AM#:STATe", Boolean(), default=False, source="unverified")
    am_depth = setting(
        "[SOURce]:AM#[:DEPTh][:LINear]", unit="PCT", default=0.1, minimum=0.0, maximum=100.0, reply=nr3,
        on_out_of_range="clip", source="unverified",
    )  # fmt: skip
    am_source = setting(
        "[SOURce]:AM#:SOURce", Choice("INTernal", "INT1", "INT2", "EXTernal", "EXT1", "EXT2"), default="INT",
        source="unverified",
    )  # fmt: skip
    am_frequency = setting(
        "[SOURce]:AM#:INTernal#:FREQuency", unit="HZ", default=400.0, minimum=0.1, maximum=1e6, reply=nr3,
        on_out_of_range="clip", source="unverified",
    )  # fmt: skip
    am_shape = setting(
        "[SOURce]:AM#:INTernal#:FUNCtion#:SHAPe",
        Choice("SINE", "TRIangle", "SQUare", "RAMP", "NOISe", "DUALsine", "SWEPtsine"),
        default="SINE", source="unverified",
    )  # fmt: skip

    pulse = setting("[SOURce]:PULM:STATe", Boolean(), default=False, source="unverified")
    pulse_source = setting(
        "[SOURce]:PULM:SOURce", Choice("INTernal", "EXTernal", "SCALar"), default="INT", source="unverified"
    )
    pulse_input = setting(
        "[SOURce]:PULM:SOURce:INTernal", Choice("SQUare", "FRUN", "TRIGgered", "DOUBlet", "GATEd"), default="FRUN",
        source="unverified",
    )  # fmt: skip
    pulse_frequency = setting(
        "[SOURce]:PULM:INTernal#:FREQuency", unit="HZ", default=400.0, minimum=0.1, maximum=10e6, reply=nr3,
        on_out_of_range="clip", source="unverified",
    )  # fmt: skip
    pulse_period = setting(
        "[SOURce]:PULM:INTernal#:PERiod", unit="S", default=80e-6, minimum=70e-9, maximum=42.0, reply=nr3,
        on_out_of_range="clip", source="unverified",
    )  # fmt: skip
    pulse_width = setting(
        "[SOURce]:PULM:INTernal#:PWIDth", unit="S", default=40e-6, minimum=10e-9, maximum=42.0, reply=nr3,
        on_out_of_range="clip", source="unverified",
    )  # fmt: skip

    lf_output = setting("[SOURce]:LFOutput:STATe", Boolean(), default=False, source="unverified")
    lf_amplitude = setting(
        "[SOURce]:LFOutput:AMPLitude", unit="VP", default=0.0, minimum=0.0, maximum=3.5, reply=nr3,
        on_out_of_range="clip", source="unverified",
    )  # fmt: skip
    lf_source = setting(
        "[SOURce]:LFOutput:SOURce",
        Choice("INTernal", "INT1", "INT2", "FUNCtion", "FUNC1", "FUNC2"),
        default="INT", source="unverified",
    )  # fmt: skip

    @frequency.on_change
    @power.on_change
    @output.on_change
    @modulation.on_change
    @am.on_change
    @am_depth.on_change
    @am_source.on_change
    @am_frequency.on_change
    @am_shape.on_change
    @pulse.on_change
    @pulse_source.on_change
    @pulse_input.on_change
    @pulse_frequency.on_change
    @pulse_period.on_change
    @pulse_width.on_change
    @lf_output.on_change
    @lf_amplitude.on_change
    @lf_source.on_change
    def _drive(self) -> None:
        envelope, modulation_Hz = self._modulation()
        self.bench.rf.set(
            frequency_Hz=self.frequency,
            power_dBm=min(self.power, LEVELLED_DBM),
            on=self.output,
            mean_square=self._envelope_mean_square(),
            envelope=envelope,
            modulation_Hz=modulation_Hz,
        )

    def _modulation(self) -> tuple[Envelope | None, float | None]:
        """Return what an internal modulation makes of the power, and the frequency at the LF or the sync output."""
        if self.modulation and self.pulse and 0.0 < self._duty() < 1.0:
            square = self.pulse_input == "SQU"
            return Envelope("PULSE", 1.0, self._duty()), self.pulse_frequency if square else 1.0 / self.pulse_period
        if self.modulation and self.am and self.am_source.startswith("INT") and self.am_shape in PERIODIC:
            return Envelope(self.am_shape, self.am_depth / 100.0), self.am_frequency
        monitored = self.lf_output and self.lf_amplitude > 0.0 and self.lf_source.startswith("INT")
        return None, self.am_frequency if monitored else None

    def _envelope_mean_square(self) -> float:
        """Return the mean square of the envelope: ``1 + depth^2 <w^2>`` for AM, the duty cycle for pulses."""
        mean_square = 1.0
        if self.modulation and self.am and self.am_source.startswith("INT"):
            mean_square += (self.am_depth / 100) ** 2 * _MEAN_SQUARE[self.am_shape]
        if self.modulation and self.pulse:
            mean_square *= self._duty()
        return mean_square

    def _duty(self) -> float:
        """Return the fraction of time in which pulse modulation lets the carrier through."""
        if self.pulse_source != "INT" or self.pulse_input not in ("SQU", "FRUN"):
            return 0.0  # waits for a signal or a trigger that never comes
        return 0.5 if self.pulse_input == "SQU" else min(self.pulse_width / self.pulse_period, 1.0)

    @query("[SOURce]:FREQuency:CENTer", source="unverified")
    def center(self) -> str:
        """Return the middle of start and stop [Hz]."""
        return f"{(self.start + self.stop) / 2:+.13E}"

    @command("[SOURce]:FREQuency:CENTer", Number("HZ", LOWEST_HZ, HIGHEST_HZ), source="unverified")
    def set_center(self, center_Hz: float) -> None:
        """Move start and stop, keeping their distance as far as the range allows."""
        half_Hz = min(abs(self.stop - self.start) / 2, center_Hz - LOWEST_HZ, HIGHEST_HZ - center_Hz)
        self.start, self.stop = center_Hz - half_Hz, center_Hz + half_Hz

    @query("STATus:QUEStionable:POWer:CONDition", source="unverified; bit 1 from memory")
    def power_condition(self) -> int:
        """Return 2 while the output is unleveled: set above what it can level, or failing to reach its level."""
        unlevelled = self.power > LEVELLED_DBM or getattr(self.bench.rf, "unlevelled", False)
        return UNLEVELED if self.output and unlevelled else 0

    @query("STATus:QUEStionable:CONDition", source="SCPI-1999 volume 1, 9.4: bit 3 sums up the power's register")
    def questionable_condition(self) -> int:
        """Return 8 while the output is unleveled."""
        return POWER_SUMMARY if self.power_condition() else 0

    @query("DIAGnostic[:CPU]:INFOrmation:OPTions:DETail", source="unverified; one driver")
    def option_details(self) -> str:
        """Return the options: 540 says 40 GHz, 1E1 a step attenuator."""
        return '"540,1E1"'

    @query("*OPT", source="IEEE 488.2 10.20")
    def option_list(self) -> str:
        """Return the options."""
        return "540,1E1"
