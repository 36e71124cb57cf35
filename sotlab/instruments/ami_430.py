"""American Magnetics Model 430, the programmer of a superconducting magnet.

Reference: AMI Model 430 Power Supply Programmer manual, remote interface reference (commands, table of states).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument
from pymeasure.instruments import ami as pymeasure_ami
from pymeasure.instruments.validators import strict_discrete_set, strict_range

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options
from sotlab.instruments.in_turn import in_turn
from sotlab.units import as_typed

__all__ = ["AMI430", "SuperconductingMagnet"]

STATES = {
    1: "ramping",
    2: "holding",
    3: "paused",
    4: "ramping in manual up",
    5: "ramping in manual down",
    6: "zeroing current",
    7: "quench",
    8: "at zero current",
    9: "heating persistent switch",
    10: "cooling persistent switch",
}
RAMPING, HOLDING, PAUSED, ZEROING, QUENCH, AT_ZERO, HEATING = 1, 2, 3, 6, 7, 8, 9
#: How the lines begin that come over a socket when it is opened.
GREETING = ("American Magnetics Model 430 IP Interface", "Hello")
#: Currents of coil and supply that differ by no more than this are the same: a warm switch would not quench [A].
SAME_A = 0.1


class AMI430(pymeasure_ami.AMI430):
    """PyMeasure's AMI430 with units, quench, and a persistent switch that is asked and not assumed.

    PyMeasure's ``ramp_rate_field`` sets the segment's upper bound to 1 kG, and its
    ``has_persistent_switch_enabled`` is true whatever the answer. It reads the greeting when it is made: that waits for
    the time-out over RS-232, and takes the greeting for an answer after a socket was opened anew. Here the greeting is
    skipped where it comes.
    """

    def __init__(self, adapter: Any, name: str = "AMI 430 power supply programmer", **kwargs: Any) -> None:
        super(pymeasure_ami.AMI430, self).__init__(adapter, name, **kwargs)

    def read(self, **kwargs: Any) -> str:
        """Read one reply; the lines with which the programmer greets over a socket are none."""
        reply = super().read(**kwargs)
        while reply.strip().startswith(GREETING):
            reply = super().read(**kwargs)
        return reply

    field_units = Instrument.control(
        "FIELD:UNITS?",
        "CONF:FIELD:UNITS %d",
        """Control the unit of all fields (str, strictly 'kG' or 'T').""",
        validator=strict_discrete_set,
        values={"kG": 0, "T": 1},
        map_values=True,
    )

    rate_units = Instrument.control(
        "RAMP:RATE:UNITS?",
        "CONF:RAMP:RATE:UNITS %d",
        """Control the unit of time of all rates (str, strictly 's' or 'min').""",
        validator=strict_discrete_set,
        values={"s": 0, "min": 1},
        map_values=True,
    )

    target_field = Instrument.control(
        "FIELD:TARG?", "CONF:FIELD:TARG %.8g", """Control the target in the field's unit (float)."""
    )

    target_current = Instrument.control(
        "CURR:TARG?", "CONF:CURR:TARG %.8g", """Control the target current in A (float)."""
    )

    ramp_segments = Instrument.control(
        "RAMP:RATE:SEG?",
        "CONF:RAMP:RATE:SEG %d",
        """Control how many ramp segments are in use (int, strictly from 1 to 10).""",
        validator=strict_range,
        values=[1, 10],
        cast=int,
    )

    ramp_rate_field = Instrument.control(
        "RAMP:RATE:FIELD:1?",
        "CONF:RAMP:RATE:FIELD 1,%.8g,%.8g",
        """Control rate and upper bound of the first segment in the units of field and rate (two floats).""",
    )

    current_limit = Instrument.measurement("CURR:LIM?", """Get the largest current in A (float).""")

    state = Instrument.measurement("STATE?", """Get the number of the ramping state (int, 1 to 11).""", cast=int)

    # A cast to bool would let pass what is no number, and any text is true.
    quenched = Instrument.measurement(
        "QU?", """Get whether a quench was detected (bool).""", values={True: 1, False: 0}, map_values=True
    )

    switch_installed = Instrument.measurement(
        "PS:INST?",
        """Get whether the magnet has a persistent switch (bool).""",
        values={True: 1, False: 0},
        map_values=True,
    )

    switch_heater_enabled = Instrument.control(
        "PS?",
        "PS %d",
        """Control the heater of the persistent switch (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
    )

    switch_heating_time = Instrument.measurement(
        "PS:HTIME?", """Get how long the switch is heated before it counts as warm in s (float)."""
    )


class SuperconductingMagnetOptions(Options):
    """Options of an AMI 430 as ``field``."""

    #: Field per ampere [T/A], off the magnet's label; one that the programmer does not have too is an error.
    tesla_per_ampere: float = Option(gt=0.0)
    #: The coil's inductance [H], off the label: with it the programmer's voltage limit enters estimates of time.
    inductance_H: float | None = Option(default=None, gt=0.0)
    #: How long the field needs to come to rest after the programmer holds [s].
    settling_s: float = Option(default=1.0, ge=0.0)
    #: How often the state is asked for [s].
    poll_s: float = Option(default=0.5, ge=0.1, le=10.0)


class SuperconductingMagnet(Driver):
    """A superconducting magnet with an AMI 430 that fills the role ``field``.

    Safe state: on its way to zero at the station's rate, which is not waited for, since that takes minutes to hours.
    With a cold switch only the supply goes to zero: a magnet in persistent mode keeps its field, which needs no supply.

    The switch of a magnet that has one is warmed before a ramp, after the supply has been brought to the coil's
    current, and stays warm.
    """

    role = "field"
    instrument_class = AMI430
    identity = r"AMERICAN MAGNETICS.*430"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\r\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "field_T": (-math.inf, math.inf),
        "field_rate_T_per_s": (0.0, math.inf),
    }
    harmless: ClassVar[frozenset[str]] = frozenset({"check", "ramp_time_s", "read_setpoint"})
    options_model = SuperconductingMagnetOptions
    safe_state = "ramping to zero at the station's rate, not waited for; persistent mode is kept"

    options: SuperconductingMagnetOptions

    _most_T = math.inf
    #: The rate that the programmer's voltage limit allows [T/s].
    _reached_T_per_s = math.inf
    _has_switch = False

    def configure(self) -> None:
        """Make the programmer speak tesla and seconds, and set the rate; a ramp under way goes on."""
        magnet = self.instrument
        magnet.clear()
        magnet.field_units = "T"
        magnet.rate_units = "s"
        units = [self.answered(lambda: magnet.field_units, "FIELD:UNITS?")]
        units.append(self.answered(lambda: magnet.rate_units, "RAMP:RATE:UNITS?"))
        if units != ["T", "s"]:
            raise InstrumentError(f"{self.limits.role}: the programmer does not accept tesla and seconds as its units")
        coil = self.measured(lambda: magnet.coilconst, "COIL?")
        if not math.isclose(coil, self.options.tesla_per_ampere, rel_tol=1e-3):
            raise InstrumentError(
                f"{self.limits.role}: the programmer's coil constant is {coil:g} T/A,"
                f" [roles.{self.limits.role}.options] tesla_per_ampere in {self.limits.station} is"
                f" {self.options.tesla_per_ampere:g} T/A; correct the one that is not on the magnet's label"
            )
        self._most_T = coil * self.measured(lambda: magnet.current_limit, "CURR:LIM?")
        if self.options.inductance_H is not None:
            self._reached_T_per_s = (
                coil * self.measured(lambda: magnet.voltage_limit, "VOLT:LIM?") / self.options.inductance_H
            )
        self._has_switch = self.answered(lambda: magnet.switch_installed, "PS:INST?")
        self._set_rate()
        self.raise_errors()

    @property
    def _rate_T_per_s(self) -> float:
        return self.limits.ranges["field_rate_T_per_s"][1]

    def _set_rate(self) -> None:
        self.instrument.ramp_segments = 1
        self.instrument.ramp_rate_field = (self._rate_T_per_s, self._most_T)

    def check(self, field_T: float) -> None:
        """Raise LimitError if the station, or the programmer's own current limit, does not allow ``field_T``."""
        self.limits.check("field_T", field_T)
        self.limits.narrowed("field_T", self._most_T, "the programmer's current limit").check("field_T", field_T)

    def ramp_time_s(self, from_T: float, to_T: float) -> float:
        """Return the ramp's and the settling time [s], at the station's rate or the one that the voltage limit allows.

        ``dB/dt = min(rate, k V/L)`` with k in T/A, V the programmer's voltage limit and L ``inductance_H``; what the
        leads drop of the voltage is not counted. Without an inductance the voltage is taken to suffice.
        """
        return abs(to_T - from_T) / min(self._rate_T_per_s, self._reached_T_per_s) + self.options.settling_s

    def read_setpoint(self) -> float:
        """Return the field that the coil's current makes, as the programmer has it [T]."""
        return self.measured(lambda: self.instrument.field, "FIELD:MAG?")

    def ramp_to(self, field_T: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Ramp to ``field_T`` and return when the programmer holds there and the field has settled.

        Raises
        ------
        InstrumentError
            If the magnet quenches, somebody pauses the ramp at the front panel, or the field does not move on.
        """
        self.check(field_T)
        self._raise_quench()
        if self._has_switch and not self._warm_switch(should_stop):
            return
        self._set_rate()
        self.instrument.target_field = field_T
        self.instrument.ramp()
        self.raise_errors()
        if self._wait(f"the ramp to {as_typed(field_T, 'T')}", {HOLDING}, {RAMPING}, should_stop):
            self.clock.sleep(self.options.settling_s, should_stop)

    def make_safe(self) -> None:
        """Send the supply to zero at the station's rate and see that it goes; the switch is left as it is."""
        in_turn(self._set_rate, self.instrument.zero, self._see_that_it_goes)

    def _see_that_it_goes(self) -> None:
        state = int(self.measured(lambda: self.instrument.state, "STATE?"))
        if state == QUENCH:  # the current goes by itself, and ZERO was refused
            self.instrument.clear()
        elif state not in (ZEROING, AT_ZERO):
            raise InstrumentError(
                f"{self.limits.role}: the programmer was told to go to zero and is '{STATES.get(state, state)}'; bring"
                f" the magnet to zero at its front panel"
            )

    def _raise_quench(self) -> None:
        if self.answered(lambda: self.instrument.quenched, "QU?"):
            raise InstrumentError(
                f"{self.limits.role}: the magnet has quenched; see to the cryostat, let it cool, and clear the quench"
                f" at the programmer's front panel"
            )

    def _warm_switch(self, should_stop: Callable[[], bool] | None) -> bool:
        """Warm the persistent switch, if it is not; return whether it is warm, False if stopped."""
        magnet = self.instrument
        if not self.answered(lambda: magnet.switch_heater_enabled, "PS?"):
            coil_A = self.measured(lambda: magnet.magnet_current, "CURR:MAG?")
            if abs(coil_A - self.measured(lambda: magnet.supply_current, "CURR:SUPP?")) > SAME_A:
                magnet.target_current = coil_A  # the supply alone moves, at its own rate
                magnet.ramp()
                if not self._wait("bringing the supply to the coil's current", {HOLDING}, {RAMPING}, should_stop):
                    return False
            magnet.switch_heater_enabled = True
            self.raise_errors()
        # A switch that is being warmed cannot be stopped; it takes as long as the programmer says.
        heating_s = self.measured(lambda: magnet.switch_heating_time, "PS:HTIME?")
        end_s = self.clock.now() + heating_s + 30.0
        while int(self.measured(lambda: magnet.state, "STATE?")) == HEATING:
            if self.clock.now() > end_s:
                raise InstrumentError(
                    f"{self.limits.role}: the persistent switch is still being heated after {heating_s + 30.0:g} s"
                )
            self.clock.sleep(self.options.poll_s)
        self._raise_quench()
        return not (should_stop is not None and should_stop())

    def _wait(self, what: str, done: set[int], under_way: set[int], should_stop: Callable[[], bool] | None) -> bool:
        """Poll the state until it is one of ``done``; PAUSE and return False once ``should_stop()`` is true.

        A ramp may take longer than its rate says where the voltage limit slows it: it is given up when the supply's
        current has not changed for a minute.
        """
        magnet = self.instrument
        last_A, moved_s = math.inf, self.clock.now()
        while (state := int(self.measured(lambda: magnet.state, "STATE?"))) not in done:
            if should_stop is not None and should_stop():
                magnet.pause()
                return False
            if state == QUENCH:
                self._raise_quench()
            if state not in under_way:
                raise InstrumentError(
                    f"{self.limits.role}: {what} has ended with the programmer '{STATES.get(state, state)}'; was it"
                    f" stopped at its front panel?"
                )
            supply_A = self.measured(lambda: magnet.supply_current, "CURR:SUPP?")
            if abs(supply_A - last_A) > SAME_A:
                last_A, moved_s = supply_A, self.clock.now()
            elif self.clock.now() - moved_s > self._patience_s:
                raise InstrumentError(
                    f"{self.limits.role}: {what} has stood still at {as_typed(supply_A, 'A')} for"
                    f" {self._patience_s:.0f} s; look at the programmer and its supply"
                )
            self.clock.sleep(self.options.poll_s, should_stop)
        return True

    @property
    def _patience_s(self) -> float:
        """For how long the current may seem to stand still: ten times what ``SAME_A`` takes, a minute at least [s]."""
        rate_A_per_s = min(self._rate_T_per_s, self._reached_T_per_s) / self.options.tesla_per_ampere
        return max(60.0, 10.0 * SAME_A / rate_A_per_s if rate_A_per_s else math.inf)
