"""Keysight PNA N5222B vector network analyser.

Reference: Keysight PNA help, SCPI command tree; no page numbers, it has none.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Option
from pymeasure.instruments import Channel, Instrument
from pymeasure.instruments.keysight import KeysightPNA
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from sotlab.errors import InstrumentError, LimitError
from sotlab.instruments.driver import Driver, Options

__all__ = ["N5222B", "NetworkAnalyser", "SweepChannel"]

LOWEST_HZ, HIGHEST_HZ = 10e6, 26.5e9
PARAMETERS = ("S11", "S12", "S21", "S22")
#: Marks the end of what was started, in the event status register.
OPERATION_COMPLETE = 1


class SweepChannel(Channel):
    """A channel of the PNA: what it sweeps, and what it measures, by name."""

    start_frequency = Channel.control(
        "SENS{ch}:FREQ:STAR?",
        "SENS{ch}:FREQ:STAR %.12E",
        """Control the lowest frequency of the sweep in Hz (float).""",
        validator=strict_range,
        values=[LOWEST_HZ, HIGHEST_HZ],
    )

    stop_frequency = Channel.control(
        "SENS{ch}:FREQ:STOP?",
        "SENS{ch}:FREQ:STOP %.12E",
        """Control the highest frequency of the sweep in Hz (float).""",
        validator=strict_range,
        values=[LOWEST_HZ, HIGHEST_HZ],
    )

    number_of_points = Channel.control(
        "SENS{ch}:SWE:POIN?",
        "SENS{ch}:SWE:POIN %d",
        """Control the number of points (int).""",
        validator=strict_range,
        values=[1, 100_001],
        cast=int,
    )

    sweep_type = Channel.control(
        "SENS{ch}:SWE:TYPE?",
        "SENS{ch}:SWE:TYPE %s",
        """Control the type of the sweep ('linear', 'logarithmic' or 'cw').""",
        validator=strict_discrete_set,
        values={"linear": "LIN", "logarithmic": "LOG", "cw": "CW"},
        map_values=True,
    )

    if_bandwidth = Channel.control(
        "SENS{ch}:BAND?",
        "SENS{ch}:BAND %.6E",
        """Control the IF bandwidth in Hz (float).""",
        validator=strict_range,
        values=[1, 15e6],
    )

    power = Channel.control(
        "SOUR{ch}:POW?",
        "SOUR{ch}:POW %.4f",
        """Control the power at the ports in dBm (float).""",
        validator=strict_range,
        values=[-30, 13],
    )

    averaging_enabled = Channel.control(
        "SENS{ch}:AVER?",
        "SENS{ch}:AVER %d",
        """Control whether sweeps are averaged (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
    )

    average_count = Channel.control(
        "SENS{ch}:AVER:COUN?",
        "SENS{ch}:AVER:COUN %d",
        """Control how many sweeps are averaged (int).""",
        validator=strict_range,
        values=[1, 65536],
        cast=int,
    )

    group_count = Channel.control(
        "SENS{ch}:SWE:GRO:COUN?",
        "SENS{ch}:SWE:GRO:COUN %d",
        """Control how many sweeps :meth:`group` makes (int).""",
        validator=strict_range,
        values=[1, 2_000_000],
        cast=int,
    )

    sweep_time = Channel.measurement("SENS{ch}:SWE:TIME?", """Get the time of one sweep in s (float).""")

    sweep_mode = Channel.measurement(
        "SENS{ch}:SWE:MODE?", """Get the mode: 'HOLD' once what was started has ended (str).""", cast=str
    )

    def single(self) -> None:
        """Make one sweep, then hold."""
        self.write("SENS{ch}:SWE:MODE SING")

    def group(self) -> None:
        """Make :attr:`group_count` sweeps, then hold."""
        self.write("SENS{ch}:SWE:MODE GRO")

    def hold(self) -> None:
        """Stop sweeping."""
        self.write("SENS{ch}:SWE:MODE HOLD")

    def clear_average(self) -> None:
        """Begin to average anew."""
        self.write("SENS{ch}:AVER:CLE")

    @property
    def measurements(self) -> dict[str, str]:
        """Get the measurements of the channel: name -> S-parameter (dict)."""
        listed = self.ask("CALC{ch}:PAR:CAT:EXT?").strip().strip('"').split(",")
        return {} if listed == ["NO CATALOG"] else dict(zip(listed[::2], listed[1::2], strict=True))

    def define(self, name: str, parameter: str) -> None:
        """Add a measurement.

        Parameters
        ----------
        name : str
            What it will be called.
        parameter : str
            As in ``S21``.
        """
        self.write(f"CALC{{ch}}:PAR:EXT '{name}',{parameter}")

    def select(self, name: str) -> None:
        """Let :meth:`read_complex` and :meth:`read_stimulus` mean this measurement."""
        self.write(f"CALC{{ch}}:PAR:SEL '{name}'")

    def read_complex(self) -> NDArray[np.complex128]:
        """Return the selected measurement's corrected complex data (ndarray)."""
        self.write("CALC{ch}:DATA? SDATA")
        return self.parent.read_block().view(np.complex128)

    def read_stimulus(self) -> NDArray[np.float64]:
        """Return the frequency of each point of the selected measurement in Hz (ndarray)."""
        self.write("CALC{ch}:X?")
        return self.parent.read_block()


