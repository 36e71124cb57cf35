"""Keysight PNA N5222B network analyser, 10 MHz to 26.5 GHz, two ports, up to 32 channels.

Wired to ``bench.network``, a :class:`sotlab.simulated.physics.network.Network`. Both ways to a trace are there:
the older one by name (``CALC:PAR:EXT``, ``CALC:PAR:SEL``, ``CALC:DATA?``) and that by number (``CALC:MEAS2:...``).
A sweep takes its time; data are of the last sweep that ended, zeros before there is one. Averaging lowers the noise
of a sweep as the sweeps since ``AVER:CLE`` would, up to the count. No manual page was at hand: headers are those of
drivers, as marked. Not modelled, so refused: power and segment sweeps, correction, files.

Option of the bench file: ``format_sign: "no"`` has ``FORM?`` answer ``REAL,64`` in place of ``REAL,+64``.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from sotlab.simulated.device import ScpiDevice, command, query, setting
from sotlab.simulated.instruments.pna_channel import Channel, Trace
from sotlab.simulated.instruments.pna_measurements import CHANNELS, IN_DRIVER, IN_DRIVERS, NUMBERS, Measurements
from sotlab.simulated.scpi import Boolean, Choice, Number, ScpiError, Text

__all__ = ["N5222B"]

LOWEST_HZ, HIGHEST_HZ = 10e6, 26.5e9
NR3 = "{:+.12E}"


class N5222B(Measurements, ScpiDevice):
    """The analyser: frequencies in Hz, powers in dBm."""

    manufacturer: ClassVar[str] = "Keysight Technologies"
    model: ClassVar[str] = "N5222B"
    version: ClassVar[str] = "A.14.40.04"

    start = setting(
        "[SENSe#]:FREQuency:STARt", unit="HZ", default=LOWEST_HZ, minimum=LOWEST_HZ, maximum=HIGHEST_HZ, reply=NR3,
        source=IN_DRIVERS, suffixes=CHANNELS,
    )  # fmt: skip
    stop = setting(
        "[SENSe#]:FREQuency:STOP", unit="HZ", default=HIGHEST_HZ, minimum=LOWEST_HZ, maximum=HIGHEST_HZ, reply=NR3,
        source=IN_DRIVERS, suffixes=CHANNELS,
    )  # fmt: skip
    cw = setting(
        "[SENSe#]:FREQuency[:CW|:FIXed]", unit="HZ", default=1e9, minimum=LOWEST_HZ, maximum=HIGHEST_HZ, reply=NR3,
        source=IN_DRIVERS, suffixes=CHANNELS,
    )  # fmt: skip
    points = setting(
        "[SENSe#]:SWEep:POINts",
        default=201,
        minimum=1,
        maximum=100_001,
        integer=True,
        reply="{:+d}",
        source=IN_DRIVER,
        suffixes=CHANNELS,
    )
    sweep_type = setting(
        "[SENSe#]:SWEep:TYPE",
        Choice("LINear", "LOGarithmic", "CW"),
        default="LIN",
        source=IN_DRIVERS,
        suffixes=CHANNELS,
    )
    bandwidth = setting(
        "[SENSe#]:BANDwidth|BWIDth[:RESolution]", unit="HZ", default=100e3, minimum=1.0, maximum=15e6, reply=NR3,
        source=IN_DRIVERS, suffixes=CHANNELS,
    )  # fmt: skip
    averaging = setting("[SENSe#]:AVERage[:STATe]", Boolean(), default=False, source=IN_DRIVERS, suffixes=CHANNELS)
    average_count = setting(
        "[SENSe#]:AVERage:COUNt",
        default=1,
        minimum=1,
        maximum=65536,
        integer=True,
        reply="{:+d}",
        source=IN_DRIVERS,
        suffixes=CHANNELS,
    )
    average_mode = setting(
        "[SENSe#]:AVERage:MODE",
        Choice("SWEep", "POINt"),
        default="SWE",
        source="unverified; words in scikit-rf's driver",
        suffixes=CHANNELS,
    )
    groups = setting(
        "[SENSe#]:SWEep:GROups:COUNt", default=1, minimum=1, maximum=2_000_000, integer=True, reply="{:+d}",
        source=IN_DRIVERS, suffixes=CHANNELS,
    )  # fmt: skip
    power = setting(
        "SOURce#:POWer|POWer1[:LEVel][:IMMediate][:AMPLitude]", unit="DBM", default=-5.0, minimum=-30.0, maximum=13.0,
        reply=NR3, source=IN_DRIVERS, suffixes=CHANNELS,
    )  # fmt: skip
    output = setting("OUTPut[:STATe]", Boolean(), default=True, source=IN_DRIVER)
    trigger_source = setting(
        "TRIGger[:SEQuence]:SOURce", Choice("IMMediate", "MANual", "EXTernal"), default="IMM", source=IN_DRIVERS
    )
    byte_order = setting("FORMat:BORDer", Choice("NORMal", "SWAPped"), default="NORM", source=IN_DRIVER)
    window = setting("DISPlay:WINDow#[:STATe]", Boolean(), default=True, source=IN_DRIVERS)

    #: What a new sweep begins after.
    stimulus_settings: ClassVar[tuple[str, ...]] = (
        "start", "stop", "cw", "points", "sweep_type", "bandwidth", "averaging", "average_count", "average_mode",
        "power",
    )  # fmt: skip

    # sweeping

    def power_on(self) -> None:
        """Begin with one channel."""
        self.channels: dict[int, Channel] = {}
        super().power_on()

    def reset(self) -> None:
        """Sweep S11 over the whole range in channel 1, in ASCII."""
        self.traces = {1: Trace("CH1_S11_1", "S11", 1)}
        self.selected, self.active, self.shown = {1: 1}, 1, [1]
        self._format, self._bits = "ASC", 0
        self.channels = {}
        super().reset()
        self.channels = {1: Channel(self, 1)}
        self.channels[1].follow(anew=True)

    def note_busy(self) -> None:
        """Let ``*OPC?`` wait for the channel that sweeps longest."""
        self.busy_until = max((channel.busy_until for channel in self.channels.values()), default=-1.0)

    def _forget(self, number: int) -> None:
        """Set a channel's settings back to their defaults."""
        for setting_name in (*self.stimulus_settings, "groups"):
            declared = self.settings[setting_name]
            self.values[setting_name] = {**self.values[setting_name], number: declared.default}

    @start.on_change
    @stop.on_change
    def _order(self) -> None:
        """Keep start below stop: the one that was not set follows."""
        for number, channel in self.channels.items():
            start_Hz, stop_Hz = self.start[number], self.stop[number]
            if start_Hz > stop_Hz:
                if start_Hz != channel.last_start_Hz:
                    self.stop = {**self.stop, number: start_Hz}
                else:
                    self.start = {**self.start, number: stop_Hz}
            channel.last_start_Hz = self.start[number]

    @start.on_change
    @stop.on_change
    @cw.on_change
    @points.on_change
    @sweep_type.on_change
    @bandwidth.on_change
    @averaging.on_change
    @average_count.on_change
    @average_mode.on_change
    @power.on_change
    @groups.on_change
    def _follow(self) -> None:
        """Begin anew the channel whose setting has changed; -114 for a channel that is not in use."""
        for name in (*self.stimulus_settings, "groups"):
            default = self.settings[name].default
            if self.channels and any(
                value != default and number not in self.channels for number, value in self.values[name].items()
            ):
                raise ScpiError(-114)
        for channel in self.channels.values():
            channel.follow()

    @output.on_change
    @trigger_source.on_change
    def _follow_all(self) -> None:
        """Begin every channel anew."""
        for channel in self.channels.values():
            channel.follow(anew=True)

    @query("[SENSe#]:SWEep:MODE", source=IN_DRIVER, suffixes=CHANNELS)
    def mode(self, number: int) -> str:
        """Return the mode; HOLD once the sweeps asked for have ended."""
        channel = self._channel(number)
        channel.catch_up()
        return channel.mode

    @command(
        "[SENSe#]:SWEep:MODE", Choice("HOLD", "CONTinuous", "GROups", "SINGle"), source=IN_DRIVER, suffixes=CHANNELS
    )
    def set_mode(self, number: int, mode: str) -> None:
        """Begin to sweep, or hold."""
        channel = self._channel(number)
        channel.catch_up()
        channel.begin(mode)

    @query("INITiate:CONTinuous", source=IN_DRIVERS)
    def free_running(self) -> bool:
        """Return whether triggers come by themselves."""
        return self.trigger_source == "IMM"

    @command("INITiate:CONTinuous", Boolean(), source=IN_DRIVERS)
    def set_free_running(self, on: bool) -> None:
        """Take triggers by themselves or by hand."""
        self.trigger_source = "IMM" if on else "MAN"
        self._follow_all()

    @command("INITiate#[:IMMediate]", source=IN_DRIVER, suffixes=CHANNELS)
    def initiate(self, number: int) -> None:
        """Trigger one sweep; the source must be manual, the channel not in hold and not sweeping."""
        channel = self._channel(number)
        channel.catch_up()
        if self.trigger_source != "MAN" or not channel.waits:
            raise ScpiError(-213)
        channel.sweep(1.0)

    @command("ABORt", source=IN_DRIVER)
    def abort(self) -> None:
        """Stop the sweeps; a free-running channel begins anew."""
        for channel in self.channels.values():
            channel.restart()

    @command("[SENSe#]:AVERage:CLEar", source=IN_DRIVERS, suffixes=CHANNELS)
    def clear_average(self, number: int) -> None:
        """Begin to average anew."""
        self._channel(number).clear_average()

    @query("[SENSe#]:SWEep:TIME", source=IN_DRIVERS, suffixes=CHANNELS)
    def sweep_time(self, number: int) -> str:
        """Return the time of a sweep [s]."""
        return NR3.format(self._channel(number).sweep_time_s())

    @command("[SENSe#]:SWEep:TIME", Number("S", 0.0, 86400.0, 0.0), source=IN_DRIVERS, suffixes=CHANNELS)
    def set_sweep_time(self, number: int, time_s: float) -> None:
        """Sweep no faster than this; 0 is as fast as possible."""
        channel = self._channel(number)
        channel.least_sweep_s = time_s
        channel.follow(anew=True)

    @query("[SENSe#]:FREQuency:CENTer", source=IN_DRIVERS, suffixes=CHANNELS)
    def center(self, number: int) -> str:
        """Return the middle of the span [Hz]."""
        self._channel(number)
        return NR3.format((self.start[number] + self.stop[number]) / 2)

    @command("[SENSe#]:FREQuency:CENTer", Number("HZ", LOWEST_HZ, HIGHEST_HZ), source=IN_DRIVERS, suffixes=CHANNELS)
    def set_center(self, number: int, center_Hz: float) -> None:
        """Move the span, narrowed where it would leave the range."""
        self._set_span(number, center_Hz, self.stop[number] - self.start[number])

    @query("[SENSe#]:FREQuency:SPAN", source=IN_DRIVERS, suffixes=CHANNELS)
    def span(self, number: int) -> str:
        """Return the span [Hz]."""
        self._channel(number)
        return NR3.format(self.stop[number] - self.start[number])

    @command("[SENSe#]:FREQuency:SPAN", Number("HZ", 0.0, HIGHEST_HZ - LOWEST_HZ), source=IN_DRIVERS, suffixes=CHANNELS)
    def set_span(self, number: int, span_Hz: float) -> None:
        """Widen the span about its middle, narrowed where it would leave the range."""
        self._set_span(number, (self.start[number] + self.stop[number]) / 2, span_Hz)

    def _set_span(self, number: int, center_Hz: float, span_Hz: float) -> None:
        channel = self._channel(number)
        half_Hz = min(span_Hz / 2, center_Hz - LOWEST_HZ, HIGHEST_HZ - center_Hz)
        self.start = {**self.start, number: center_Hz - half_Hz}
        self.stop = {**self.stop, number: center_Hz + half_Hz}
        channel.last_start_Hz = self.start[number]
        channel.follow(anew=True)

    # data

    def encode(self, values: np.ndarray) -> bytes:
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
    def channel_catalog(self) -> str:
        """Return the channels in use."""
        return '"' + ",".join(map(str, self.channels)) + '"'

    @command(
        "SYSTem:CHANnels:DELete", Number(minimum=1, integer=True), source="unverified; header in scikit-rf's driver"
    )
    def delete_channel(self, number: int) -> None:
        """Remove a channel with its measurements; the last one stays."""
        if number not in self.channels or len(self.channels) == 1:
            raise ScpiError(-221)
        for one in [one for one, trace in self.traces.items() if trace.channel == number]:
            self._delete(one)
        del self.channels[number]
        self._forget(number)
        self.active = next(iter(self.channels))
        self.note_busy()

    @query("SYSTem:MEASure:CATalog", Number(minimum=1, integer=True, optional=True), source=IN_DRIVER)
    def measurements(self, channel: int | None = None) -> str:
        """Return the numbers of the measurements of a channel, or of all; -222 for one that is not in use."""
        if channel is not None and channel not in self.channels:
            raise ScpiError(-222)
        listed = [str(number) for number, trace in self.traces.items() if channel in (None, trace.channel)]
        return '"' + ",".join(listed) + '"'

    @query("SYSTem:ACTive:CHANnel", source=IN_DRIVERS)
    def active_channel(self) -> int:
        """Return the channel in which a measurement was selected last."""
        return self.active

    @query("SYSTem:ACTive:MEASurement", source=IN_DRIVERS)
    def active_measurement(self) -> str:
        """Return the name of the active measurement."""
        number = self.selected.get(self.active)
        return f'"{self.traces[number].name if number is not None else ""}"'

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
    def shown_catalog(self) -> str:
        """Return the traces of the window."""
        return f'"{",".join(map(str, self.shown)) or "EMPTY"}"'

    @command("DISPlay:WINDow#:TRACe#:FEED", Text(), source=IN_DRIVERS, suffixes=NUMBERS)
    def feed(self, trace: int, name: str) -> None:
        """Show a measurement in the window."""
        self.number_of(name)
        self.shown = sorted({*self.shown, trace})

    @command("DISPlay:WINDow#:TRACe#:DELete", source="unverified", suffixes=NUMBERS)
    def unshow(self, trace: int) -> None:
        """Take a trace from the window; the measurement stays."""
        if trace not in self.shown:
            raise ScpiError(-114)
        self.shown.remove(trace)
