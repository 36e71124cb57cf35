"""Agilent 33511B, the one-channel waveform generator of the 33500B series: sine, square, triangle, ramp and dc.

Steady, in bursts of whole cycles that its own timer or ``*TRG`` starts, or a sine whose amplitude a sine modulates.

What is programmed and shown is the voltage into the load that ``OUTPut:LOAD`` names; the generator makes twice the
voltage into 50 ohm behind its own 50 ohm, and changing the named load changes what is shown, not what comes out.
Not modelled, so refused with an error: pulse, noise, PRBS and arbitrary waveforms, other modulations, sweep; nothing is
connected to the trigger input: a gated burst, or one that waits for an external trigger, never comes.
"""

from __future__ import annotations

import math
from typing import ClassVar

from sotlab.simulated.device import ScpiDevice, command, query, setting
from sotlab.simulated.physics.modulated import AmplitudeModulated, Burst
from sotlab.simulated.physics.transport import Waveform
from sotlab.simulated.scpi import Boolean, Choice, Number, Parameter, ScpiError, Text

__all__ = ["Agilent33511B"]

#: Of the output [ohm], and what INFinity is sent back as.
OUTPUT_OHM, INFINITE = 50.0, 9.9e37
#: Without load: highest peak-to-peak voltage, highest peak, lowest peak-to-peak voltage [V].
MOST_OPEN_VPP, MOST_OPEN_V, LEAST_OPEN_VPP = 20.0, 10.0, 2e-3
SHAPES = {"SIN": "sine", "SQU": "square", "TRI": "ramp", "RAMP": "ramp", "DC": "dc"}
#: Peak-to-peak over rms voltage.
CREST = {"sine": 2.0 * math.sqrt(2.0), "square": 2.0, "ramp": 2.0 * math.sqrt(3.0), "dc": 1.0}
MOST_HZ = {"SIN": 20e6, "SQU": 20e6, "TRI": 200e3, "RAMP": 200e3, "DC": 20e6}

DRIVER = "unverified; PyMeasure"
GUIDE = "33500 Series Operating and Service Guide"
OUTPUT_CONFIGURATION = f"{GUIDE}, Output Configuration, p. 62"
#: The two chapters were seen as the series' help pages and in its sisters' manuals (33210A, 33220A; U2761A for AM).
BURST, TRIGGER = f"{GUIDE}, BURSt Subsystem", f"{GUIDE}, TRIGger Subsystem, p. 318"
AM = "U2761A Programmer's Reference, p. 67"


def _long(value: float) -> str:
    return f"{value:+.12E}"


def _clipped(*, upper: bool) -> ScpiError:
    return ScpiError(-222, f"Data out of range; value clipped to {'upper' if upper else 'lower'} limit")


class Load(Number):
    """Ohms, or INFinity."""

    def parse(self, text: str, device: object) -> float:
        """Return the load, 9.9E37 for INF."""
        return INFINITE if text.upper() in ("INF", "INFINITY") else super().parse(text, device)


class Cycles(Number):
    """A number of cycles, or INFinity."""

    def parse(self, text: str, device: object) -> float:
        """Return the number, 9.9E37 for INF."""
        return INFINITE if text.upper() in ("INF", "INFINITY") else super().parse(text, device)


class Amplitude(Parameter):
    """An amplitude, with its unit or in the one in use: ``1``, ``100 mVpp``, ``0.5 VRMS``, ``0 dBm``."""

    def parse(self, text: str, device: Agilent33511B) -> tuple[float, str]:
        """Return the number and its unit."""
        for unit, ending in (("VPP", "PP"), ("VRMS", "RMS")):
            if text.upper().endswith(unit):
                return Number("V").parse(text[: -len(ending)], device), unit
        if text.upper().endswith("DBM"):
            return Number("DBM").parse(text, device), "DBM"
        return Number().parse(text, device), device.unit


