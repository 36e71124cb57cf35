"""Newport ESP301, a motion controller of three axes: 1 a delay stage, 2 and 3 rotation stages.

Wired to ``bench.stage``: a mapping from axis number to :class:`sotlab.simulated.physics.motion.Axis`, in m for
axis 1 and deg for the others. Options of the bench file: ``linear`` names the linear axes (default "1").
Not modelled, so refused: programs, groups, jogging, digital I/O, trace acquisition, the motor's own parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sotlab.simulated.device import (
    COMMAND_ERROR,
    EXECUTION_ERROR,
    LabDevice,
    Port,
    command,
    query,
)
from sotlab.simulated.physics.motion import Axis
from sotlab.simulated.scpi import Number, ScpiError

__all__ = ["ESP301"]

IN_DRIVER = "unverified; header in PyMeasure's ESP300"
SISTER = "8743-CL manual"

AXES = (1, 2, 3)

#: Native units (m or deg) per unit of ``SN``: 2 mm, 3 um, 4 inch, 5 milli-inch, 6 micro-inch; 7 deg, 8 gradient,
#: 9 rad, 10 mrad, 11 urad. Counts and steps are not modelled.
LENGTHS = {2: 1e-3, 3: 1e-6, 4: 25.4e-3, 5: 25.4e-6, 6: 25.4e-9}
ANGLES = {7: 1.0, 8: 0.9, 9: 57.29577951308232, 10: 57.29577951308232e-3, 11: 57.29577951308232e-6}

NO_ERROR = "NO ERROR DETECTED"
#: Numbers and texts of PyMeasure's table; those of an axis are sent as 100 times its number and the code.
GENERAL = {
    6: "COMMAND DOES NOT EXIST",
    7: "PARAMETER OUT OF RANGE",
    9: "AXIS NUMBER OUT OF RANGE",
    37: "AXIS NUMBER MISSING",
    38: "COMMAND PARAMETER MISSING",
}
OF_AXIS = {
    1: "PARAMETER OUT OF RANGE",
    4: "POSITIVE HARDWARE LIMIT DETECTED",
    5: "NEGATIVE HARDWARE LIMIT DETECTED",
    6: "POSITIVE SOFTWARE LIMIT DETECTED",
    7: "NEGATIVE SOFTWARE LIMIT DETECTED",
    10: "MAXIMUM VELOCITY EXCEEDED",
    11: "MAXIMUM ACCELERATION EXCEEDED",
    13: "MOTOR NOT ENABLED",
}
#: What the parser finds, in the controller's numbers.
PARSER = {-113: 6, -102: 6, -114: 9, -109: 38}
QUEUE_LENGTH = 10
#: Ticks of the servo, which the time stamps of ``TB?`` count [s]; unverified.
SERVO_TICK_S = 400e-6
#: Largest software limit [m or deg].
FARTHEST = 1e6
#: Of an emergency stop, over the programmed deceleration.
EMERGENCY = 4.0

_UNIT = re.compile(r"\s*(\d*)\s*([A-Za-z]{2})\s*(\??)\s*(.*?)\s*\Z", re.DOTALL)


def axis_error(axis: int, code: int) -> ScpiError:
    """Return an error of one axis."""
    return ScpiError(100 * axis + code, OF_AXIS[code])


@dataclass
class Parameters:
    """What is programmed for one axis, in m or deg."""

    unit: int
    velocity: float
    most_velocity: float
    acceleration: float
    deceleration: float
    most_acceleration: float
    left: float
    right: float
    backlash: float = 0.0
    on: bool = False
    zero: float = 0.0  # where the position is called 0


class ESP301(LabDevice):
    """The controller; it has neither ``*IDN?`` nor a status byte, ``VE?`` tells what it is.

    The grammar, and replies to one message joined by semicolons, are those of its sister (8743-CL manual, p. 73).
    """

    manufacturer: ClassVar[str] = "Newport"
    model: ClassVar[str] = "ESP301"
    version: ClassVar[str] = "3.0.2"
    reply_terminator: ClassVar[bytes] = b"\r\n"

    def power_on(self) -> None:
        """Set each axis's defaults, motors off."""
        linear = {int(number) for number in str(self.options.get("linear", "1")).split(",")}
        self._parameters = {number: self._defaults(number in linear, self._axis(number)) for number in AXES}
        self._limit_hits: dict[int, tuple[float, int]] = {}  # when an end of travel will be met, error code
        self._waits_until_s = 0.0
        super().power_on()

    @staticmethod
    def _defaults(linear: bool, axis: Axis) -> Parameters:
        if linear:
            return Parameters(2, 20e-3, 50e-3, 80e-3, 80e-3, 200e-3, axis.lower, axis.upper)
        return Parameters(7, 20.0, 80.0, 80.0, 80.0, 320.0, axis.lower, axis.upper)

    def reset(self) -> None:
        """Do nothing: the controller keeps its parameters."""

    def _axis(self, number: int) -> Axis:
        return self.bench.stage[number]

    @property
    def now_s(self) -> float:
        """When the present command runs: now, or when the wait of an earlier ``WS`` ends [s]."""
        return max(self.lab.clock.now(), self._waits_until_s)

    # the wire: "1PA10;1WS;1TP?", and the controller's own errors

    def execute(self, port: Port, message: str) -> None:
        """Run a message: axis number, two letters, parameter; several are parted by semicolons."""
        super().execute(port, ";".join(self._rewritten(unit) for unit in message.split(";")))

    @staticmethod
    def _rewritten(unit: str) -> str:
        """Write ``1PA10`` as ``PA1 10``, which the base understands; ``1TP`` is a query like ``1TP?``."""
        match = _UNIT.match(unit)
        if match is None:
            return unit
        axis, letters, mark, parameter = match.groups()
        mark = "?" if letters.upper() == "TP" else mark
        return f"{letters}{axis}{mark} {parameter}"

    def _run(self, header: str, path: str, text: str, unit: str) -> tuple[bytes | None, str]:
        self._notice_limits()
        if header.startswith("*") or ":" in header:
            raise ScpiError(6, GENERAL[6])
        if header.rstrip("?") in self._headers_of_axes():
            raise ScpiError(37, GENERAL[37])
        try:
            answer = super()._run(header, path, text, unit)
        except ScpiError as problem:
            if problem.code > 0:
                raise
            code = PARSER.get(problem.code, 7)
            raise ScpiError(code, GENERAL[code]) from None
        if answer[0] is not None:
            self.reply_after(self.now_s - self.lab.clock.now())
        return answer

    @classmethod
    def _headers_of_axes(cls) -> set[str]:
        return {one.pattern[:2] for one in cls.commands if one.pattern.endswith("#")} - {"ST", "WS"}

    def error(self, code: int, text: str | None = None) -> None:
        """Put an error into the queue; the eleventh pushes the oldest out. There is none for what is read unasked."""
        if code <= -400:
            return
        if code == -102:
            code, text = 6, GENERAL[6]
        self.event_status |= COMMAND_ERROR if code == 6 else EXECUTION_ERROR
        stamp = int(self.lab.clock.now() / SERVO_TICK_S)
        self.errors.append((code, f"{stamp}, {text}"))
        while len(self.errors) > QUEUE_LENGTH:
            self.errors.popleft()

    def identity(self) -> str:
        """Return the model and its version, which say that it is simulated."""
        return f"{self.model} Version {self.serial} {self.version}"

    @query("VE", source="unverified")
    def firmware(self) -> str:
        """Return model and version."""
        return self.identity()

    @query("TB", source=f"{SISTER}, p. 113; time stamp by two drivers")
    def error_message(self) -> str:
        """Take the oldest error: code, time stamp, text."""
        code, text = self.errors.popleft() if self.errors else (0, f"0, {NO_ERROR}")
        return f"{code}, {text}"

    @query("TE", source=f"{SISTER}, p. 113; {IN_DRIVER}")
    def error_code(self) -> int:
        """Take the oldest error: its code."""
        return self.errors.popleft()[0] if self.errors else 0

    # units: what is sent is in the unit of SN, what is kept in m or deg

    def _factor(self, number: int) -> float:
        return (LENGTHS | ANGLES)[self._parameters[number].unit]

    def _shown(self, number: int, value: float) -> str:
        return f"{value / self._factor(number):.7g}"

    @command("SN#", Number(integer=True), suffixes=AXES, source=IN_DRIVER)
    def set_unit(self, number: int, unit: int) -> None:
        """Set the unit of an axis, of its own kind."""
        programmed = self._parameters[number]
        if unit not in (LENGTHS if programmed.unit in LENGTHS else ANGLES):
            raise axis_error(number, 1)
        programmed.unit = unit

    @query("SN#", suffixes=AXES, source=IN_DRIVER)
    def unit(self, number: int) -> int:
        """Return the number of the unit."""
        return self._parameters[number].unit

    @query("ID#", suffixes=AXES, source="ESP300 manual p. 3-86")
    def stage_model(self, number: int) -> str:
        """Return model and serial number of the stage."""
        model = "ILS250CC" if self._parameters[number].unit in LENGTHS else "URS75BCC"
        return f"{model}, {self.serial}-{number}"

    # motor and motion

    @command("MO#", suffixes=AXES, source=IN_DRIVER)
    def motor_on(self, number: int) -> None:
        """Switch a motor on."""
        self._parameters[number].on = True

    @command("MF#", suffixes=AXES, source=IN_DRIVER)
    def motor_off(self, number: int) -> None:
        """Switch a motor off; one that runs comes to rest."""
        self._halt(number, EMERGENCY, self.lab.clock.now())
        self._parameters[number].on = False

    @query("MO#", suffixes=AXES, source=IN_DRIVER)
    def motor(self, number: int) -> int:
        """Return whether a motor is on."""
        return int(self._parameters[number].on)

    @query("MF#", suffixes=AXES, source="unverified")
    def motor_again(self, number: int) -> int:
        """Return whether a motor is on."""
        return self.motor(number)

    @query("TP#", suffixes=AXES, source=IN_DRIVER)
    def position(self, number: int) -> str:
        """Return the position by the encoder."""
        reading = self._axis(number).reading(self.now_s) - self._parameters[number].zero
        return self._shown(number, reading + 0.0)

    @query("TV#", suffixes=AXES, source="unverified")
    def speed(self, number: int) -> str:
        """Return the velocity."""
        return self._shown(number, self._axis(number).velocity(self.now_s))

    @query("DP#", suffixes=AXES, source="unverified")
    def desired_position(self, number: int) -> str:
        """Return where the servo is told to be."""
        return self._shown(number, self._axis(number).target(self.now_s) - self._parameters[number].zero)

    @query("MD#", suffixes=AXES, source=IN_DRIVER)
    def motion_done(self, number: int) -> int:
        """Return 1 when the axis is settled, 0 while it moves."""
        return int(self.now_s >= self._axis(number).settled_s())

    @command("PA#", Number(), suffixes=AXES, source=IN_DRIVER)
    def move_to(self, number: int, position: float) -> None:
        """Go to a position."""
        self._move(number, position * self._factor(number) + self._parameters[number].zero)

    @query("PA#", suffixes=AXES, source="unverified")
    def target(self, number: int) -> str:
        """Return the position of the servo's target."""
        return self.desired_position(number)

    @command("PR#", Number(), suffixes=AXES, source="unverified")
    def move_by(self, number: int, way: float) -> None:
        """Go some way from where the servo is told to be."""
        self._move(number, self._axis(number).target(self.now_s) + way * self._factor(number))

    @command("OR#", Number(minimum=0, maximum=6, integer=True, optional=True), suffixes=AXES, source=IN_DRIVER)
    def home(self, number: int, how: int = 0) -> None:
        """Go home and count positions from there; all ways of finding home end at the same place."""
        self._parameters[number].zero = 0.0
        self._move(number, 0.0)

    @command("DH#", Number(optional=True), suffixes=AXES, source=IN_DRIVER)
    def define_home(self, number: int, position: float = 0.0) -> None:
        """Give the present position a value."""
        here = self._axis(number).position(self.now_s)
        self._parameters[number].zero = here - position * self._factor(number)

    @command("ST#", suffixes=AXES, source="unverified")
    def stop(self, number: int) -> None:
        """Stop an axis with its deceleration, also during a wait."""
        self._halt(number, 1.0, self.lab.clock.now())

    @command("ST", source="unverified")
    def stop_all(self) -> None:
        """Stop all axes with their decelerations."""
        for number in AXES:
            self.stop(number)

    @command("AB", source="unverified")
    def abort(self) -> None:
        """Stop all axes as fast as can be."""
        for number in AXES:
            self._halt(number, EMERGENCY, self.lab.clock.now())

    @command("WS#", Number(minimum=0, maximum=60000, optional=True), suffixes=AXES, source=IN_DRIVER)
    def wait_for_stop(self, number: int, delay_ms: float = 0.0) -> None:
        """Hold back all further commands until an axis has stopped, and so many ms more."""
        self._waits_until_s = max(self.now_s, self._axis(number).settled_s()) + delay_ms / 1e3

    @command("WS", source="unverified")
    def wait_for_all(self) -> None:
        """Hold back all further commands until all axes have stopped."""
        self._waits_until_s = max(self.now_s, *(self._axis(number).settled_s() for number in AXES))

    def _move(self, number: int, target: float) -> None:
        programmed, axis, now_s = self._parameters[number], self._axis(number), self.now_s
        if not programmed.on:
            raise axis_error(number, 13)
        if target > programmed.right + axis.resolution / 2:
            raise axis_error(number, 6)
        if target < programmed.left - axis.resolution / 2:
            raise axis_error(number, 7)
        self.before_change()
        rates = programmed.velocity, programmed.acceleration, programmed.deceleration
        if programmed.backlash and target < axis.target(now_s):  # always arrive from the same side
            now_s = axis.move(now_s, target - programmed.backlash, *rates)
        ends_s = axis.move(now_s, target, *rates)
        self._limit_hits.pop(number, None)
        if not axis.lower <= target <= axis.upper:
            self._limit_hits[number] = ends_s, 4 if target > axis.upper else 5

    def _halt(self, number: int, factor: float, now_s: float) -> None:
        self.before_change()
        self._waits_until_s = now_s
        self._limit_hits.pop(number, None)
        self._axis(number).stop(now_s, factor * self._parameters[number].deceleration)

    def _notice_limits(self) -> None:
        """Report the ends of travel that were met: the motor is off there."""
        for number, (time_s, code) in list(self._limit_hits.items()):
            if self.lab.clock.now() >= time_s:
                del self._limit_hits[number]
                self._parameters[number].on = False
                self.error(100 * number + code, OF_AXIS[code])

    # parameters of the motion

    def _program(self, number: int, name: str, value: float, low: float, high: float, code: int) -> None:
        native = value * self._factor(number)
        if not low <= native <= high * (1 + 1e-9):
            raise axis_error(number, code)
        setattr(self._parameters[number], name, native)

    @command("VA#", Number(), suffixes=AXES, source="unverified")
    def set_velocity(self, number: int, value: float) -> None:
        """Set the velocity of the moves to come."""
        self._program(number, "velocity", value, 1e-9, self._parameters[number].most_velocity, 10)

    @query("VA#", suffixes=AXES, source="unverified")
    def velocity(self, number: int) -> str:
        """Return the velocity of moves."""
        return self._shown(number, self._parameters[number].velocity)

    @query("VU#", suffixes=AXES, source="unverified")
    def most_velocity(self, number: int) -> str:
        """Return the largest velocity."""
        return self._shown(number, self._parameters[number].most_velocity)

    @command("AC#", Number(), suffixes=AXES, source="unverified")
    def set_acceleration(self, number: int, value: float) -> None:
        """Set the acceleration."""
        self._program(number, "acceleration", value, 1e-9, self._parameters[number].most_acceleration, 11)

    @query("AC#", suffixes=AXES, source="unverified")
    def acceleration(self, number: int) -> str:
        """Return the acceleration."""
        return self._shown(number, self._parameters[number].acceleration)

    @command("AG#", Number(), suffixes=AXES, source="unverified")
    def set_deceleration(self, number: int, value: float) -> None:
        """Set the deceleration."""
        self._program(number, "deceleration", value, 1e-9, self._parameters[number].most_acceleration, 11)

    @query("AG#", suffixes=AXES, source="unverified")
    def deceleration(self, number: int) -> str:
        """Return the deceleration."""
        return self._shown(number, self._parameters[number].deceleration)

    @query("AU#", suffixes=AXES, source="unverified")
    def most_acceleration(self, number: int) -> str:
        """Return the largest acceleration."""
        return self._shown(number, self._parameters[number].most_acceleration)

    @command("BA#", Number(), suffixes=AXES, source="unverified")
    def set_backlash(self, number: int, value: float) -> None:
        """Set how far a move to smaller positions goes beyond its target before it comes back."""
        self._program(number, "backlash", value, 0.0, self._axis(number).upper, 1)

    @query("BA#", suffixes=AXES, source="unverified")
    def backlash(self, number: int) -> str:
        """Return the way of the backlash compensation."""
        return self._shown(number, self._parameters[number].backlash)

    @command("SL#", Number(), suffixes=AXES, source=IN_DRIVER)
    def set_left(self, number: int, value: float) -> None:
        """Set the lower software limit; beyond the end of travel only the limit switch stops the axis."""
        self._program(number, "left", value, -FARTHEST, FARTHEST, 1)

    @query("SL#", suffixes=AXES, source=IN_DRIVER)
    def left(self, number: int) -> str:
        """Return the lower software limit."""
        return self._shown(number, self._parameters[number].left)

    @command("SR#", Number(), suffixes=AXES, source=IN_DRIVER)
    def set_right(self, number: int, value: float) -> None:
        """Set the upper software limit."""
        self._program(number, "right", value, -FARTHEST, FARTHEST, 1)

    @query("SR#", suffixes=AXES, source=IN_DRIVER)
    def right(self, number: int) -> str:
        """Return the upper software limit."""
        return self._shown(number, self._parameters[number].right)