class N5222B(KeysightPNA):
    """Represents the Keysight N5222B.

    PyMeasure's PNA asks for channels and traces while it is opened, and does not know the ``+`` in ``REAL,+64``; its
    traces are those that somebody has set up by hand. Here nothing is sent on opening, and a channel can be configured.
    Data come as blocks of known length, 64 bits and little endian.
    """

    def __init__(self, adapter: Any, name: str = "Keysight PNA N5222B", **kwargs: Any) -> None:
        kwargs.setdefault("read_termination", "\n")
        Instrument.__init__(self, adapter, name, includeSCPI=False, **kwargs)
        self.add_child(SweepChannel, 1)  # type: ignore[arg-type]

    data_format = Instrument.control(
        "FORM?",
        "FORM %s",
        """Control the data format ('ascii', 'real32' or 'real64').""",
        validator=strict_discrete_set,
        values={"ascii": "ASC,0", "real32": "REAL,32", "real64": "REAL,64"},
        map_values=True,
        maxsplit=0,
        preprocess_reply=lambda reply: reply.strip().replace("+", ""),
    )

    trigger_source = Instrument.control(
        "TRIG:SOUR?",
        "TRIG:SOUR %s",
        """Control the source of triggers ('immediate', 'manual' or 'external').""",
        validator=strict_discrete_set,
        values={"immediate": "IMM", "manual": "MAN", "external": "EXT"},
        map_values=True,
    )

    def read_block(self) -> NDArray[np.float64]:
        """Return the numbers of a definite-length block as :meth:`use_blocks` has them sent (ndarray).

        Raises
        ------
        ConnectionError
            If the reply is no such block.
        """
        head = self.read_bytes(2)
        if head[:1] != b"#" or not head[1:].isdigit() or head[1:] == b"0":
            raise ConnectionError(f"the reply begins with {head!r}, not with a block")
        length = self.read_bytes(int(head[1:]))
        if not length.isdigit() or int(length) % 8:
            raise ConnectionError(f"a block of {length!r} bytes holds no whole number of values")
        data = self.read_bytes(int(length))
        self.read_bytes(1)  # the line feed
        return np.frombuffer(data, "<f8")

    def use_blocks(self) -> None:
        """Have data sent as blocks of 64 bits, little endian."""
        self.data_format = "real64"
        self.byte_order_swapped = True

    def shutdown(self) -> None:
        """Switch the microwave off."""
        self.output_enabled = False
        super().shutdown()


