"""Keysight PNA N5222B network analyser, 10 MHz to 26.5 GHz, two ports, one channel.

Wired to ``bench.network``, a :class:`sotlab.simulated.physics.network.Network`. Both ways to a trace are there:
the older one by name (``CALC:PAR:EXT``, ``CALC:PAR:SEL``, ``CALC:DATA?``) and that by number (``CALC:MEAS2:...``).
A sweep takes its time; data are of the last sweep that ended, zeros before there is one. Averaging lowers the noise
of a sweep as the sweeps since ``AVER:CLE`` would, up to the count. No manual page was at hand: headers are those of
drivers, as marked. Not modelled, so refused: further channels, power and segment sweeps, correction, markers, files.

Option of the bench file: ``format_sign: "no"`` has ``FORM?`` answer ``REAL,64`` in place of ``REAL,+64``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sotlab.simulated.device import ScpiDevice, command, query, setting
from sotlab.simulated.scpi import Boolean, Choice, Number, ScpiError, Text

__all__ = ["N5222B"]

IN_DRIVER = "unverified; header in PyMeasure's driver"
IN_DRIVERS = "unverified; header in several drivers"

LOWEST_HZ, HIGHEST_HZ = 10e6, 26.5e9
#: Time per point besides that of the IF filter [s].
POINT_S = 20e-6
PARAMETERS = ("S11", "S12", "S21", "S22")
FORMATS = Choice(
    "MLOGarithmic", "MLINear", "PHASe", "UPHase", "REAL", "IMAGinary", "POLar", "SMITh", "SWR", "GDELay"
)  # fmt: skip
#: Numbers that a measurement may have.
NUMBERS = range(1, 33)
NR3 = "{:+.12E}"


@dataclass
class Trace:
    """A measurement of the channel: its name, S-parameter and format."""

    name: str
    parameter: str
    format: str = "MLOG"


class N5222B(ScpiDevice):
    """The analyser: frequencies in Hz, powers in dBm."""

    manufacturer: ClassVar[str] = "Keysight Technologies"
    model: ClassVar[str] = "N5222B"
    version: ClassVar[str] = "A.14.40.04"

    start = setting(
        "[SENSe#]:FREQuency:STARt", unit="HZ", default=LOWEST_HZ, minimum=LOWEST_HZ, maximum=HIGHEST_HZ, reply=NR3,
        source=IN_DRIVERS,
    )  # fmt: skip
    stop = setting(
        "[SENSe#]:FREQuency:STOP", unit="HZ", default=HIGHEST_HZ, minimum=LOWEST_HZ, maximum=HIGHEST_HZ, reply=NR3,
        source=IN_DRIVERS,
    )  # fmt: skip
    cw = setting(
        "[SENSe#]:FREQuency[:CW|:FIXed]", unit="HZ", default=1e9, minimum=LOWEST_HZ, maximum=HIGHEST_HZ, reply=NR3,
        source=IN_DRIVERS,
    )  # fmt: skip
    points = setting(
        "[SENSe#]:SWEep:POINts", default=201, minimum=1, maximum=100_001, integer=True, reply="{:+d}", source=IN_DRIVER
    )
    sweep_type = setting("[SENSe#]:SWEep:TYPE", Choice("LINear", "LOGarithmic", "CW"), default="LIN", source=IN_DRIVERS)
    bandwidth = setting(
        "[SENSe#]:BANDwidth|BWIDth[:RESolution]", unit="HZ", default=100e3, minimum=1.0, maximum=15e6, reply=NR3,
        source=IN_DRIVERS,
    )  # fmt: skip
    averaging = setting("[SENSe#]:AVERage[:STATe]", Boolean(), default=False, source=IN_DRIVERS)
    average_count = setting(
        "[SENSe#]:AVERage:COUNt", default=1, minimum=1, maximum=65536, integer=True, reply="{:+d}", source=IN_DRIVERS
    )
    average_mode = setting("[SENSe#]:AVERage:MODE", Choice("SWEEP", "POINt"), default="SWEEP", source="unverified")
    groups = setting(
        "[SENSe#]:SWEep:GROups:COUNt", default=1, minimum=1, maximum=2_000_000, integer=True, reply="{:+d}",
        source=IN_DRIVERS,
    )  # fmt: skip
    power = setting(
        "SOURce#:POWer#[:LEVel][:IMMediate][:AMPLitude]", unit="DBM", default=-5.0, minimum=-30.0, maximum=13.0,
        reply=NR3, source=IN_DRIVERS,
    )  # fmt: skip
    output = setting("OUTPut[:STATe]", Boolean(), default=True, source=IN_DRIVER)
    trigger_source = setting(
        "TRIGger[:SEQuence]:SOURce", Choice("IMMediate", "MANual", "EXTernal"), default="IMM", source=IN_DRIVERS
    )
    byte_order = setting("FORMat:BORDer", Choice("NORMal", "SWAPped"), default="NORM", source=IN_DRIVER)
    window = setting("DISPlay:WINDow#[:STATe]", Boolean(), default=True, source=IN_DRIVERS)

    # sweeping

    def reset(self) -> None:
        """Sweep S11 over the whole range, in ASCII."""
        self._traces = {1: Trace("CH1_S11_1", "S11")}
        self._selected = 1
        self._shown = [1]
        self._format, self._bits = "ASC", 0
        self._least_sweep_s = 0.0
        self._mode = "CONT"
        self._last_start_Hz = LOWEST_HZ
        self._data: np.ndarray | None = None
        super().reset()

    @start.on_change
    @stop.on_change
    def _order(self) -> None:
        """Keep start below stop: the one that was not set follows."""
        if self.start > self.stop:
            if self.start != self._last_start_Hz:
                self.stop = self.start
            else:
                self.start = self.stop
        self._last_start_Hz = self.start

    @start.on_change
    @stop.on_change
    @cw.on_change
    @points.on_change
    @sweep_type.on_change
    @bandwidth.on_change
    @averaging.on_change
    @average_count.on_change
    @power.on_change
    @output.on_change
    @trigger_source.on_change
    def _restart(self) -> None:
        """Drop the sweep under way and its data, and begin again unless in hold."""
        self._data = None
        self._begin({"HOLD": 0.0, "SING": 1.0, "GRO": float(self.groups), "CONT": math.inf}[self._mode])

    def _begin(self, sweeps: float) -> None:
        """Begin so many sweeps; those of a manual or external trigger wait for it."""
        self._averaged = 0
        self._armed = sweeps
        self.busy_until = -1.0
        self._sweep(sweeps if self.trigger_source == "IMM" else 0.0)

    def _sweep(self, sweeps: float) -> None:
        self._began_s, self._period_s = self.lab.clock.now(), self.sweep_time_s()
        self._wanted, self._done = sweeps, 0
        if 0 < sweeps < math.inf:
            self.start_operation(sweeps * self._period_s)

    def sweep_time_s(self) -> float:
        """Return how long a sweep takes [s]: once for each port that must drive, each averaging by points."""
        drives = len({trace.parameter[2] for trace in self._traces.values()}) or 1
        times = self.average_count if self.averaging and self.average_mode == "POIN" else 1
        return max(drives * self.points * (times / self.bandwidth + POINT_S), self._least_sweep_s)

    def _catch_up(self) -> None:
        """Take what the sweeps that ended since the last look have measured."""
        period_s = self._period_s
        # A thousandth of a sweep is forgiven, so that the end that *OPC? waited for counts as reached.
        done = min(int((self.lab.clock.now() - self._began_s) / period_s + 1e-3), self._wanted)
        if done <= self._done:
            return
        self._averaged += int(done) - self._done
        self._done = int(done)
        averages = 1
        if self.averaging:
            averages = self.average_count if self.average_mode == "POIN" else min(self._averaged, self.average_count)
        self._data = self.bench.network.measure(
            self.frequencies_Hz(), self._began_s + done * period_s, power_dBm=self.power,
            bandwidth_Hz=self.bandwidth, averages=averages, on=self.output,
        )  # fmt: skip
        if self._done >= self._wanted:
            self._armed -= self._wanted
            self._wanted = self._done = 0
            if self._armed <= 0:
                self._mode = "HOLD"

    def frequencies_Hz(self) -> np.ndarray:
        """Return the frequency of each point [Hz]."""
        if self.sweep_type == "CW":
            return np.full(self.points, self.cw)
        spaced = np.geomspace if self.sweep_type == "LOG" else np.linspace
        return spaced(self.start, self.stop, self.points)

    @query("[SENSe#]:SWEep:MODE", source=IN_DRIVER)
    def mode(self) -> str:
        """Return the mode; HOLD once the sweeps asked for have ended."""
        self._catch_up()
        return self._mode

    @command("[SENSe#]:SWEep:MODE", Choice("HOLD", "CONTinuous", "GROups", "SINGle"), source=IN_DRIVER)
    def set_mode(self, mode: str) -> None:
        """Begin to sweep, or hold."""
        self._catch_up()
        self._mode = mode
        self._begin({"HOLD": 0.0, "SING": 1.0, "GRO": float(self.groups), "CONT": math.inf}[mode])

    @query("INITiate:CONTinuous", source=IN_DRIVERS)
    def free_running(self) -> bool:
        """Return whether triggers come by themselves."""
        return self.trigger_source == "IMM"

    @command("INITiate:CONTinuous", Boolean(), source=IN_DRIVERS)
    def set_free_running(self, on: bool) -> None:
        """Take triggers by themselves or by hand."""
        self.trigger_source = "IMM" if on else "MAN"
        self._restart()

    @command("INITiate#[:IMMediate]", source=IN_DRIVER)
    def initiate(self) -> None:
        """Trigger one sweep; the source must be manual, the channel not in hold and not sweeping."""
        self._catch_up()
        if self.trigger_source != "MAN" or self._armed <= 0 or self._wanted:
            raise ScpiError(-213)
        self._sweep(1.0)

    @command("ABORt", source=IN_DRIVER)
    def abort(self) -> None:
        """Stop the sweep; a free-running channel begins anew."""
        self._catch_up()
        self._begin(self._armed)

    @command("[SENSe#]:AVERage:CLEar", source=IN_DRIVERS)
    def clear_average(self) -> None:
        """Begin to average anew."""
        self._catch_up()
        self._averaged = 0

    @query("[SENSe#]:SWEep:TIME", source=IN_DRIVERS)
    def sweep_time(self) -> str:
        """Return the time of a sweep [s]."""
        return NR3.format(self.sweep_time_s())

    @command("[SENSe#]:SWEep:TIME", Number("S", 0.0, 86400.0, 0.0), source=IN_DRIVERS)
    def set_sweep_time(self, time_s: float) -> None:
        """Sweep no faster than this; 0 is as fast as possible."""
        self._least_sweep_s = time_s
        self._restart()

    @query("[SENSe#]:FREQuency:CENTer", source=IN_DRIVERS)
    def center(self) -> str:
        """Return the middle of the span [Hz]."""
        return NR3.format((self.start + self.stop) / 2)

    @command("[SENSe#]:FREQuency:CENTer", Number("HZ", LOWEST_HZ, HIGHEST_HZ), source=IN_DRIVERS)
    def set_center(self, center_Hz: float) -> None:
        """Move the span, narrowed where it would leave the range."""
        self._set_span(center_Hz, self.stop - self.start)

    @query("[SENSe#]:FREQuency:SPAN", source=IN_DRIVERS)
    def span(self) -> str:
        """Return the span [Hz]."""
        return NR3.format(self.stop - self.start)

    @command("[SENSe#]:FREQuency:SPAN", Number("HZ", 0.0, HIGHEST_HZ - LOWEST_HZ), source=IN_DRIVERS)
    def set_span(self, span_Hz: float) -> None:
        """Widen the span about its middle, narrowed where it would leave the range."""
        self._set_span((self.start + self.stop) / 2, span_Hz)

    def _set_span(self, center_Hz: float, span_Hz: float) -> None:
        half_Hz = min(span_Hz / 2, center_Hz - LOWEST_HZ, HIGHEST_HZ - center_Hz)
        self.start, self.stop = center_Hz - half_Hz, center_Hz + half_Hz
        self._last_start_Hz = self.start
        self._restart()

    # measurements by name

    def _number_of(self, name: str) -> int:
        for number, trace in self._traces.items():
            if trace.name == name:
                return number
        raise ScpiError(-224)

    def _trace(self, number: int) -> Trace:
        if number not in self._traces:
            raise ScpiError(-114)
        return self._traces[number]

    @query("CALCulate#:PARameter:CATalog:EXTended", source=IN_DRIVERS)
    def catalog(self) -> str:
        """Return name and S-parameter of every measurement."""
        listed = ",".join(f"{trace.name},{trace.parameter}" for trace in self._traces.values())
        return f'"{listed or "NO CATALOG"}"'

    @command("CALCulate#:PARameter[:DEFine]:EXTended", Text(), Choice(*PARAMETERS), source=IN_DRIVERS)
    def define_by_name(self, name: str, parameter: str) -> None:
        """Add a measurement, with the lowest number that is free."""
        if any(trace.name == name for trace in self._traces.values()) or not name:
            raise ScpiError(-224)
        self._define(next((number for number in NUMBERS if number not in self._traces), 0), name, parameter)

    def _define(self, number: int, name: str, parameter: str) -> None:
        if number == 0:
            raise ScpiError(-221)
        self._traces[number] = Trace(name, parameter)
        self._traces = dict(sorted(self._traces.items()))
        self._restart()

    @command("CALCulate#:PARameter:SELect", Text(), Choice("FAST", optional=True), source=IN_DRIVERS)
    def select(self, name: str, fast: str = "") -> None:
        """Let the commands without a number mean this measurement."""
        self._selected = self._number_of(name)

    @query("CALCulate#:PARameter:SELect", source=IN_DRIVERS)
    def selected(self) -> str:
        """Return the name of the selected measurement."""
        return f'"{self._selected_trace().name}"'

    @command("CALCulate#:PARameter:MNUMber[:SELect]", Number(minimum=1, integer=True), source=IN_DRIVERS)
    def select_by_number(self, number: int) -> None:
        """Select a measurement."""
        if number not in self._traces:
            raise ScpiError(-224)
        self._selected = number

    @query("CALCulate#:PARameter:MNUMber[:SELect]", source=IN_DRIVERS)
    def selected_number(self) -> int:
        """Return the number of the selected measurement, 0 if there is none."""
        return self._selected

    @command("CALCulate#:PARameter:MODify:EXTended", Choice(*PARAMETERS), source=IN_DRIVERS)
    def modify(self, parameter: str) -> None:
        """Have the selected measurement show another S-parameter."""
        self._selected_trace().parameter = parameter
        self._restart()

    @command("CALCulate#:PARameter:DELete[:NAME]", Text(), source=IN_DRIVERS)
    def delete_by_name(self, name: str) -> None:
        """Remove a measurement."""
        self._delete(self._number_of(name))

    @command("CALCulate#:PARameter:DELete:ALL", source=IN_DRIVERS)
    def delete_all(self) -> None:
        """Remove every measurement."""
        for number in list(self._traces):
            self._delete(number)

    def _delete(self, number: int) -> None:
        del self._traces[number]
        self._shown = [one for one in self._shown if one != number]
        self._selected = 0 if self._selected == number else self._selected

    def _selected_trace(self) -> Trace:
        if self._selected == 0:
            raise ScpiError(-221)
        return self._traces[self._selected]

    @command("CALCulate#:FORMat", FORMATS, source=IN_DRIVERS)
    def set_format(self, shape: str) -> None:
        """Set the format of the selected measurement."""
        self._selected_trace().format = shape

    @query("CALCulate#:FORMat", source=IN_DRIVERS)
    def format_of_selected(self) -> str:
        """Return the format of the selected measurement."""
        return self._selected_trace().format

    @query("CALCulate#:DATA", Choice("FDATA", "SDATA"), source=IN_DRIVERS)
    def data(self, kind: str) -> bytes:
        """Return the selected measurement: formatted, or real and imaginary parts."""
        trace = self._selected_trace()
        return self._encode(self._formatted(trace) if kind == "FDATA" else self._complex(trace).view(float))

    @query("CALCulate#:X[:VALues]", source=IN_DRIVERS)
    def x_values_of_selected(self) -> bytes:
        """Return the stimulus of each point."""
        self._selected_trace()
        return self._encode(self._stimulus())

    # measurements by number

    @command("CALCulate#:MEASure#:DEFine", Text(), source="unverified", suffixes=NUMBERS)
    def define_by_number(self, number: int, parameter: str) -> None:
        """Add a measurement."""
        parameter = Choice(*PARAMETERS).parse(parameter, self)
        if number in self._traces:
            raise ScpiError(-221)
        self._define(number, f"CH1_{parameter}_{number}", parameter)

    @command("CALCulate#:MEASure#:DELete", source="unverified", suffixes=NUMBERS)
    def delete_by_number(self, number: int) -> None:
        """Remove a measurement."""
        self._trace(number)
        self._delete(number)

    @query("CALCulate#:MEASure#:PARameter", source=IN_DRIVER, suffixes=NUMBERS)
    def parameter(self, number: int) -> str:
        """Return the S-parameter."""
        return f'"{self._trace(number).parameter}"'

    @command("CALCulate#:MEASure#:PARameter", Text(), source="unverified", suffixes=NUMBERS)
    def set_parameter(self, number: int, parameter: str) -> None:
        """Show another S-parameter."""
        self._trace(number).parameter = Choice(*PARAMETERS).parse(parameter, self)
        self._restart()

    @query("CALCulate#:MEASure#:FORMat", source="unverified", suffixes=NUMBERS)
    def format_of(self, number: int) -> str:
        """Return the format."""
        return self._trace(number).format

    @command("CALCulate#:MEASure#:FORMat", FORMATS, source="unverified", suffixes=NUMBERS)
    def set_format_of(self, number: int, shape: str) -> None:
        """Set the format."""
        self._trace(number).format = shape

    @query("CALCulate#:MEASure#:X[:VALues]", source=IN_DRIVER, suffixes=NUMBERS)
    def x_values(self, number: int) -> bytes:
        """Return the stimulus of each point."""
        self._trace(number)
        return self._encode(self._stimulus())

    @query("CALCulate#:MEASure#:X:AXIS:UNIT", source=IN_DRIVER, suffixes=NUMBERS)
    def x_unit(self, number: int) -> str:
        """Return the unit of the stimulus."""
        self._trace(number)
        return "DEF" if self.sweep_type == "CW" else "FREQ"

    @query("CALCulate#:MEASure#:Y:AXIS:UNIT", source=IN_DRIVER, suffixes=NUMBERS)
    def y_unit(self, number: int) -> str:
        """Return the unit of the formatted data."""
        units = {"MLOG": "DB", "PHAS": "DEGR", "UPH": "DEGR", "GDEL": "SEC"}
        return units.get(self._trace(number).format, "UNIT")

    @query("CALCulate#:MEASure#:DATA:FDATA", source=IN_DRIVER, suffixes=NUMBERS)
    def formatted_data(self, number: int) -> bytes:
        """Return the measurement in its format."""
        return self._encode(self._formatted(self._trace(number)))

    @query("CALCulate#:MEASure#:DATA:SDATA", source=IN_DRIVER, suffixes=NUMBERS)
    def complex_data(self, number: int) -> bytes:
        """Return real and imaginary part of each point."""
        return self._encode(self._complex(self._trace(number)).view(float))

    # data

    def _complex(self, trace: Trace) -> np.ndarray:
        self._catch_up()
        if self._data is None:
            return np.zeros(self.points, complex)
        row, column = int(trace.parameter[1]) - 1, int(trace.parameter[2]) - 1
        return np.ascontiguousarray(self._data[row, column])

    def _stimulus(self) -> np.ndarray:
        if self.sweep_type == "CW":
            return np.linspace(0.0, self.sweep_time_s(), self.points)
        return self.frequencies_Hz()

    def _formatted(self, trace: Trace) -> np.ndarray:
        values = self._complex(trace)
        magnitude = np.abs(values)
        match trace.format:
            case "MLOG":
                return 20 * np.log10(np.maximum(magnitude, 1e-25))  # a zero shows as -500 dB
            case "MLIN":
                return magnitude
            case "PHAS":
                return np.degrees(np.angle(values))
            case "UPH":
                return np.degrees(np.unwrap(np.angle(values)))
            case "REAL" | "IMAG":
                return np.real(values) if trace.format == "REAL" else np.imag(values)
            case "SWR":
                return (1 + magnitude) / np.maximum(np.abs(1 - magnitude), 1e-12)
            case "GDEL":
                if self.points < 2 or not self.stop > self.start or self.sweep_type == "CW":
                    return np.zeros(self.points)
                phase_rad = np.unwrap(np.angle(values))
                return -np.gradient(phase_rad, self.frequencies_Hz()) / (2 * np.pi)
            case _:  # polar and Smith chart: pairs
                return values.view(float)

    def _encode(self, values: np.ndarray) -> bytes:
        """Return the values in the format that FORM says; ``NORM`` is big endian."""
        if self._format == "ASC":
            return ",".join([f"{value:+.11E}" for value in values.tolist()]).encode()
        order = ">" if self.byte_order == "NORM" else "<"
        content = values.astype(f"{order}f{self._bits // 8}").tobytes()
        length = str(len(content))
        return f"#{len(length)}{length}".encode() + content

    @command("FORMat[:DATA]", Choice("ASCii", "REAL"), Number(integer=True, optional=True), source=IN_DRIVER)
    def set_data_format(self, kind: str, bits: int | None = None) -> None:
        """Send data as text, or as blocks of 32 or 64 bits."""
        bits = (0 if kind == "ASC" else 64) if bits is None else bits
        if bits not in ((0,) if kind == "ASC" else (32, 64)):
            raise ScpiError(-224)
        self._format, self._bits = kind, bits

    @query("FORMat[:DATA]", source=IN_DRIVER)
    def data_format(self) -> str:
        """Return how data are sent."""
        sign = "" if self.options.get("format_sign") == "no" else "+"
        return f"{self._format},{sign}{self._bits}"

    # catalogues, abilities, display

    @query("SYSTem:CHANnels:CATalog", source=IN_DRIVER)
    def channels(self) -> str:
        """Return the channels in use."""
        return '"1"'

    @query("SYSTem:MEASure:CATalog", Number(minimum=1, maximum=1, integer=True, optional=True), source=IN_DRIVER)
    def measurements(self, channel: int = 1) -> str:
        """Return the numbers of the measurements of the channel."""
        return '"' + ",".join(map(str, self._traces)) + '"'

    @query("SYSTem:ACTive:CHANnel", source=IN_DRIVERS)
    def active_channel(self) -> int:
        """Return the active channel."""
        return 1

    @query("SYSTem:ACTive:MEASurement", source=IN_DRIVERS)
    def active_measurement(self) -> str:
        """Return the name of the active measurement."""
        return f'"{self._traces[self._selected].name if self._selected else ""}"'

    @query("SYSTem:CAPability:HARDware:PORTs:COUNt", source=IN_DRIVERS)
    def ports_count(self) -> int:
        """Return how many ports there are."""
        return 2

    @query("SYSTem:CAPability:FREQuency:MINimum", source="unverified")
    def lowest(self) -> str:
        """Return the lowest frequency [Hz]."""
        return NR3.format(LOWEST_HZ)

    @query("SYSTem:CAPability:FREQuency:MAXimum", source="unverified")
    def highest(self) -> str:
        """Return the highest frequency [Hz]."""
        return NR3.format(HIGHEST_HZ)

    @query("*OPT", source=IN_DRIVER)
    def installed(self) -> str:
        """Return the options: 200 says two ports."""
        return '"200"'

    @query("DISPlay:CATalog", source="unverified")
    def windows(self) -> str:
        """Return the windows."""
        return '"1"'

    @query("DISPlay:WINDow#:CATalog", source=IN_DRIVERS)
    def shown(self) -> str:
        """Return the traces of the window."""
        return f'"{",".join(map(str, self._shown)) or "EMPTY"}"'

    @command("DISPlay:WINDow#:TRACe#:FEED", Text(), source=IN_DRIVERS, suffixes=NUMBERS)
    def feed(self, trace: int, name: str) -> None:
        """Show a measurement in the window."""
        self._number_of(name)
        self._shown = sorted({*self._shown, trace})

    @command("DISPlay:WINDow#:TRACe#:DELete", source="unverified", suffixes=NUMBERS)
    def unshow(self, trace: int) -> None:
        """Take a trace from the window; the measurement stays."""
        if trace not in self._shown:
            raise ScpiError(-114)
        self._shown.remove(trace)
