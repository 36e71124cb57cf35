"""American Magnetics Model 430, the programmer of a superconducting magnet: ramps, persistent switch, quench.

Wired to ``bench.sc_magnet``. The programmer knows the magnet only by what was typed in: with a wrong coil constant
it shows a wrong field, and with a heating time that is too short it ramps while the switch is still cold.
Not modelled, so refused: rampdown files, the high-stability option, absorbers, the clock's date.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from sotlab.simulated.device import (
    COMMAND_ERROR,
    DEVICE_ERROR,
    EXECUTION_ERROR,
    QUERY_ERROR,
    Port,
    Reply,
    ScpiDevice,
    command,
    query,
    setting,
)
from sotlab.simulated.scpi import Number, Parameter, ScpiError, Tree

__all__ = ["AMI430"]

#: Pages as printed in the manual of one of the systems that the programmer is sold in.
MANUAL = "4Q1010PS-430 manual Rev. 5"
IN_DRIVERS = "unverified; header in PyMeasure's driver"

GREETING = (b"American Magnetics Model 430 IP Interface", b"Hello.")

RAMPING, HOLDING, PAUSED, MANUAL_UP, MANUAL_DOWN, ZEROING, QUENCH, AT_ZERO, HEATING, COOLING = range(1, 11)

#: AMI's own numbers for what the parser finds: for a command, for a query. The numbers up to -102, the length of the
#: buffer and -304 are from the 05100PS-430-601 manual, p. 132; the others from the Model 420's, p. 93; -301 and -302
#: are unverified.
UNRECOGNIZED = {False: (-101, "Unrecognized command"), True: (-201, "Unrecognized query")}
ARGUMENT_ERRORS = {
    -104: (-102, "Invalid argument"),
    -138: (-102, "Invalid argument"),
    -131: (-102, "Invalid argument"),
    -108: (-102, "Invalid argument"),
    -224: (-102, "Invalid argument"),
    -109: (-104, "Missing parameter"),
    -222: (-105, "Out of range"),
    -114: (-105, "Out of range"),
}
UNDEFINED_COIL = -106, "Undefined coil const"
NO_SWITCH = -107, "No switch installed"
HEATING_SWITCH = -301, "Heating switch"
QUENCH_CONDITION = -302, "Quench condition"
BUFFER_OVERFLOW = -304, "Error buffer overflow"

SEGMENTS = range(1, 11)
KILOGAUSS_PER_TESLA = 10.0


class Flag(Parameter):
    """0 or 1 and nothing else."""

    def parse(self, text: str, device: Any) -> bool:
        """Return whether it is 1; AMI's -103 for any other text."""
        if text not in ("0", "1"):
            raise ScpiError(-103, "Non-boolean argument")
        return text == "1"

    def format(self, value: bool) -> str:
        """Return 1 or 0."""
        return str(int(value))


def plain(value: float) -> str:
    """Write a number without an exponent where it can be."""
    return f"{value:.8g}"


