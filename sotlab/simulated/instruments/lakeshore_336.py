"""Lake Shore 336 temperature controller: inputs A to D, heater outputs 1 and 2, voltage outputs 3 and 4.

Wired to ``bench.cryostat``; nothing is connected to the voltage outputs. Not modelled, so refused: monitor and warm-up
modes, zones, autotuning, curves, alarms and relays. Pages are those of its older sisters, where the command reads the
same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sotlab.simulated.device import LabDevice, Port, command, query
from sotlab.simulated.scpi import Choice, Number, ScpiError, Text

__all__ = ["LakeShore336"]

MANUAL_331, MANUAL_340 = "Model 331 manual", "Model 340 manual"

INPUTS = ("A", "B", "C", "D")
OFF, CLOSED_LOOP, OPEN_LOOP = 0, 1, 3
#: Share of an output's full power in the ranges off, low, medium, high.
RANGE_SHARE = (0.0, 0.01, 0.1, 1.0)
#: Full power of the outputs 1 and 2 into 50 and 25 ohm [W].
FULL_POWER_W = {1: 50.0, 2: 50.0}
#: ``RDGST?``: invalid reading, temperature over range (331 manual p. 6-37).
INVALID, OVER_RANGE = 1, 32
MOST_K = 500.0
ZERO_CELSIUS_K = 273.15

#: Voltage of a silicon diode at 10 uA, near a DT-670's standard curve; from memory.
DIODE_K = (1.4, 4.2, 10.0, 20.0, 30.0, 77.35, 150.0, 300.0, 500.0)
DIODE_V = (1.644, 1.578, 1.420, 1.214, 1.107, 1.020, 0.869, 0.560, 0.091)

OUTPUT, HEATER = Number(minimum=1, maximum=4, integer=True), Number(minimum=1, maximum=2, integer=True)
INPUT = Choice(*INPUTS)
INPUT_OR_ALL = Choice(*INPUTS, "0")


@dataclass
class Loop:
    """What is programmed for one output."""

    input: int
    mode: int = CLOSED_LOOP
    powerup: int = 0
    setpoint_K: float = 4.0
    range: int = 0
    manual_percent: float = 0.0
    pid: tuple[float, float, float] = (50.0, 20.0, 0.0)
    ramp_on: bool = False
    ramp_K_per_min: float = 1.0


class LakeShore336(LabDevice):
    """The controller; it has no error queue, only the bits of the event status register."""

    manufacturer: ClassVar[str] = "LSCI"
    model: ClassVar[str] = "MODEL336"
    version: ClassVar[str] = "2.9"
    reply_terminator: ClassVar[bytes] = b"\r\n"

    def power_on(self) -> None:
        """Set both loops' defaults: heaters off."""
        self._loops = {output: Loop(output) for output in range(1, 5)}
        self._names = {letter: f"Input {letter}" for letter in INPUTS}
        self._limits_K: dict[str, float] = dict.fromkeys(INPUTS, 0.0)
        super().power_on()

    def reset(self) -> None:
        """Switch the heaters off; the settings stay."""
        self.before_change()
        for output, loop in self._loops.items():
            loop.range = 0
            self._drive(output)

    @property
    def _now_s(self) -> float:
        return self.lab.clock.now()

    def execute(self, port: Port, message: str) -> None:
        """Run a message; a temperature above its limit is noticed at the next one and switches the heaters off."""
        sensors = self.bench.cryostat.sensors
        watched = [(letter, limit_K) for letter, limit_K in self._limits_K.items() if limit_K and letter in sensors]
        if any(self.bench.cryostat.temperature_K(self._now_s, letter) > limit_K for letter, limit_K in watched):
            self.reset()
        super().execute(port, message)

    # thermometers

    def _readings(self, letter: str, convert: Any) -> str:
        letters = INPUTS if letter == "0" else (letter,)
        return ",".join(f"{convert(self._kelvin(one)):+.7G}" for one in letters)

    def _kelvin(self, letter: str) -> float:
        cryostat = self.bench.cryostat
        return cryostat.reading_K(self._now_s, letter) if letter in cryostat.sensors else 0.0

    @query("KRDG", INPUT_OR_ALL, source="unverified; header in PyMeasure")
    def kelvin(self, letter: str) -> str:
        """Return the temperature of an input, or of all for 0 [K]; 0 without a sensor."""
        return self._readings(letter, lambda kelvin: kelvin)

    @query("CRDG", INPUT_OR_ALL, source=f"{MANUAL_331} p. 6-28")
    def celsius(self, letter: str) -> str:
        """Return the temperature in degrees Celsius."""
        return self._readings(letter, lambda kelvin: kelvin - ZERO_CELSIUS_K if kelvin else 0.0)

    @query("SRDG", INPUT_OR_ALL, source="unverified; header in PyMeasure")
    def sensor_units(self, letter: str) -> str:
        """Return the voltage of the diode [V]."""
        return self._readings(letter, lambda kelvin: float(np.interp(kelvin, DIODE_K, DIODE_V)) if kelvin else 0.0)

    @query("RDGST", INPUT, source=f"{MANUAL_331} p. 6-37")
    def reading_status(self, letter: str) -> str:
        """Return the sum of the bits that tell why a reading is not valid."""
        cryostat = self.bench.cryostat
        if letter not in cryostat.sensors:
            return f"{INVALID:03d}"
        return f"{OVER_RANGE if cryostat.temperature_K(self._now_s, letter) > MOST_K else 0:03d}"

    @command("INNAME", INPUT, Text(), source="unverified")
    def set_name(self, letter: str, name: str) -> None:
        """Name an input, with up to 15 characters."""
        self._names[letter] = name[:15]

    @query("INNAME", INPUT, source="unverified")
    def name_of_input(self, letter: str) -> str:
        """Return the name of an input."""
        return self._names[letter]

    @command("TLIMIT", INPUT, Number(minimum=0.0, maximum=MOST_K), source="unverified")
    def set_limit(self, letter: str, limit_K: float) -> None:
        """Set the temperature above which all heaters go off; 0 for none."""
        self._limits_K[letter] = limit_K

    @query("TLIMIT", INPUT, source="unverified")
    def limit(self, letter: str) -> str:
        """Return that temperature [K]."""
        return f"{self._limits_K[letter]:.3f}"

    # loops

    def _drive(self, output: int) -> None:
        """Tell the bench what the heater does now."""
        loop, now_s = self._loops[output], self._now_s
        stage = self.bench.cryostat.stages.get(output)
        if stage is None:
            return
        most_W = FULL_POWER_W[output] * RANGE_SHARE[loop.range]
        rate_K_per_s = loop.ramp_K_per_min / 60.0 if loop.ramp_on else 0.0
        if loop.mode == OPEN_LOOP:
            stage.heat(now_s, most_W * loop.manual_percent / 100.0)
        else:
            most_W = most_W if loop.mode == CLOSED_LOOP and loop.input else 0.0
            stage.control(now_s, loop.setpoint_K, most_W, loop.pid[0], rate_K_per_s)

    @command("SETP", OUTPUT, Number(minimum=0.0, maximum=MOST_K), source="unverified; header in PyMeasure")
    def set_setpoint(self, output: int, setpoint_K: float) -> None:
        """Set the setpoint; with the ramp on it goes there at the ramp's rate."""
        self.before_change()
        self._loops[output].setpoint_K = setpoint_K
        self._drive(output)

    @query("SETP", OUTPUT, source="unverified; header in PyMeasure")
    def setpoint(self, output: int) -> str:
        """Return the setpoint, on its ramp if there is one [K]."""
        stage = self.bench.cryostat.stages.get(output)
        loop = self._loops[output]
        if stage is not None and stage.is_ramping(self._now_s):
            return f"{stage.setpoint_K(self._now_s):+.4f}"
        return f"{loop.setpoint_K:+.4f}"

    @command("RAMP", OUTPUT, Number(minimum=0, maximum=1, integer=True), Number(minimum=0.0, maximum=100.0),
             source=f"{MANUAL_340} p. 9-39")  # fmt: skip
    def set_ramp(self, output: int, on: int, rate_K_per_min: float) -> None:
        """Switch the ramp of the setpoint on or off; it holds for the setpoints to come."""
        loop = self._loops[output]
        loop.ramp_on, loop.ramp_K_per_min = bool(on), rate_K_per_min

    @query("RAMP", OUTPUT, source=f"{MANUAL_340} p. 9-39")
    def ramp(self, output: int) -> str:
        """Return whether the ramp is on, and its rate [K/min]."""
        loop = self._loops[output]
        return f"{int(loop.ramp_on)},{loop.ramp_K_per_min:+.3f}"

    @query("RAMPST", OUTPUT, source=f"{MANUAL_340} p. 9-39")
    def ramp_status(self, output: int) -> int:
        """Return whether the setpoint is on its ramp."""
        stage = self.bench.cryostat.stages.get(output)
        return int(stage is not None and stage.is_ramping(self._now_s))

    @command("RANGE", OUTPUT, Number(minimum=0, maximum=3, integer=True), source=f"{MANUAL_331} p. 6-37, one output")
    def set_range(self, output: int, number: int) -> None:
        """Set a heater's range: off, low, medium, high; a voltage output is off or on."""
        if output not in FULL_POWER_W and number > 1:
            raise ScpiError(-222)
        self.before_change()
        self._loops[output].range = number
        self._drive(output)

    @query("RANGE", OUTPUT, source=f"{MANUAL_331} p. 6-37, one output")
    def range(self, output: int) -> int:
        """Return the heater's range."""
        return self._loops[output].range

    @query("HTR", HEATER, source=f"{MANUAL_331} p. 6-32, one output")
    def heater(self, output: int) -> str:
        """Return the heater's power in percent of its range."""
        loop, stage = self._loops[output], self.bench.cryostat.stages.get(output)
        if stage is None or loop.range == 0 or loop.mode == OFF:
            return "+000.0"
        full_W = FULL_POWER_W[output] * RANGE_SHARE[loop.range]
        return f"{100.0 * stage.power_W(self._now_s) / full_W:+06.1f}"

    @query("HTRST", HEATER, source=f"{MANUAL_331} p. 6-32, one output")
    def heater_status(self, output: int) -> int:
        """Return 0 no error, 1 open load: an output that the bench has no stage for."""
        return int(output not in self.bench.cryostat.stages)

    @command("MOUT", OUTPUT, Number(minimum=0.0, maximum=100.0), source=f"{MANUAL_340} p. 9-38")
    def set_manual_output(self, output: int, percent: float) -> None:
        """Set the heater's power in open loop [% of its range]."""
        self.before_change()
        self._loops[output].manual_percent = percent
        self._drive(output)

    @query("MOUT", OUTPUT, source=f"{MANUAL_340} p. 9-38")
    def manual_output(self, output: int) -> str:
        """Return the heater's power in open loop."""
        return f"{self._loops[output].manual_percent:+.2f}"

    @command("PID", OUTPUT, Number(minimum=0.1, maximum=1000.0), Number(minimum=0.0, maximum=1000.0),
             Number(minimum=0.0, maximum=200.0), source=f"{MANUAL_340} p. 9-39; limits unverified")  # fmt: skip
    def set_pid(self, output: int, *pid: float) -> None:
        """Set P, I and D; here only P sets how fast the loop is."""
        self.before_change()
        self._loops[output].pid = (pid[0], pid[1], pid[2])
        self._drive(output)

    @query("PID", OUTPUT, source=f"{MANUAL_340} p. 9-39")
    def pid(self, output: int) -> str:
        """Return P, I and D."""
        return ",".join(f"{number:+.1f}" for number in self._loops[output].pid)

    @command("OUTMODE", OUTPUT, Number(minimum=0, maximum=5, integer=True), Number(minimum=0, maximum=4, integer=True),
             Number(minimum=0, maximum=1, integer=True), source="unverified")  # fmt: skip
    def set_mode(self, output: int, mode: int, number: int, powerup: int) -> None:
        """Set the mode (0 off, 1 closed loop, 3 open loop), the input (0 none, 1 A, ...), and what power-on does.

        The loop controls the stage that its heater is on, whichever sensor it looks at.
        """
        if mode not in (OFF, CLOSED_LOOP, OPEN_LOOP):
            raise ScpiError(-221)
        self.before_change()
        loop = self._loops[output]
        loop.mode, loop.input, loop.powerup = mode, number, powerup
        self._drive(output)

    @query("OUTMODE", OUTPUT, source="unverified")
    def mode(self, output: int) -> str:
        """Return mode, input and power-on behaviour."""
        loop = self._loops[output]
        return f"{loop.mode},{loop.input},{loop.powerup}"
