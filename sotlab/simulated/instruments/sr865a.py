"""Stanford Research Systems SR865A, a digital lock-in up to 4 MHz, in the spelling of the SR860 family.

Of its manual a few pages were at hand, and of the SR865's; the rest stands in two drivers (PyMeasure's SR860 and the
maker's own srsinst.sr860) or in one of them, and is marked so. Sensitivity (``SCAL``) scales the outputs alone: what is
read is the filter's output itself. Not modelled: streaming over the network, scans, dual reference and chopper mode
(the settings are kept), the synchronous and the advanced filter, offset and expand of the outputs.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from sotlab.simulated.device import command, query, setting
from sotlab.simulated.instruments.sr865a_capture import Capture, Word, nine_digits
from sotlab.simulated.instruments.srs_lockin import Index, Real, SRSLockin, wrapped
from sotlab.simulated.physics.lockin import noise_bandwidth_Hz
from sotlab.simulated.scpi import ScpiError

__all__ = ["SR865A"]

#: Full scales of SCAL 0 to 27 [V], time constants of OFLT 0 to 21 [s], input ranges of IRNG 0 to 4 [V peak].
SENSITIVITIES_V = tuple(float(f"{m}e{p}") for p in range(0, -10, -1) for m in (5, 2, 1))[2:]
TIME_CONSTANTS_S = tuple(float(f"{m}e{p}") for p in range(-6, 5) for m in (1, 3))
RANGES_V_PEAK = (1.0, 0.3, 0.1, 0.03, 0.01)
HIGHEST_HZ = 4e6

CH1_OVER, CH2_OVER, UNLOCKED, RANGE = 1, 2, 8, 16

BOTH = "unverified; two drivers"
STOCK = "unverified; PyMeasure"
FREQINT = "SR865 manual, chapter 4, FREQINT; two drivers"
MANUAL = "SR865A manual, chapter 4, p. "
MAKER = "unverified; the maker's driver"

#: What OUTP?, SNAP? and CDSP name, by index (PyMeasure's SR860.snap).
QUANTITIES = (
    "X", "Y", "R", "THeta", "IN1", "IN2", "IN3", "IN4", "XNOise", "YNOise", "OUT1", "OUT2", "PHAse", "SAMp", "LEVel",
    "FInt", "FExt",
)  # fmt: skip


class Frequency(Real):
    """A frequency that may have a unit, rounded to six digits or 0.1 mHz, whichever is greater."""

    def read(self, text: str, device: object) -> float:
        """Return the frequency [Hz]."""
        value = super().read(text, device)
        return value if value == 0.0 else round(value, min(5 - math.floor(math.log10(abs(value))), 4))


class SR865A(Capture, SRSLockin):
    """Settings and readings over the shared detector; the capture buffer is a part of its own."""

    model: ClassVar[str] = "SR865A"
    version: ClassVar[str] = "V1.51"
    amplifier_V_per_rtHz: ClassVar[float] = 2.5e-9
    lia_bits: ClassVar[int] = 16

    frequency = setting("FREQ", Frequency("HZ", 1e-3, HIGHEST_HZ), default=1e5, reply="{:.12g}", source=FREQINT)
    harmonic = setting("HARM", Index(1, 99), default=1, source=BOTH)
    dual_harmonic = setting("HARMDUAL", Index(1, 99), default=1, source=BOTH)
    sine_V_rms = setting("SLVL", Real(None, 0.0, 2.0), default=0.0, reply="{:.9g}", source=BOTH)
    sine_offset_V = setting("SOFF", Real(None, -5.0, 5.0), default=0.0, reply="{:.9g}", source=MAKER)
    sine_dc_mode = setting("REFM", Word("COMmon", "DIFference"), default=0, source=BOTH)
    timebase = setting("TBMODE", Word("AUTO", "INternal"), default=0, source=BOTH)
    reference = setting("RSRC", Word("INT", "EXT", "DUAL", "CHOP"), default=0, source=BOTH)
    trigger_mode = setting("RTRG", Word("SIN", "POSttl", "NEGttl"), default=0, source=BOTH)
    reference_impedance = setting("REFZ", Word("50ohms", "1Meg"), default=1, source=BOTH)
    input_mode = setting("IVMD", Word("VOLTage", "CURRent"), default=0, source=BOTH)
    voltage_mode = setting("ISRC", Word("A", "A-B"), default=0, source=BOTH)
    coupling = setting("ICPL", Word("AC", "DC"), default=0, source=BOTH)
    ground = setting("IGND", Word("FLOat", "GROund"), default=1, source=BOTH)
    input_range = setting("IRNG", Word("1V", "300M", "100M", "30M", "10M"), default=0, source=BOTH)
    current_gain = setting("ICUR", Word("1MEG", "100MEG"), default=0, source=BOTH)
    sensitivity = setting("SCAL", Index(0, 27), default=0, source=BOTH)
    time_constant = setting("OFLT", Index(0, 21), default=10, source=BOTH)
    filter_slope = setting("OFSL", Index(0, 3), default=1, source=BOTH)
    synchronous = setting("SYNC", Word("OFF", "ON"), default=0, source=BOTH)
    advanced = setting("ADVFILT", Word("OFF", "ON"), default=1, source=BOTH)
    blanking = setting("DBLK", Word("OFF", "ON"), default=1, source=STOCK)
    layout = setting("DLAY", Index(0, 5), default=0, source=STOCK)
    strip_speed = setting("GSPD", Index(0, 16), default=0, source=STOCK)
    override = setting("OVRM", Word("OFF", "ON"), default=1, source=MAKER)

    def power_on(self) -> None:
        """Start with nothing captured."""
        self._set_others()
        super().power_on()

    def reset(self) -> None:
        """Set the defaults and forget what was captured."""
        self.before_change()
        self._set_others()
        super().reset()

    def _set_others(self) -> None:
        self.phase = 0.0
        self._aux_out_V: dict[int, float] = dict.fromkeys(range(4), 0.0)
        self._shown: dict[int, int] = dict(enumerate(range(4)))
        self._graphs: dict[int, int] = dict.fromkeys(range(4), 1)
        self._presets: dict[str, list[float]] = {"F": [1e5] * 4, "A": [0.0] * 4, "L": [0.0] * 4}
        self.forget_capture()

    # what the detector follows

    def time_constant_s(self) -> float:
        """Return the time constant [s]."""
        return TIME_CONSTANTS_S[self.time_constant]

    def poles(self) -> int:
        """Return the number of poles: 6 dB per octave for each."""
        return self.filter_slope + 1

    def full_scale_V(self) -> float:
        """Return the sensitivity; a millionth of it, in ampere, at the current input."""
        return SENSITIVITIES_V[self.sensitivity] * (1e-6 if self.input_mode else 1.0)

    def input_limit_V_rms(self) -> float:
        """Return the input range, which is a peak value; at the current input 1 uA or 10 nA full scale."""
        if self.input_mode:
            return (1e-6, 1e-8)[self.current_gain]
        return RANGES_V_PEAK[self.input_range] / math.sqrt(2.0)

    def reference_Hz(self) -> float:
        """Return the internal, or an external reference's, frequency."""
        if self.reference != 1:
            return self.frequency
        hook = self._hook("lockin_reference")
        found = self.frequency if hook is None else hook(self.input_name, self.lab.clock.now())
        return found or self.frequency

    def is_internal(self) -> bool:
        """Return whether the internal oscillator is the reference."""
        return self.reference != 1

    def judge(self, peak_V: float) -> None:
        """Latch what is overloaded or unlocked."""
        self.lia_status |= self._overloads(peak_V)

    def _overloads(self, peak_V: float) -> int:
        phasor = self.with_hum(self.cascade.output, self.cascade.time_s)
        full_V = self.full_scale_V()
        bits = RANGE if peak_V >= self._limit_V else 0
        bits |= (CH1_OVER if abs(phasor.real) > full_V else 0) | (CH2_OVER if abs(phasor.imag) > full_V else 0)
        hook = self._hook("lockin_reference")
        if self.reference == 1 and hook is not None and hook(self.input_name, self.cascade.time_s) is None:
            bits |= UNLOCKED
        return bits

    def _input_now_V(self) -> float:
        now_s = self.lab.clock.now()
        return abs(self.bench.lockin_input(self.input_name, now_s, self.harmonic)) + self.noise.hum_V_rms

    @query("CUROVLDSTAT", source="unverified; several programs")
    def overloads_now(self) -> int:
        """Return what is overloaded or unlocked at this moment; clears nothing."""
        self.catch_up(self.lab.clock.now())
        return self._overloads(self._input_now_V())

    @query("ILVL", source=BOTH)
    def signal_strength(self) -> int:
        """Return how far the input range is filled: 0 to 3, 4 in overload. The thresholds are unverified."""
        part = self._input_now_V() / self._limit_V
        return sum(part > threshold for threshold in (0.1, 0.3, 0.6, 1.0))

    @frequency.on_change
    @harmonic.on_change
    @reference.on_change
    @sine_V_rms.on_change
    def _change_frequency(self) -> None:
        if self.detected_Hz() > HIGHEST_HZ * (1 + 1e-9):
            raise ScpiError(-222)
        self.retune()
        self.tell_sine()

    @time_constant.on_change
    @filter_slope.on_change
    @input_range.on_change
    @input_mode.on_change
    @current_gain.on_change
    def _change_filter(self) -> None:
        self.retune()

    @query("PHAS", source=BOTH)
    def read_phase(self) -> str:
        """Return the reference phase [deg]."""
        return f"{self.phase:.7f}"

    @command("PHAS", Real(None, -360000.0, 360000.0), source=BOTH)
    def set_phase(self, angle_deg: float) -> None:
        """Set the reference phase; it wraps at 180 degrees."""
        self.before_change()
        self.phase = wrapped(angle_deg)
        self.retune()

    @query("FREQINT", source=FREQINT)
    def internal_frequency(self) -> str:
        """Return the oscillator's frequency."""
        return f"{self.frequency:.12g}"

    @command("FREQINT", Frequency("HZ", 1e-3, HIGHEST_HZ), source=FREQINT)
    def set_internal_frequency(self, frequency_Hz: float) -> None:
        """Set the oscillator's frequency."""
        if frequency_Hz * self.harmonic > HIGHEST_HZ:
            raise ScpiError(-222)
        self.before_change()
        self.frequency = frequency_Hz
        self._change_frequency()

    @query("FREQEXT", source=FREQINT)
    def external_frequency(self) -> str:
        """Return the external reference's frequency, 0 without one."""
        hook = self._hook("lockin_reference")
        return f"{(hook and hook(self.input_name, self.lab.clock.now())) or 0.0:.12g}"

    @query("FREQDET", source=FREQINT)
    def detected_frequency(self) -> str:
        """Return the frequency that is detected."""
        return f"{self.detected_Hz():.12g}"

    @query("TBSTAT", source=STOCK)
    def timebase_in_use(self) -> int:
        """Return 1: the internal time base is in use."""
        return 1

    @query("ENBW", source=STOCK)
    def bandwidth(self) -> str:
        """Return the filter's equivalent noise bandwidth [Hz]."""
        return nine_digits(noise_bandwidth_Hz(self.time_constant_s(), self.poles()))

    # readings

    def _reading(self, which: int, phasor: complex) -> float:
        if which < 4:
            return (phasor.real, phasor.imag, abs(phasor), math.degrees(math.atan2(phasor.imag, phasor.real)))[which]
        if which < 8:
            return self.aux_in_V(which - 3, self.lab.clock.now())  # IN1 is index 4; the bench counts from 1
        if which < 10:
            return self.density_V_per_rtHz
        if which < 12:
            return self._aux_out_V[which - 10]
        others = (self.phase, self.sine_V_rms, self.sine_offset_V, self.frequency, float(self.external_frequency()))
        return others[which - 12]

    def _readings(self, *which: int) -> str:
        phasor = self.phasor_V()
        return ",".join(nine_digits(float(np.float32(self._reading(one, phasor)))) for one in which)

    @query("OUTP", Word(*QUANTITIES), source=BOTH)
    def output(self, which: int) -> str:
        """Return X, Y, R [V], theta [deg] or another quantity."""
        return self._readings(which)

    @query("SNAP", Word(*QUANTITIES), Word(*QUANTITIES), Word(*QUANTITIES, optional=True), source=MANUAL + "133")
    def snap(self, *which: int) -> str:
        """Return two or three quantities of one instant."""
        return self._readings(*which)

    @query("SNAPD", source=MANUAL + "133")
    def snap_displays(self) -> str:
        """Return the four quantities on the screen, of one instant."""
        return self._readings(*self._shown.values())

    @query("OUTR", Index(0, 3), source=MAKER)
    def display_value(self, channel: int) -> str:
        """Return one of the four quantities on the screen."""
        return self._readings(self._shown[channel])

    @command("CDSP", Index(0, 3), Word(*QUANTITIES), source=MANUAL + "133")
    def set_display(self, channel: int, which: int) -> None:
        """Choose a quantity for the screen."""
        self._shown[channel] = which

    @query("CDSP", Index(0, 3), source=MANUAL + "133")
    def display(self, channel: int) -> int:
        """Return a quantity on the screen."""
        return self._shown[channel]

    @command("CGRF", Index(0, 3), Word("OFF", "ON"), source=STOCK)
    def set_graph(self, channel: int, on: int) -> None:
        """Show or hide a strip chart."""
        self._graphs[channel] = on

    @query("CGRF", Index(0, 3), source=STOCK)
    def graph(self, channel: int) -> int:
        """Return whether a strip chart is shown."""
        return self._graphs[channel]

    @query("OAUX", Index(0, 3), source=BOTH)
    def aux_input(self, channel: int) -> str:
        """Return the voltage at an auxiliary input; the wire counts from 0, the bench from 1."""
        return nine_digits(self.aux_in_V(channel + 1, self.lab.clock.now()))

    @command("AUXV", Index(0, 3), Real(None, -10.5, 10.5), source=BOTH)
    def set_aux_output(self, channel: int, volts: float) -> None:
        """Set an auxiliary output; the wire counts from 0, the bench from 1."""
        self.before_change()
        self._aux_out_V[channel] = volts
        self.tell_aux(channel + 1, volts)

    @query("AUXV", Index(0, 3), source=BOTH)
    def aux_output(self, channel: int) -> str:
        """Return the voltage of an auxiliary output."""
        return nine_digits(self._aux_out_V[channel])

    @command("PSTF", Index(0, 3), Real(None, 1e-3, HIGHEST_HZ), source=STOCK)
    def set_frequency_preset(self, number: int, frequency_Hz: float) -> None:
        """Store a frequency under a button."""
        self._presets["F"][number] = frequency_Hz

    @query("PSTF", Index(0, 3), source=STOCK)
    def frequency_preset(self, number: int) -> str:
        """Return a stored frequency."""
        return f"{self._presets['F'][number]:.12g}"

    @command("PSTA", Index(0, 3), Real(None, 0.0, 2.0), source=STOCK)
    def set_amplitude_preset(self, number: int, amplitude_V_rms: float) -> None:
        """Store an amplitude under a button."""
        self._presets["A"][number] = amplitude_V_rms

    @query("PSTA", Index(0, 3), source=STOCK)
    def amplitude_preset(self, number: int) -> str:
        """Return a stored amplitude."""
        return nine_digits(self._presets["A"][number])

    @command("PSTL", Index(0, 3), Real(None, -5.0, 5.0), source=STOCK)
    def set_level_preset(self, number: int, level_V: float) -> None:
        """Store a dc level under a button."""
        self._presets["L"][number] = level_V

    @query("PSTL", Index(0, 3), source=STOCK)
    def level_preset(self, number: int) -> str:
        """Return a stored dc level."""
        return nine_digits(self._presets["L"][number])

    # auto functions; their durations are unverified

    @command("APHS", source=MAKER)
    def auto_phase(self) -> None:
        """Shift the reference so that the phase becomes zero; the outputs follow with the time constant."""
        phasor = self.phasor_V()
        self.set_phase(self.phase + math.degrees(math.atan2(phasor.imag, phasor.real)))
        self.start_operation(0.5)

    @command("ASCL", source=MAKER)
    def auto_scale(self) -> None:
        """Choose the sensitivity that R fills best."""
        size_V = abs(self.phasor_V())
        unit = self.full_scale_V() / SENSITIVITIES_V[self.sensitivity]
        self.sensitivity = max((i for i, full_V in enumerate(SENSITIVITIES_V) if size_V <= full_V * unit), default=0)
        self.start_operation(0.5)

    @command("ARNG", source=MAKER)
    def auto_range(self) -> None:
        """Choose the smallest input range that takes the input."""
        self.before_change()
        rms_V = self._input_now_V()
        self.input_range = max((i for i, range_V in enumerate(RANGES_V_PEAK) if rms_V * 2**0.5 < range_V), default=0)
        self.retune()
        self.start_operation(0.5)
