"""Stanford Research Systems SR865A, a digital lock-in up to 4 MHz, in the spelling of the SR860 family.

Its manual was not found: what is here stands in two drivers (PyMeasure's SR860 and the maker's own srsinst.sr860) or in
one of them, and is marked so. Sensitivity (``SCAL``) scales the outputs alone: what is read is the filter's output
itself. Not modelled: streaming over the network, scans, dual reference and chopper mode (the settings are kept), the
synchronous and the advanced filter, offset and expand of the outputs.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from sotlab.simulated.device import command, query, setting
from sotlab.simulated.instruments.srs_lockin import Index, Raw, Real, SRSLockin, wrapped
from sotlab.simulated.physics.lockin import noise_bandwidth_Hz
from sotlab.simulated.scpi import Choice, Parameter, ScpiError

__all__ = ["SR865A"]

#: Full scales of SCAL 0 to 27 [V], time constants of OFLT 0 to 21 [s], input ranges of IRNG 0 to 4 [V peak].
SENSITIVITIES_V = tuple(float(f"{m}e{p}") for p in range(0, -10, -1) for m in (5, 2, 1))[2:]
TIME_CONSTANTS_S = tuple(float(f"{m}e{p}") for p in range(-6, 5) for m in (1, 3))
RANGES_V_PEAK = (1.0, 0.3, 0.1, 0.03, 0.01)
HIGHEST_HZ = 4e6

#: The fastest capture is 1.25 MHz over 2 to these powers, by time constant; from memory.
CAPTURE_POWERS = (0, 0, 1, 2, 3, 4, 5, 7, 9, 10, 12, 13, 14, 16, 18, 18, 18, 18, 18, 18, 18, 18)
#: Values of a sample, by CAPTURECFG.
COLUMNS = (1, 2, 2, 4)
#: So many samples at once go through the filter.
CHUNK = 65536

CH1_OVER, CH2_OVER, UNLOCKED, RANGE, TRIGGERED = 1, 2, 8, 16, 128

BOTH = "unverified; two drivers"
STOCK = "unverified; PyMeasure"
MAKER = "unverified; the maker's driver"

#: What OUTP?, SNAP? and CDSP name, by index (PyMeasure's SR860.snap).
QUANTITIES = (
    "X", "Y", "R", "THeta", "IN1", "IN2", "IN3", "IN4", "XNOise", "YNOise", "OUT1", "OUT2", "PHAse", "SAMp", "LEVel",
    "FInt", "FExt",
)  # fmt: skip


class Word(Parameter):
    """One of several words, or its index; sent back as the index."""

    def __init__(self, *words: str, optional: bool = False):
        super().__init__(optional=optional)
        self.choice = Choice(*words)

    def parse(self, text: str, device: Any) -> int:
        """Return the index; -222 for an index that is none, -224 for a word."""
        if not text.isdecimal():
            try:
                return self.choice.words.index(self.choice.parse(text, device))
            except ScpiError:  # words that begin with a digit are words, too
                raise ScpiError(-224) from None
        if int(text) >= len(self.choice.words):
            raise ScpiError(-222)
        return int(text)


def nine_digits(value: float) -> str:
    """Write a 32-bit float so that it is found again."""
    return f"{value:.9g}"


class SR865A(SRSLockin):
    """Settings, readings and the capture buffer over the shared detector."""

    model: ClassVar[str] = "SR865A"
    version: ClassVar[str] = "V1.51"
    amplifier_V_per_rtHz: ClassVar[float] = 2.5e-9
    lia_bits: ClassVar[int] = 16

    frequency = setting("FREQ", Real(None, 1e-3, HIGHEST_HZ), default=1e5, reply="{:.12g}", source=BOTH)
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
    capture_kB = setting("CAPTURELEN", Index(1, 4096), default=256, source="unverified; several programs")
    capture_what = setting(
        "CAPTURECFG", Word("X", "XY", "RT", "XYRT"), default=0, source="unverified; several programs"
    )
    capture_divider = setting("CAPTURERATE", Index(0, 20), default=0, source="unverified; several programs")

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
        self._captured = np.empty((0, 1), dtype="<f4")
        self._capture_state, self._capture_total, self._next_s, self._loop = 0, 0, math.inf, False
        self._step_s = math.inf

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

    def is_external(self) -> bool:
        """Return whether an external reference is in use."""
        return self.reference == 1

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

    @query("FREQINT", source=BOTH)
    def internal_frequency(self) -> str:
        """Return the oscillator's frequency."""
        return f"{self.frequency:.12g}"

    @command("FREQINT", Real(None, 1e-3, HIGHEST_HZ), source=BOTH)
    def set_internal_frequency(self, frequency_Hz: float) -> None:
        """Set the oscillator's frequency."""
        if frequency_Hz * self.harmonic > HIGHEST_HZ:
            raise ScpiError(-222)
        self.before_change()
        self.frequency = frequency_Hz
        self._change_frequency()

    @query("FREQEXT", source=BOTH)
    def external_frequency(self) -> str:
        """Return the external reference's frequency, 0 without one."""
        hook = self._hook("lockin_reference")
        return f"{(hook and hook(self.input_name, self.lab.clock.now())) or 0.0:.12g}"

    @query("FREQDET", source=BOTH)
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
            return self.aux_in_V(which - 4, self.lab.clock.now())
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

    @query("SNAP", Word(*QUANTITIES), Word(*QUANTITIES), Word(*QUANTITIES, optional=True), source=BOTH)
    def snap(self, *which: int) -> str:
        """Return two or three quantities of one instant."""
        return self._readings(*which)

    @query("SNAPD", source=BOTH)
    def snap_displays(self) -> str:
        """Return the four quantities on the screen, of one instant."""
        return self._readings(*self._shown.values())

    @query("OUTR", Index(0, 3), source=MAKER)
    def display_value(self, channel: int) -> str:
        """Return one of the four quantities on the screen."""
        return self._readings(self._shown[channel])

    @command("CDSP", Index(0, 3), Word(*QUANTITIES), source=BOTH)
    def set_display(self, channel: int, which: int) -> None:
        """Choose a quantity for the screen."""
        self._shown[channel] = which

    @query("CDSP", Index(0, 3), source=BOTH)
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

    # capture

    def _fastest_Hz(self) -> float:
        return 1.25e6 / 2 ** CAPTURE_POWERS[self.time_constant]

    @capture_kB.on_change
    @capture_what.on_change
    @capture_divider.on_change
    def _change_capture(self) -> None:
        if self._capture_state & 1:  # that it is refused, and how, is unverified
            raise ScpiError(-221)

    @query("CAPTURERATEMAX", source="unverified; several programs")
    def fastest_capture(self) -> str:
        """Return the fastest capture rate at this time constant [Hz]."""
        return nine_digits(self._fastest_Hz())

    @query("CAPTURERATE", source="unverified; several programs")
    def capture_rate(self) -> str:
        """Return the capture rate [Hz]; what is set is the power of two below the fastest."""
        return nine_digits(self._fastest_Hz() / 2**self.capture_divider)

    def _room(self) -> int:
        return self.capture_kB * 1024 // (4 * COLUMNS[self.capture_what])

    @command("CAPTURESTART", Word("ONE", "CONT"), Word("IMM", "TRIG", "SAMP"), source="unverified; several programs")
    def start_capture(self, how: int, when: int) -> None:
        """Begin to capture at once, at a trigger, or with one sample for each trigger."""
        self.catch_up(self.lab.clock.now())
        self._captured = np.empty((0, COLUMNS[self.capture_what]), dtype="<f4")
        self._capture_total, self._loop = 0, how == 1
        self._step_s = math.inf if when == 2 else 2.0**self.capture_divider / self._fastest_Hz()
        self._capture_state = 3 if when == 0 else 1
        self._next_s = self.lab.clock.now() if when == 0 else math.inf

    def trigger(self) -> None:
        """Start the capture that waits, or take one sample, at a trigger from the bus."""
        now_s = self.lab.clock.now()
        self.catch_up(now_s)
        if self._capture_state & 1 and math.isinf(self._next_s):
            self._capture_state, self._next_s = 3, now_s
            self.lia_status |= TRIGGERED
            self.store_until(now_s)

    def store_until(self, t_s: float) -> None:
        """Capture the samples that are due by ``t_s``; a single capture ends when its length is reached."""
        while self._next_s <= t_s:
            step_s, room = self._step_s, self._room()
            due = 1 if math.isinf(step_s) else math.floor((t_s - self._next_s) / step_s) + 1
            if not self._loop:
                due = min(due, room - len(self._captured))
            elif due > room:  # gone round: what came before would be overwritten
                self._capture_total += due - room
                self._next_s += (due - room) * step_s
                due = room
            count = min(due, CHUNK)
            times_s = self._next_s + (step_s * np.arange(count) if count > 1 else np.zeros(1))
            self._captured = np.concatenate([self._captured, self._rows(times_s)])[-room:]
            self._capture_total += count
            self._next_s = float(times_s[-1]) + step_s
            if self._capture_total >= room:
                self._capture_state |= 4
                if not self._loop:
                    self._capture_state, self._next_s = 6, math.inf

    def _rows(self, times_s: np.ndarray) -> np.ndarray:
        """Return what is captured at these times."""
        phasors = self.record(times_s)
        xy = (np.real(phasors), np.imag(phasors))
        rt = (np.abs(phasors), np.degrees(np.angle(phasors)))
        return np.stack((xy[:1], xy, rt, xy + rt)[self.capture_what], axis=1).astype("<f4")

    @command("CAPTURESTOP", source="unverified; several programs")
    def stop_capture(self) -> None:
        """Stop capturing."""
        self.catch_up(self.lab.clock.now())
        self._capture_state, self._next_s = self._capture_state & ~1, math.inf

    @query("CAPTURESTAT", source="unverified; several programs")
    def capture_status(self) -> int:
        """Return 1 for running, 2 for triggered and 4 for full or wrapped, added up."""
        self.catch_up(self.lab.clock.now())
        return self._capture_state

    @query("CAPTUREBYTES", source="unverified; several programs")
    def captured_bytes(self) -> int:
        """Return how many bytes are in the buffer."""
        self.catch_up(self.lab.clock.now())
        return self._captured.nbytes

    @query("CAPTUREPROG", source="unverified; several programs")
    def captured_kB(self) -> int:
        """Return how many kilobytes are in the buffer, begun ones included."""
        return math.ceil(self.captured_bytes() / 1024)

    @query("CAPTUREVAL", Index(0, 2**20), source="unverified; one program")
    def captured_sample(self, number: int) -> str:
        """Return one sample as text."""
        self.catch_up(self.lab.clock.now())
        if number >= len(self._captured):
            raise ScpiError(-222)
        return ",".join(nine_digits(float(value)) for value in self._captured[number])

    @query("CAPTUREGET", Index(0, 4095), Index(1, 64), source="unverified; several programs")
    def captured_block(self, offset_kB: int, length_kB: int) -> Raw:
        """Return up to 64 kB as a block of 32-bit floats, low byte first; an error while capturing."""
        if self.capture_status() & 1:
            raise ScpiError(-221)
        start = offset_kB * 1024
        data = self._captured.tobytes()[start : start + length_kB * 1024]
        if not data:
            raise ScpiError(-222)
        length = str(len(data))
        return Raw(f"#{len(length)}{length}".encode() + data)