class AMI430(ScpiDevice):
    """The programmer; currents in A, fields in kG or T, rates per second or minute."""

    manufacturer: ClassVar[str] = "AMERICAN MAGNETICS INC."
    model: ClassVar[str] = "MODEL 430"
    version: ClassVar[str] = "3.05"
    reply_terminator: ClassVar[bytes] = b"\r\n"
    error_reply: ClassVar[str] = '{code:d},"{text}"'
    error_queue_length: ClassVar[int] = 10

    in_tesla = setting("CONFigure:FIELD:UNITS", Flag(), default=False, resets=False, source=IN_DRIVERS)
    per_minute = setting("CONFigure:RAMP:RATE:UNITS", Flag(), default=False, resets=False, source="unverified")
    voltage_limit = setting(
        "CONFigure:VOLTage:LIMit", default=5.0, minimum=0.001, maximum=10.0, reply=plain, resets=False,
        source=IN_DRIVERS,
    )  # fmt: skip
    segments = setting(
        "CONFigure:RAMP:RATE:SEGments", default=1, minimum=1, maximum=10, integer=True, resets=False,
        source="unverified",
    )  # fmt: skip
    switch_current = setting(
        "CONFigure:PSwitch:CURRent", default=40.0, minimum=0.0, maximum=125.0, reply="{:.1f}", resets=False,
        source="unverified",
    )  # fmt: skip
    heat_time = setting(
        "CONFigure:PSwitch:HeatTIME", default=20, minimum=5, maximum=120, integer=True, resets=False,
        source="unverified",
    )  # fmt: skip
    cool_time = setting(
        "CONFigure:PSwitch:CoolTIME", default=30, minimum=5, maximum=3600, integer=True, resets=False,
        source="unverified",
    )  # fmt: skip

    @classmethod
    def gather(cls) -> None:
        """Build the command tree without ``CONFigure...?``: what is set with CONFigure is asked without it."""
        super().gather()
        cls.commands = [one for one in cls.commands if not (one.is_query and one.pattern.startswith("CONF"))]
        cls.tree = Tree()
        for one in cls.commands:
            cls.tree.add(one.pattern, one, query=one.is_query)

    def power_on(self) -> None:
        """Take what the bench's magnet needs as it was typed in when it was installed."""
        magnet = self.magnet
        self._coil_T_per_A = magnet.coil_T_per_A
        self._most_A = self._current_limit_A = magnet.current_limit_A
        self._has_switch = magnet.has_switch
        self._target_A = 0.0
        self._segments = dict.fromkeys(SEGMENTS, (0.1, magnet.current_limit_A))  # rate [A/s], upper bound [A]
        self._mode: int = PAUSED
        self._arrives_s = -math.inf
        self._switch_busy: tuple[int, float] = PAUSED, -math.inf
        self._quenches = 0
        self._quench_seen = False
        super().power_on()

    def reset(self) -> None:
        """Leave all as it is: whether ``*RST`` does anything is not known."""

    @property
    def magnet(self) -> Any:
        """The bench's magnet."""
        return self.bench.sc_magnet

    @property
    def now_s(self) -> float:
        """Bench time [s]."""
        return self.lab.clock.now()

    # the wire: a greeting over sockets, and AMI's own errors

    def connect(self, *, stream: bool = False) -> Port:
        """Open a session's end of the wire; over TCP/IP the programmer greets first."""
        port = super().connect(stream=stream)
        if (self.resource_name or "").upper().endswith("SOCKET"):
            port.replies.extend(Reply(line + self.reply_terminator, self.now_s) for line in GREETING)
        return port

    def _run(self, header: str, path: str, text: str, unit: str) -> tuple[bytes | None, str]:
        self._notice_quench()
        try:
            return super()._run(header, path, text, unit)
        except ScpiError as problem:
            if problem.code in (-113, -102) and problem.text in ("Undefined header", "Syntax error"):
                raise ScpiError(*UNRECOGNIZED[header.endswith("?")]) from problem
            known = ScpiError(problem.code).text == problem.text  # not one of AMI's, raised below
            translated = ARGUMENT_ERRORS.get(problem.code, UNRECOGNIZED[header.endswith("?")])
            raise ScpiError(*translated) if known else problem from None

    def error(self, code: int, text: str | None = None) -> None:
        """Put an error into the buffer; the last place tells of those that found none."""
        if code == -102 and text == ScpiError(-102).text:  # no header at all
            code, text = UNRECOGNIZED[False]
        bits = {1: COMMAND_ERROR, 2: QUERY_ERROR, 3: EXECUTION_ERROR}
        self.event_status |= bits.get(-code // 100, DEVICE_ERROR)
        if len(self.errors) < self.error_queue_length:
            self.errors.append((code, text or ""))
        else:
            self.errors[-1] = BUFFER_OVERFLOW

    def next_error(self) -> str:
        """Take the oldest entry; AMI writes "No errors"."""
        return super().next_error() if self.errors else '0,"No errors"'

    # field and current

    def _units_per_A(self) -> float:
        if self._coil_T_per_A == 0.0:
            raise ScpiError(*UNDEFINED_COIL)
        return self._coil_T_per_A * (1.0 if self.in_tesla else KILOGAUSS_PER_TESLA)

    def _rate_factor(self) -> float:
        return 60.0 if self.per_minute else 1.0

    @command("CONFigure:COILconst", Number(minimum=0.0, maximum=100.0), source=IN_DRIVERS)
    def set_coil_constant(self, units_per_A: float) -> None:
        """Set the field per current, in the unit in use [kG/A or T/A]."""
        self._coil_T_per_A = units_per_A / (1.0 if self.in_tesla else KILOGAUSS_PER_TESLA)

    @query("COILconst", source=IN_DRIVERS)
    def coil_constant(self) -> str:
        """Return the field per current, in the unit in use."""
        return plain(self._coil_T_per_A * (1.0 if self.in_tesla else KILOGAUSS_PER_TESLA))

    @command("CONFigure:CURRent:LIMit", Number(), source="unverified")
    def set_current_limit(self, limit_A: float) -> None:
        """Set the largest target, up to the rating."""
        if not 0.0 < limit_A <= self._most_A:
            raise ScpiError(-222)
        self._current_limit_A = limit_A

    @query("CURRent:LIMit", source="unverified")
    def current_limit(self) -> str:
        """Return the largest target [A]."""
        return plain(self._current_limit_A)

    @command("CONFigure:CURRent:TARGet", Number(), source=IN_DRIVERS)
    def set_current_target(self, target_A: float) -> None:
        """Set the target; a programmer that ramps or holds goes there at once."""
        if abs(target_A) > self._current_limit_A * (1 + 1e-9):
            raise ScpiError(-222)
        self._target_A = target_A
        if self._mode == RAMPING and not self._is_locked():
            self._go(RAMPING)

    @query("CURRent:TARGet", source=IN_DRIVERS)
    def current_target(self) -> str:
        """Return the target [A]."""
        return plain(self._target_A)

    @command("CONFigure:FIELD:TARGet", Number(), source=IN_DRIVERS)
    def set_field_target(self, target: float) -> None:
        """Set the target as a field in the unit in use."""
        self.set_current_target(target / self._units_per_A())

    @query("FIELD:TARGet", source=IN_DRIVERS)
    def field_target(self) -> str:
        """Return the target as a field."""
        return plain(self._target_A * self._units_per_A())

    @query("CURRent:MAGnet", source=IN_DRIVERS)
    def magnet_current(self) -> str:
        """Return the current of the coil [A]."""
        return f"{self.magnet.current_A(self.now_s):.4f}"

    @query("CURRent:SUPPly", source=IN_DRIVERS)
    def supply_current(self) -> str:
        """Return the measured current of the supply [A]."""
        return f"{self.magnet.supply_reading_A(self.now_s):.4f}"

    @query("FIELD:MAGnet", source=IN_DRIVERS)
    def field(self) -> str:
        """Return the field as the coil constant gives it, in the unit in use."""
        return f"{self.magnet.current_A(self.now_s) * self._units_per_A():.5f}"

    @query("VOLTage:MAGnet", source="unverified")
    def magnet_voltage(self) -> str:
        """Return the voltage across the coil [V]."""
        return f"{self.magnet.voltage_V(self.now_s):.4f}"

    @query("FIELD:UNITS", source="unverified")
    def field_units(self) -> int:
        """Return 1 for tesla, 0 for kilogauss."""
        return int(self.in_tesla)

    @query("RAMP:RATE:UNITS", source="unverified")
    def rate_units(self) -> int:
        """Return 1 for rates per minute, 0 per second."""
        return int(self.per_minute)

    @query("VOLTage:LIMit", source=IN_DRIVERS)
    def limit_of_voltage(self) -> str:
        """Return the limit of the voltage across the coil [V]."""
        return plain(self.voltage_limit)

    # ramp rates

    @query("RAMP:RATE:SEGments", source="unverified")
    def segment_count(self) -> int:
        """Return how many ramp segments are in use."""
        return self.segments

    @command(
        "CONFigure:RAMP:RATE:CURRent", Number(minimum=1, maximum=10, integer=True), Number(), Number(optional=True),
        source=IN_DRIVERS,
    )  # fmt: skip
    def set_rate_A(self, segment: int, rate: float, bound_A: float | None = None) -> None:
        """Set a segment's rate and, unless it is left out, its upper bound [A]."""
        rate_A_per_s = rate / self._rate_factor()
        upper_A = self._segments[segment][1] if bound_A is None else bound_A
        if not 1e-6 <= rate_A_per_s <= 10.0 or not 0.0 < upper_A <= self._most_A * (1 + 1e-9):
            raise ScpiError(-222)
        self._segments[segment] = rate_A_per_s, upper_A

    @command(
        "CONFigure:RAMP:RATE:FIELD", Number(minimum=1, maximum=10, integer=True), Number(), Number(optional=True),
        source=IN_DRIVERS,
    )  # fmt: skip
    def set_rate_field(self, segment: int, rate: float, bound: float | None = None) -> None:
        """Set a segment's rate and bound in the field's unit."""
        per_A = self._units_per_A()
        self.set_rate_A(segment, rate / per_A, None if bound is None else bound / per_A)

    @query("RAMP:RATE:CURRent:#", suffixes=SEGMENTS, source=IN_DRIVERS)
    def rate_A(self, segment: int) -> str:
        """Return a segment's rate and upper bound [A]."""
        rate_A_per_s, bound_A = self._segments[segment]
        return f"{plain(rate_A_per_s * self._rate_factor())},{plain(bound_A)}"

    @query("RAMP:RATE:FIELD:#", suffixes=SEGMENTS, source=IN_DRIVERS)
    def rate_field(self, segment: int) -> str:
        """Return a segment's rate and upper bound in the field's unit."""
        rate_A_per_s, bound_A = self._segments[segment]
        per_A = self._units_per_A()
        return f"{plain(rate_A_per_s * self._rate_factor() * per_A)},{plain(bound_A * per_A)}"

    # ramping

    @command("RAMP", source=IN_DRIVERS)
    def ramp(self) -> None:
        """Go to the target."""
        self._go(RAMPING)

    @command("PAUSE", source=IN_DRIVERS)
    def pause(self) -> None:
        """Stay where the ramp is."""
        self._go(PAUSED)

    @command("INCR", source="unverified; its sister DECR in the manual, p. 125")
    def ramp_up(self) -> None:
        """Go to the current limit."""
        self._go(MANUAL_UP)

    @command("DECR", source=f"{MANUAL}, p. 125")
    def ramp_down(self) -> None:
        """Go to the negative current limit."""
        self._go(MANUAL_DOWN)

    @command("ZERO", source=f"{MANUAL}, p. 125")
    def zero(self) -> None:
        """Go to zero."""
        self._go(ZEROING)

    @query("STATE", source=f"{MANUAL}, p. 125, table 4-5")
    def state(self) -> int:
        """Return the number of the ramping state."""
        now_s = self.now_s
        busy_with, until_s = self._switch_busy
        if self._quench_seen:
            return QUENCH
        if now_s < until_s:
            return busy_with
        if self._mode == RAMPING:
            return RAMPING if now_s < self._arrives_s else HOLDING
        if self._mode == ZEROING and abs(self.magnet.supply_A(now_s)) < 1e-3 * self._most_A:
            return AT_ZERO
        return self._mode

    def _is_locked(self) -> bool:
        return self._quench_seen or self.now_s < self._switch_busy[1]

    def _go(self, mode: int) -> None:
        if self._is_locked():
            raise ScpiError(*(QUENCH_CONDITION if self._quench_seen else HEATING_SWITCH))
        self.before_change()
        self._mode = mode
        limit_A = self._current_limit_A
        targets = {RAMPING: self._target_A, MANUAL_UP: limit_A, MANUAL_DOWN: -limit_A, ZEROING: 0.0}
        if mode not in targets:
            self.magnet.hold(self.now_s)
            return
        used = [self._segments[number] for number in range(1, self.segments + 1)]
        self._arrives_s = self.magnet.ramp(self.now_s, targets[mode], used, self.voltage_limit)

    # the persistent switch

    @command("CONFigure:PSwitch[:INSTalled]", Flag(), source="unverified")
    def install_switch(self, installed: bool) -> None:
        """Tell the programmer whether the magnet has a switch."""
        self._has_switch = installed

    @query("PSwitch:INSTalled", source="unverified")
    def switch_installed(self) -> int:
        """Return whether the programmer believes in a switch."""
        return int(self._has_switch)

    @query("PSwitch:CURRent", source="unverified")
    def heater_current(self) -> str:
        """Return the current of the heater [mA]."""
        return f"{self.switch_current:.1f}"

    @query("PSwitch:HeatTIME", source="unverified")
    def heating_time(self) -> int:
        """Return how long heating takes [s]."""
        return self.heat_time

    @query("PSwitch:CoolTIME", source="unverified")
    def cooling_time(self) -> int:
        """Return how long cooling takes [s]."""
        return self.cool_time

    @command("PSwitch", Flag(), source=f"{MANUAL}, p. 125")
    def heat_switch(self, on: bool) -> None:
        """Switch the heater; the programmer waits for the switch, then pauses."""
        if not self._has_switch:
            raise ScpiError(*NO_SWITCH)
        if self._is_locked():
            raise ScpiError(*(QUENCH_CONDITION if self._quench_seen else HEATING_SWITCH))
        if on == self.magnet.is_heated():
            return
        self.before_change()
        self.magnet.heat(self.now_s, on)
        self._mode = PAUSED
        self._switch_busy = (HEATING if on else COOLING), self.now_s + (self.heat_time if on else self.cool_time)

    @query("PSwitch", source=f"{MANUAL}, p. 126")
    def switch_heated(self) -> int:
        """Return whether the heater is on."""
        return int(self.magnet.is_heated())

    @query("PERSistent", source=f"{MANUAL}, p. 126")
    def persistent(self) -> int:
        """Return whether the light "magnet in persistent mode" is on."""
        holds_current = abs(self.magnet.current_A(self.now_s)) > 1e-3 * self._most_A
        cooled = not self.magnet.is_heated() and self.now_s >= self._switch_busy[1]
        return int(self._has_switch and cooled and holds_current)

    # quenches

    @command("QUench", Flag(), source=f"{MANUAL}, p. 126")
    def set_quench(self, on: bool) -> None:
        """Clear a quench condition, or set one: the supply is forced to 0 V."""
        self.before_change()
        if on:
            self.magnet.quench(self.now_s)
            self._notice_quench()
        elif self._quench_seen:
            self.magnet.clear_quench(self.now_s)
            self._quench_seen, self._mode = False, PAUSED

    @query("QUench", source=f"{MANUAL}, p. 126")
    def quenched(self) -> int:
        """Return whether there is a quench condition."""
        return int(self._quench_seen)

    @query("QUench:COUNT", source=f"{MANUAL}, p. 126")
    def quench_count(self) -> int:
        """Return how many quenches were recorded."""
        return self._quenches

    def _notice_quench(self) -> None:
        if not self._quench_seen and self.magnet.is_quenched(self.now_s):
            self._quench_seen, self._quenches = True, self._quenches + 1