class NetworkAnalyserOptions(Options):
    """Options of the PNA as ``vna``."""

    #: Sweeps that are averaged.
    averages: int = Option(default=1, ge=1, le=1000)
    #: What the measurements that are added are called: this and the S-parameter.
    prefix: str = Option(default="sotlab_", min_length=1, max_length=40, pattern=r"^\w+$")


class NetworkAnalyser(Driver):
    """A PNA, channel 1, that fills the role ``vna``. Safe state: microwave off, holding.

    Opening stops the free-running sweep and leaves the rest, so that the channel's calibration stays. Measurements
    that somebody has set up are used where they fit; what is missing is added once. The microwave goes on with the
    first :meth:`measure`.
    """

    role = "vna"
    instrument_class = N5222B
    identity = r"N5222"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "frequency_Hz": (LOWEST_HZ, HIGHEST_HZ),
        "power_dBm": (-30.0, 13.0),
        "if_bandwidth_Hz": (1.0, 15e6),
    }
    options_model = NetworkAnalyserOptions
    harmless = frozenset({"check"})
    safe_state = "microwave off, sweep held"

    #: How much longer than it says a sweep may take, beside twice that [s].
    PATIENCE_S = 10.0
    #: Time between two looks whether it has ended [s].
    POLL_S = 0.05

    def configure(self) -> None:
        """Stop the sweep, and have data sent as blocks; the microwave is not switched."""
        vna = self.instrument
        vna.clear()
        self._channel.hold()
        vna.trigger_source = "immediate"
        vna.use_blocks()
        averages = self.options.averages
        self._channel.averaging_enabled = averages > 1
        self._channel.average_count = averages
        self._channel.group_count = averages
        self._names: dict[str, str] = {}  # S-parameter -> measurement
        self._frequencies_Hz: NDArray[np.float64] | None = None
        self.raise_errors()
        self._read_sweep_time()

    @property
    def _channel(self) -> Any:
        return self.instrument.ch_1

    def check(
        self,
        *,
        frequency_Hz: float | None = None,
        power_dBm: float | None = None,
        if_bandwidth_Hz: float | None = None,
    ) -> None:
        """Raise LimitError if the station does not allow a setting."""
        asked = {"frequency_Hz": frequency_Hz, "power_dBm": power_dBm, "if_bandwidth_Hz": if_bandwidth_Hz}
        for quantity, value in asked.items():
            if value is not None:
                self.limits.check(quantity, value)

    def set_sweep(
        self, start_Hz: float, stop_Hz: float, points: int, *, if_bandwidth_Hz: float, power_dBm: float
    ) -> None:
        """Set a linear frequency sweep; LimitError outside the station's limits."""
        self.check(frequency_Hz=start_Hz, power_dBm=power_dBm, if_bandwidth_Hz=if_bandwidth_Hz)
        self.check(frequency_Hz=stop_Hz)
        if not start_Hz < stop_Hz:
            raise LimitError(
                f"{self.limits.role}: a sweep from {start_Hz:g} Hz to {stop_Hz:g} Hz asked, it must go upwards; nothing"
                f" was sent"
            )
        if not 2 <= points <= 100_001:
            raise LimitError(f"{self.limits.role}: {points} points asked, allowed 2 to 100001; nothing was sent")
        channel = self._channel
        channel.power = power_dBm  # before the frequencies: no sweep of these must run at an earlier power
        channel.sweep_type = "linear"
        channel.start_frequency, channel.stop_frequency = start_Hz, stop_Hz
        channel.number_of_points = points
        channel.if_bandwidth = if_bandwidth_Hz
        self._frequencies_Hz = None
        self.raise_errors()
        self._read_sweep_time()

    def _read_sweep_time(self) -> None:
        self._sweep_time_s = self.options.averages * self.measured(lambda: self._channel.sweep_time, "SENS1:SWE:TIME?")

    @property
    def sweep_time_s(self) -> float:
        """How long one sweep takes, with its averages [s]."""
        return self._sweep_time_s

    def measure(self, *parameters: str) -> tuple[NDArray[np.float64], dict[str, NDArray[np.complex128]]]:
        """Sweep once; return the frequencies [Hz] and the S-parameters asked for, as in ``measure("S11", "S21")``.

        Raises
        ------
        InstrumentError
            If the sweep does not end, or the data are not of its length.
        """
        unknown = [parameter for parameter in parameters if parameter not in PARAMETERS]
        if unknown or not parameters:
            raise InstrumentError(
                f"{self.limits.role}: {', '.join(unknown) or 'no S-parameter'} asked, there are {', '.join(PARAMETERS)}"
            )
        self._define(parameters)
        frequencies_Hz: Any = self._frequencies_Hz
        if not self.answered(lambda: self.instrument.output_enabled, "OUTP?"):
            self.instrument.output_enabled = True
        self._sweep()
        data: dict[str, NDArray[np.complex128]] = {}
        for parameter in parameters:
            frequencies_Hz, data[parameter] = self._read(parameter, frequencies_Hz)
        self._frequencies_Hz = frequencies_Hz
        self.raise_errors()
        return frequencies_Hz, data

    def _define(self, parameters: tuple[str, ...]) -> None:
        """Find a measurement for each S-parameter, and add what is missing; ask only for those not yet known."""
        missing = [parameter for parameter in parameters if parameter not in self._names]
        if not missing:
            return
        listed = self.answered(lambda: self._channel.measurements, "CALC1:PAR:CAT:EXT?")
        there = {parameter: name for name, parameter in listed.items()}
        for parameter in missing:
            if parameter not in there:
                there[parameter] = self.options.prefix + parameter
                self._channel.define(there[parameter], parameter)
            self._names[parameter] = there[parameter]
        self.raise_errors()
        self._read_sweep_time()  # a parameter that another port must drive takes a sweep of its own

    def _sweep(self) -> None:
        """Start, mark the end with ``*OPC``, let the time pass, and look for the mark."""
        vna = self.instrument
        vna.ask("*ESR?")  # forgets an earlier mark
        self._channel.clear_average()
        self._channel.group() if self.options.averages > 1 else self._channel.single()
        vna.write("*OPC")
        latest_s = self.clock.now() + 2.0 * self._sweep_time_s + self.PATIENCE_S
        self.clock.sleep(self._sweep_time_s)
        while not int(self.number(vna.ask("*ESR?"), "*ESR?")) & OPERATION_COMPLETE:
            if self.clock.now() > latest_s:
                self._channel.hold()
                raise InstrumentError(
                    f"{self.limits.role}: a sweep of {self._sweep_time_s:g} s has not ended after"
                    f" {2.0 * self._sweep_time_s + self.PATIENCE_S:g} s; does it wait for a trigger?"
                )
            self.clock.sleep(self.POLL_S)

    def _read(
        self, parameter: str, frequencies_Hz: NDArray[np.float64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
        """Return frequencies, which are read if they are not known, and one S-parameter."""
        channel = self._channel

        def read() -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
            channel.select(self._names[parameter])  # again, too, if it is asked again: what was lost is not known
            data = channel.read_complex()
            return (channel.read_stimulus() if frequencies_Hz is None else frequencies_Hz), data

        try:
            seen_Hz, data = self.answered(read, f"{parameter}?")
        except InstrumentError:
            self._names.clear()
            raise
        if len(data) != len(seen_Hz):
            raise InstrumentError(
                f"{self.limits.role}: {len(data)} values of {parameter} at {len(seen_Hz)} frequencies; was the"
                f" sweep changed at the front panel? Set it again"
            )
        return seen_Hz, data

    def make_safe(self) -> None:
        """Switch the microwave off, then hold the sweep; each is tried."""
        try:
            self.instrument.output_enabled = False
        finally:
            self._channel.hold()