class Agilent33511B(ScpiDevice):
    """A generator of periodic voltages behind 50 ohm."""

    manufacturer: ClassVar[str] = "Agilent Technologies"
    model: ClassVar[str] = "33511B"
    version: ClassVar[str] = "2.09-1.19-2.00-52-00"

    output = setting("OUTPut#[:STATe]", Boolean(), default=False, source=DRIVER)
    sync = setting("OUTPut#:SYNC[:STATe]", Boolean(), default=True, source="unverified")
    function = setting(
        "[SOURce#]:FUNCtion", Choice("SINusoid", "SQUare", "TRIangle", "RAMP", "DC"), default="SIN", source=DRIVER
    )
    frequency_Hz = setting(
        "[SOURce#]:FREQuency", unit="HZ", default=1e3, minimum=1e-6, maximum=lambda device: MOST_HZ[device.function],
        reply=_long, source=DRIVER,
    )  # fmt: skip
    unit = setting("[SOURce#]:VOLTage:UNIT", Choice("VPP", "VRMS", "DBM"), default="VPP", source=OUTPUT_CONFIGURATION)
    phase_deg = setting(
        "[SOURce#]:PHASe", unit="DEG", default=0.0, minimum=-360.0, maximum=360.0, reply=_long, source=DRIVER
    )
    duty_percent = setting(
        "[SOURce#]:FUNCtion:SQUare:DCYCle", default=50.0, minimum=0.01, maximum=99.99, reply=_long, source=DRIVER
    )
    symmetry_percent = setting(
        "[SOURce#]:FUNCtion:RAMP:SYMMetry", default=100.0, minimum=0.0, maximum=100.0, reply=_long, source=DRIVER
    )

    bursting = setting("[SOURce#]:BURSt:STATe", Boolean(), default=False, source=BURST)
    burst_mode = setting("[SOURce#]:BURSt:MODE", Choice("TRIGgered", "GATed"), default="TRIG", source=BURST)
    burst_cycles = setting(
        "[SOURce#]:BURSt:NCYCles", Cycles(None, 1, 1e8), default=1.0, reply=_long, source=f"{BURST}; default unverified"
    )
    burst_period_s = setting(
        "[SOURce#]:BURSt:INTernal:PERiod", unit="S", default=10e-3, minimum=1e-6, maximum=8000.0, reply=_long,
        source=f"{BURST}, p. 177",
    )  # fmt: skip
    burst_phase_deg = setting(
        "[SOURce#]:BURSt:PHASe", unit="DEG", default=0.0, minimum=-360.0, maximum=360.0, reply=_long, source=BURST
    )
    trigger_source = setting("TRIGger#:SOURce", Choice("IMMediate", "EXTernal", "BUS"), default="IMM", source=TRIGGER)
    modulating = setting("[SOURce#]:AM:STATe", Boolean(), default=False, source=f"unverified; as {AM}")
    modulation_source = setting("[SOURce#]:AM:SOURce", Choice("INTernal"), default="INT", source="unverified")
    modulation_percent = setting(
        "[SOURce#]:AM[:DEPTh]",
        default=100.0,
        minimum=0.0,
        maximum=120.0,
        reply=_long,
        source=f"{AM}; limits unverified",
    )
    modulation_Hz = setting(
        "[SOURce#]:AM:INTernal:FREQuency", unit="HZ", default=100.0, minimum=1e-6, maximum=1e6, reply=_long,
        source="unverified",
    )  # fmt: skip
    modulation_shape = setting("[SOURce#]:AM:INTernal:FUNCtion", Choice("SINusoid"), default="SIN", source="unverified")

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self._open_Vpp, self._open_offset_V = 0.2, 0.0  # without load
        self._load_ohm = 50.0
        self._burst_from_s = math.inf

    def reset(self) -> None:
        """Set the defaults: 1 kHz sine, 100 mVpp into 50 ohm, output off."""
        self._open_Vpp, self._open_offset_V, self._load_ohm = 0.2, 0.0, 50.0
        super().reset()

    @property
    def _share(self) -> float:
        """Return the voltage into the named load over the one without load."""
        return 1.0 if self._load_ohm >= INFINITE else self._load_ohm / (self._load_ohm + OUTPUT_OHM)

    @output.on_change
    @function.on_change
    @frequency_Hz.on_change
    @phase_deg.on_change
    @duty_percent.on_change
    @symmetry_percent.on_change
    def _drive(self) -> None:
        """Tell the bench what comes out."""
        self.frequency_Hz = min(self.frequency_Hz, MOST_HZ[self.function])
        wave = self._wave()
        method = getattr(self.bench, "drive_voltage_wave", None)
        if method is not None:
            now = self.lab.clock.now()
            if self.output:
                method(self.name, now, wave, OUTPUT_OHM)
            else:  # a relay opens
                method(self.name, now, Waveform("dc", 0.0, 0.0), math.inf)

    def _wave(self) -> Waveform:
        """Return the voltage without load."""
        shape = SHAPES[self.function]
        duty = {"SQU": self.duty_percent / 100.0, "RAMP": self.symmetry_percent / 100.0}.get(self.function, 0.5)
        size_V = 0.0 if shape == "dc" else self._open_Vpp / 2.0
        offset_V, phase_deg = self._open_offset_V, self.phase_deg
        if self.modulating:
            depth = self.modulation_percent / 100.0
            return AmplitudeModulated(
                shape, size_V, self.frequency_Hz, offset_V, phase_deg, depth=depth, rate_Hz=self.modulation_Hz
            )
        if not self.bursting:
            return Waveform(shape, size_V, self.frequency_Hz, offset_V, phase_deg, duty)
        start_s, length_s = self._burst_from_s, self.burst_cycles / self.frequency_Hz
        waits = self.burst_mode == "GAT" or self.trigger_source == "EXT" or not math.isfinite(start_s)
        own = self.trigger_source == "IMM" and not waits
        period_s = self.burst_period_s if own and self.burst_cycles < INFINITE else math.inf
        return Burst(
            shape, size_V, self.frequency_Hz, offset_V, self.burst_phase_deg, duty,
            start_s=start_s if not waits else -math.inf, burst_s=0.0 if waits else length_s, period_s=period_s,
        )  # fmt: skip

    @modulating.on_change
    @bursting.on_change
    @function.on_change
    def _check_modes(self) -> None:
        """Refuse what does not go together; the code of the first is unverified, as are its words."""
        if self.modulating and (self.bursting or self.function != "SIN"):
            raise ScpiError(-221)
        if self.bursting and self.function == "DC":
            raise ScpiError(-221)

    @frequency_Hz.on_change
    @bursting.on_change
    @burst_mode.on_change
    @burst_cycles.on_change
    @burst_period_s.on_change
    @burst_phase_deg.on_change
    @trigger_source.on_change
    @modulating.on_change
    @modulation_percent.on_change
    @modulation_Hz.on_change
    def _restart(self) -> None:
        """Begin anew: the timer starts now, a burst that waits for ``*TRG`` waits."""
        self._burst_from_s = self.lab.clock.now() if self.trigger_source == "IMM" else math.inf
        shortest_s = self.burst_cycles / self.frequency_Hz + 1e-6
        own = self.bursting and self.trigger_source == "IMM" and self.burst_cycles < INFINITE
        too_short = own and self.burst_period_s < shortest_s
        if too_short:
            self.burst_period_s = shortest_s  # p. 177: it is increased as needed, with a settings conflict
        self._drive()
        if too_short:
            self.error(-221, "Settings conflict; burst period has been adjusted")

    def trigger(self) -> None:
        """Start a burst on ``*TRG``."""
        if not self.bursting or self.trigger_source != "BUS" or self.burst_mode == "GAT":
            raise ScpiError(-211)
        self.before_change()
        self._burst_from_s = self.lab.clock.now()
        if self.burst_cycles < INFINITE:
            self.start_operation(self.burst_cycles / self.frequency_Hz)
        self._drive()

    @command("TRIGger#[:IMMediate]", source=TRIGGER)
    def trigger_now(self) -> None:
        """Start a burst, whatever the trigger source is."""
        if not self.bursting or self.burst_mode == "GAT":
            raise ScpiError(-211)
        self.before_change()
        self._burst_from_s = self.lab.clock.now()
        self._drive()

    @unit.on_change
    def _check_unit(self) -> None:
        if self.unit == "DBM" and self._load_ohm >= INFINITE:
            raise ScpiError(-221)  # the code is unverified

    # --- amplitude and offset

    def _to_Vpp(self, value: float, unit: str) -> float:
        """Return an amplitude in another unit as peak-to-peak voltage [V]."""
        if unit == "DBM":
            value = math.sqrt(1e-3 * 10.0 ** (min(value, 300.0) / 10.0) * self._load_ohm)  # far above any limit
        return value if unit == "VPP" else value * CREST[SHAPES[self.function]]

    def _from_Vpp(self, volts: float) -> float:
        """Return a peak-to-peak voltage in the unit in use."""
        rms_V = volts / CREST[SHAPES[self.function]]
        if self.unit == "DBM":
            return 10.0 * math.log10(rms_V**2 / self._load_ohm / 1e-3)
        return rms_V if self.unit == "VRMS" else volts

    @command("[SOURce#]:VOLTage[:LEVel][:IMMediate][:AMPLitude]", Amplitude(), source=DRIVER)
    def set_amplitude(self, amplitude: tuple[float, str]) -> None:
        """Set the amplitude into the named load, in the unit in use; it is kept within the limits, with an error."""
        value, unit = amplitude
        if unit == "DBM" and self._load_ohm >= INFINITE:
            raise ScpiError(-221)
        asked_V = self._to_Vpp(value, unit) / self._share
        allowed_V = min(max(asked_V, LEAST_OPEN_VPP), MOST_OPEN_VPP)
        self.before_change()
        self._open_Vpp = allowed_V
        room_V = MOST_OPEN_V - allowed_V / 2.0
        conflict = abs(self._open_offset_V) > room_V + 1e-12
        if conflict:
            self._open_offset_V = math.copysign(room_V, self._open_offset_V)
        self._drive()
        if abs(asked_V - allowed_V) > 1e-9 * MOST_OPEN_VPP:
            raise ScpiError(
                -222, f"Data out of range; value clipped to {'upper' if asked_V > allowed_V else 'lower'} limit"
            )
        if conflict:
            raise ScpiError(-221, "Settings conflict; offset changed due to amplitude")

    @query("[SOURce#]:VOLTage[:LEVel][:IMMediate][:AMPLitude]", source=DRIVER)
    def get_amplitude(self) -> str:
        """Return the amplitude into the named load, in the unit in use."""
        return _long(self._from_Vpp(self._open_Vpp * self._share))

    @command("[SOURce#]:VOLTage[:LEVel][:IMMediate]:OFFSet", Number("V"), source=DRIVER)
    def set_offset(self, offset_V: float) -> None:
        """Set the offset into the named load; it is kept within what the amplitude leaves, with an error."""
        asked_V = offset_V / self._share
        room_V = MOST_OPEN_V - (0.0 if self.function == "DC" else self._open_Vpp / 2.0)
        self.before_change()
        self._open_offset_V = min(max(asked_V, -room_V), room_V)
        self._drive()
        if abs(asked_V) > room_V + 1e-9:
            raise _clipped(upper=asked_V > 0.0)

    @query("[SOURce#]:VOLTage[:LEVel][:IMMediate]:OFFSet", source=DRIVER)
    def get_offset(self) -> str:
        """Return the offset into the named load [V]."""
        return _long(self._open_offset_V * self._share)

    @command("[SOURce#]:VOLTage[:LEVel][:IMMediate]:HIGH", Number("V"), source=DRIVER)
    def set_high(self, high_V: float) -> None:
        """Set the highest voltage, and leave the lowest."""
        self._set_levels(high_V, float(self.get_low()))

    @query("[SOURce#]:VOLTage[:LEVel][:IMMediate]:HIGH", source=DRIVER)
    def get_high(self) -> str:
        """Return the highest voltage into the named load [V]."""
        return _long((self._open_offset_V + self._open_Vpp / 2.0) * self._share)

    @command("[SOURce#]:VOLTage[:LEVel][:IMMediate]:LOW", Number("V"), source=DRIVER)
    def set_low(self, low_V: float) -> None:
        """Set the lowest voltage, and leave the highest."""
        self._set_levels(float(self.get_high()), low_V)

    @query("[SOURce#]:VOLTage[:LEVel][:IMMediate]:LOW", source=DRIVER)
    def get_low(self) -> str:
        """Return the lowest voltage into the named load [V]."""
        return _long((self._open_offset_V - self._open_Vpp / 2.0) * self._share)

    def _set_levels(self, high_V: float, low_V: float) -> None:
        high_V, low_V = high_V / self._share, low_V / self._share
        if high_V - low_V < LEAST_OPEN_VPP * (1 - 1e-9):
            raise ScpiError(-221)
        if max(abs(high_V), abs(low_V)) > MOST_OPEN_V * (1 + 1e-9):
            raise ScpiError(-222)
        self.before_change()
        self._open_Vpp, self._open_offset_V = high_V - low_V, (high_V + low_V) / 2.0
        self._drive()

    @command("OUTPut#:LOAD", Load("OHM", 1.0, 10e3, 50.0), source=OUTPUT_CONFIGURATION)
    def set_load(self, load_ohm: float) -> None:
        """Name the load: what is shown changes, what comes out does not."""
        self._load_ohm = load_ohm
        if load_ohm >= INFINITE and self.unit == "DBM":
            self.unit = "VPP"

    @query("OUTPut#:LOAD", source=OUTPUT_CONFIGURATION)
    def get_load(self) -> str:
        """Return the named load [ohm]."""
        return _long(self._load_ohm)

    # --- system

    @command("[SOURce#]:PHASe:SYNChronize", source=DRIVER)
    def synchronise(self) -> None:
        """Align the phases of the channels; this model has one."""

    @command("DISPlay:TEXT", Text(), source=DRIVER)
    def show_text(self, text: str) -> None:
        """Show a text."""

    @command("DISPlay:TEXT:CLEar", source=DRIVER)
    def clear_text(self) -> None:
        """Show the settings again."""

    @command("SYSTem:BEEPer[:IMMediate]", source=DRIVER)
    def beep(self) -> None:
        """Sound the beeper."""
