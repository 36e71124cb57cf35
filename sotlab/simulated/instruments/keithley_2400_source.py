"""The source of the 2400 and the ranges of its meters: what is set, how it is checked, what the bench is told."""

from __future__ import annotations

import math

from sotlab.simulated.device import EXECUTION_ERROR, ScpiDevice, command, query, setting
from sotlab.simulated.scpi import Boolean, Choice, Number, ScpiError

__all__ = ["Source2400"]

#: Ranges by their names; each reaches 5 % further (manual p. 18-12: 21 V and 105 uA stand for 20 V and 100 uA).
RANGES_V = (0.2, 2.0, 20.0, 200.0)
RANGES_A = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0)
RANGES_OHM = (20.0, 200.0, 2e3, 2e4, 2e5, 2e6, 2e7, 2e8)
#: Current that auto ohms sources on each of these [A]; from memory.
AUTO_OHMS_A = (0.1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-6, 1e-7)
AUTO_OHMS_LIMIT_V = 21.0
OVERRANGE = 1.05
#: Resolution over the range's name: 1 uV on 200 mV, 10 pA on 1 uA; the meter's own noise is half a step at 1 NPLC.
STEP_V, STEP_A = 5e-6, 1e-5
NAN, OVERFLOW = 9.91e37, 9.9e37
#: What an operation takes beside its delay and its integrations [s]; from memory.
OVERHEAD_S = 2e-3
AUTO_DELAY_S = 1e-3

#: Pages differ by one or two between its editions.
MANUAL = "2400 Series SourceMeter User's Manual"
SIGNAL, SENSE, SOURCE = f"{MANUAL}, p. 17-2 to 17-5", f"{MANUAL}, table 18-6", f"{MANUAL}, table 18-7"
TRACE = f"{MANUAL}, table 18-10"
DRIVER = "unverified; PyMeasure"

#: Appendix B of the manual: refusals of this model.
ERRORS = {
    803: "Not permitted with OUTPUT off",
    822: "Too small for sense range",
    823: "Invalid with source read-back on",
    824: "Cannot exceed compliance range",
    826: "Attempt to exceed power limit",
}
ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
FUNCTIONS = ("VOLT", "CURR", "RES")
READING_AVAILABLE, READING_OVERFLOW, BUFFER_AVAILABLE, BUFFER_FULL, COMPLIANCE = 64, 128, 256, 512, 1 << 14


def fitting(ranges: tuple[float, ...], value: float) -> float:
    """Return the lowest range that takes a value, the highest if none does; ranges are named without their 5 %."""
    return next((one for one in ranges if abs(value) <= OVERRANGE * one * (1 + 1e-9)), ranges[-1])


def _scientific(value: float) -> str:
    return f"{value:.6E}"


def _full_scale(range_: float) -> str:
    return f"{OVERRANGE * range_:.6E}"


def _holding(ranges: tuple[float, ...], value: float, level: float) -> float:
    """Return the range for a value; -221 if what is programmed would not fit into it (the code is unverified)."""
    range_ = fitting(ranges, value)
    if abs(level) > OVERRANGE * range_ * (1 + 1e-9):
        raise ScpiError(-221)
    return range_


def toward(size: float, sign: float) -> float:
    """Return a size with another number's sign, 0 if that is 0."""
    return math.copysign(size, sign) if sign else 0.0


def refusal(code: int) -> ScpiError:
    return ScpiError(code, ERRORS[code])


class Range(Number):
    """A range, by a value that it takes, or UP or DOWN from the one in use (p. 18-64, 18-75); MIN is the lowest one."""

    def __init__(self, unit: str, ranges: tuple[float, ...], name: str, default: float):
        super().__init__(unit, -OVERRANGE * ranges[-1], OVERRANGE * ranges[-1], default)
        self.ranges, self.name = ranges, name

    def read(self, text: str, device: Source2400) -> float:
        """Return the value, for UP and DOWN the range beside the one in use."""
        step = {"UP": 1, "DOWN": -1}.get(text.upper())
        if step is None:
            return super().read(text, device)
        index = self.ranges.index(fitting(self.ranges, device.values[self.name])) + step
        return self.ranges[min(max(index, 0), len(self.ranges) - 1)]

    def keyword(self, text: str, device: Source2400) -> float | None:
        """Return the lowest, highest or default range, None for any other text."""
        value = super().keyword(text, device)
        return value if value is None else fitting(self.ranges, max(value, 0.0))


_FUNCTION_NAMES = ("VOLTage:DC", "VOLTage", "CURRent:DC", "CURRent", "RESistance")
FUNCTION_LIST = tuple(Choice(*_FUNCTION_NAMES, optional=i > 0) for i in range(3))
_ELEMENT_NAMES = ("VOLTage", "CURRent", "RESistance", "TIME", "STATus")
_ELEMENT_LIST = tuple(Choice(*_ELEMENT_NAMES, optional=i > 0) for i in range(5))


class Source2400(ScpiDevice):
    """A source of voltage or current with a limit of the other, and the ranges of the meters of both."""

    output = setting("OUTPut#[:STATe]", Boolean(), default=False, source=f"{MANUAL}, table 18-4")
    off_state = setting(
        "OUTPut#:SMODe", Choice("HIMPedance", "NORMal", "ZERO", "GUARd"), default="NORM", source=f"{MANUAL}, table 18-4"
    )
    auto_off = setting("[SOURce#]:CLEar:AUTO", Boolean(), default=False, source=f"{MANUAL}, p. 18-72")
    source_function = setting("[SOURce#]:FUNCtion[:MODE]", Choice("VOLTage", "CURRent"), default="VOLT", source=DRIVER)
    level_V = setting(
        "[SOURce#]:VOLTage[:LEVel][:IMMediate][:AMPLitude]", unit="V", default=0.0, reply=_scientific, source=DRIVER,
        minimum=lambda device: -device.most_V, maximum=lambda device: device.most_V,
    )  # fmt: skip
    level_A = setting(
        "[SOURce#]:CURRent[:LEVel][:IMMediate][:AMPLitude]", unit="A", default=0.0, reply=_scientific, source=DRIVER,
        minimum=lambda device: -device.most_A, maximum=lambda device: device.most_A,
    )  # fmt: skip
    source_range_V = setting(
        "[SOURce#]:VOLTage:RANGe", Range("V", RANGES_V, "source_range_V", 20.0), default=20.0, reply=_full_scale,
        source=f"{SOURCE}, p. 18-75",
    )  # fmt: skip
    source_range_A = setting(
        "[SOURce#]:CURRent:RANGe", Range("A", RANGES_A, "source_range_A", 1e-4), default=1e-4, reply=_full_scale,
        source=f"{SOURCE}, p. 18-75",
    )  # fmt: skip
    source_auto_V = setting("[SOURce#]:VOLTage:RANGe:AUTO", Boolean(), default=True, source=f"{MANUAL}, p. 18-76")
    source_auto_A = setting("[SOURce#]:CURRent:RANGe:AUTO", Boolean(), default=True, source=f"{MANUAL}, p. 18-76")
    source_delay_s = setting(
        "[SOURce#]:DELay", unit="S", default=0.0, minimum=0.0, maximum=999.9999, reply="{:.5f}", source=DRIVER
    )
    source_delay_auto = setting("[SOURce#]:DELay:AUTO", Boolean(), default=True, source=DRIVER)

    concurrent = setting("[SENSe#]:FUNCtion:CONCurrent", Boolean(), default=True, source="unverified")
    limit_V = setting(
        "[SENSe#]:VOLTage[:DC]:PROTection[:LEVel]", unit="V", default=21.0, minimum=-210.0, maximum=210.0,
        reply=_scientific, source=f"{SENSE}, p. 18-68",
    )  # fmt: skip
    limit_A = setting(
        "[SENSe#]:CURRent[:DC]:PROTection[:LEVel]", unit="A", default=1.05e-4, minimum=-1.05, maximum=1.05,
        reply=_scientific, source=f"{SENSE}, p. 18-68",
    )  # fmt: skip
    range_V = setting(
        "[SENSe#]:VOLTage[:DC]:RANGe[:UPPer]", Range("V", RANGES_V, "range_V", 20.0), default=20.0,
        reply=_full_scale, source=f"{SENSE}, p. 18-62 and 18-64",
    )  # fmt: skip
    range_A = setting(
        "[SENSe#]:CURRent[:DC]:RANGe[:UPPer]", Range("A", RANGES_A, "range_A", 1e-4), default=1e-4,
        reply=_full_scale, source=f"{SENSE}, p. 18-62 and 18-64",
    )  # fmt: skip
    range_ohm = setting(
        "[SENSe#]:RESistance:RANGe[:UPPer]", unit="OHM", default=2e5, minimum=0.0, maximum=210e6, reply=_full_scale,
        source=f"{SENSE}, p. 18-62",
    )  # fmt: skip
    auto_V = setting("[SENSe#]:VOLTage[:DC]:RANGe:AUTO", Boolean(), default=True, source=SENSE)
    auto_A = setting("[SENSe#]:CURRent[:DC]:RANGe:AUTO", Boolean(), default=True, source=SENSE)
    auto_ohm = setting("[SENSe#]:RESistance:RANGe:AUTO", Boolean(), default=True, source=SENSE)
    ohms_mode = setting("[SENSe#]:RESistance:MODE", Choice("MANual", "AUTO"), default="AUTO", source=SENSE)
    nplc = setting(
        "[SENSe#]:CURRent|VOLTage|RESistance[:DC]:NPLCycles", default=1.0, minimum=0.01, maximum=10.0, reply="{:.2f}",
        source=f"{SENSE}: one for all",
    )  # fmt: skip
    filtering = setting("[SENSe#]:AVERage[:STATe]", Boolean(), default=False, source=SENSE)
    filter_kind = setting("[SENSe#]:AVERage:TCONtrol", Choice("REPeat", "MOVing"), default="REP", source=SENSE)
    filter_count = setting("[SENSe#]:AVERage:COUNt", default=10, minimum=1, maximum=100, integer=True, source=SENSE)

    four_wires = setting("SYSTem:RSENse", Boolean(), default=False, source=f"{MANUAL}, p. 18-104")
    line_frequency = setting("SYSTem:LFRequency", Choice("50", "60"), default="50", resets=False, source=DRIVER)
    line_frequency_auto = setting("SYSTem:LFRequency:AUTO", Boolean(), default=False, resets=False, source=DRIVER)
    byte_order = setting(
        "FORMat:BORDer", Choice("NORMal", "SWAPped"), default="NORM",
        source=f"{MANUAL}, p. 18-9; without meaning for text, which alone is sent",
    )  # fmt: skip
    display = setting("DISPlay:ENABle", Boolean(), default=True, source=DRIVER)
    terminals = setting("ROUTe:TERMinals", Choice("FRONt", "REAR"), default="FRON", source=DRIVER)

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self.line_frequency = str(self.options.get("line_frequency_Hz", 50))
        self._wired = str(self.options.get("terminals", "FRON"))
        self._functions = {"CURR"}
        self._elements = set(ELEMENTS)
        self._resetting = False
        #: Whose levels were programmed since *RST: before that autorange leaves the default range (p. 18-75).
        self._programmed: set[str] = set()

    def reset(self) -> None:
        """Set the defaults: 0 V, output off, autoranges on."""
        self._resetting = True
        try:
            super().reset()
        finally:
            self._resetting = False
        self._functions, self._elements, self._programmed = {"CURR"}, set(ELEMENTS), set()
        self._source()

    def error(self, code: int, text: str | None = None) -> None:
        """Put an error into the queue; those of this model from 800 on are execution errors."""
        before = self.event_status
        super().error(code, text)
        if code in ERRORS:
            self.event_status = before | EXECUTION_ERROR

    # --- the source

    @property
    def most_V(self) -> float:
        """Return the highest voltage that may be programmed: the fixed range's, or the model's [V]."""
        return 210.0 if self.source_auto_V else OVERRANGE * self.source_range_V

    @property
    def most_A(self) -> float:
        """Return the highest current that may be programmed: the fixed range's, or the model's [A]."""
        return 1.05 if self.source_auto_A else OVERRANGE * self.source_range_A

    @source_range_V.on_change
    def _fix_source_range_V(self) -> None:
        if not self._resetting:
            self.source_range_V, self.source_auto_V = _holding(RANGES_V, self.source_range_V, self.level_V), False

    @source_range_A.on_change
    def _fix_source_range_A(self) -> None:
        if not self._resetting:
            self.source_range_A, self.source_auto_A = _holding(RANGES_A, self.source_range_A, self.level_A), False

    @source_delay_s.on_change
    def _fix_source_delay(self) -> None:
        self.source_delay_auto = self._resetting

    @source_function.on_change
    def _change_function(self) -> None:
        self.output = False  # unverified: a change of function switches the output off

    @terminals.on_change
    def _change_terminals(self) -> None:
        self.output = False  # unverified: so does a change of terminals

    @level_V.on_change
    def _program_V(self) -> None:
        if not self._resetting:
            self._programmed.add("VOLT")

    @level_A.on_change
    def _program_A(self) -> None:
        if not self._resetting:
            self._programmed.add("CURR")

    @output.on_change
    @source_function.on_change
    @level_V.on_change
    @level_A.on_change
    @limit_V.on_change
    @limit_A.on_change
    @source_range_V.on_change
    @source_range_A.on_change
    @source_auto_V.on_change
    @source_auto_A.on_change
    @terminals.on_change
    def _source(self) -> None:
        """Check the limits against the ranges, then tell the bench what is sourced."""
        source_range_V, source_range_A = self.source_range_V, self.source_range_A
        if self.source_auto_V and (self.level_V or "VOLT" in self._programmed):
            source_range_V = fitting(RANGES_V, self.level_V)
        if self.source_auto_A and (self.level_A or "CURR" in self._programmed):
            source_range_A = fitting(RANGES_A, self.level_A)
        lowest_V = RANGES_V[0] if self.auto_V else self.range_V
        lowest_A = RANGES_A[0] if self.auto_A else self.range_A
        if self.source_function == "VOLT":
            if source_range_V > 20.0 and abs(self.limit_A) > 0.105:
                raise refusal(826)
            if abs(self.limit_A) < 1e-3 * lowest_A:
                raise refusal(822)
        else:
            if source_range_A > 0.1 and abs(self.limit_V) > 21.0:
                raise refusal(826)
            if abs(self.limit_V) < 1e-3 * lowest_V:
                raise refusal(822)
        self.source_range_V, self.source_range_A = source_range_V, source_range_A
        self._drive()

    def _drive(self) -> None:
        now = self.lab.clock.now()
        wired = self.terminals[:4] == self._wired[:4].upper()
        if not (self.output and wired):
            self._ask("drive_current", now, 0.0, abs(self.limit_V))
        elif self.source_function == "VOLT":
            self._ask("drive_voltage", now, self.level_V, abs(self.limit_A))
        else:
            self._ask("drive_current", now, self.level_A, abs(self.limit_V))

    def _ask(self, hook: str, *arguments: float, **keywords: bool) -> float | None:
        """Call the bench's hook with this device's name; None where the bench has none: the terminals are open."""
        method = getattr(self.bench, hook, None)
        return None if method is None else method(self.name, *arguments, **keywords)

    @command("[SOURce#]:CLEar[:IMMediate]", source=f"{MANUAL}, p. 18-72")
    def clear_source(self) -> None:
        """Switch the output off."""
        self.before_change()
        self.output = False
        self._drive()

    # --- the meters

    @range_V.on_change
    def _fix_range_V(self) -> None:
        if not self._resetting:
            self.range_V = self._measuring(RANGES_V, self.range_V, self.limit_V, self.source_function == "VOLT")
            self.auto_V = False

    @range_A.on_change
    def _fix_range_A(self) -> None:
        if not self._resetting:
            self.range_A = self._measuring(RANGES_A, self.range_A, self.limit_A, self.source_function == "CURR")
            self.auto_A = False

    @range_ohm.on_change
    def _fix_range_ohm(self) -> None:
        if not self._resetting:
            if self.ohms_mode == "MAN":
                raise ScpiError(-221)  # p. 18-62, note 2; the code is unverified
            self.range_ohm, self.auto_ohm = fitting(RANGES_OHM, self.range_ohm), False

    @auto_V.on_change
    def _allow_auto_V(self) -> None:
        if self.auto_V and self.source_function == "VOLT" and not self._resetting:
            raise refusal(823)

    @auto_A.on_change
    def _allow_auto_A(self) -> None:
        if self.auto_A and self.source_function == "CURR" and not self._resetting:
            raise refusal(823)

    @staticmethod
    def _measuring(ranges: tuple[float, ...], value: float, limit: float, sourced: bool) -> float:
        """Return the range for a value: not of what is sourced, nor above that of the limit (p. 18-62)."""
        if sourced:
            raise refusal(823)
        range_ = fitting(ranges, value)
        if range_ > fitting(ranges, limit):
            raise refusal(824)
        return range_

    @query("[SENSe#]:VOLTage[:DC]:PROTection:TRIPped", source=f"{SENSE}, p. 18-68")
    def voltage_limited(self) -> bool:
        """Return whether the current source stands at its voltage limit."""
        return self.source_function == "CURR" and self._in_compliance()

    @query("[SENSe#]:CURRent[:DC]:PROTection:TRIPped", source=f"{SENSE}, p. 18-68")
    def current_limited(self) -> bool:
        """Return whether the voltage source stands at its current limit."""
        return self.source_function == "VOLT" and self._in_compliance()

    def _in_compliance(self) -> bool:
        if not self.output:
            return False
        limited = self._ask("in_compliance", self.lab.clock.now())
        return self.source_function == "CURR" and self.level_A != 0.0 if limited is None else bool(limited)

    @command("[SENSe#]:FUNCtion[:ON]", *FUNCTION_LIST, source=DRIVER)
    def measure_functions(self, *names: str) -> None:
        """Measure these too, or with concurrent measurements off only the last of these."""
        chosen = {name.partition(":")[0] for name in names}
        self._functions = self._functions | chosen if self.concurrent else {names[-1].partition(":")[0]}

    @query("[SENSe#]:FUNCtion[:ON]", source="unverified")
    def measured_functions(self) -> str:
        """Return what is measured."""
        long = {"VOLT": "VOLT:DC", "CURR": "CURR:DC", "RES": "RES"}
        return ",".join(f'"{long[name]}"' for name in FUNCTIONS if name in self._functions)

    @command("[SENSe#]:FUNCtion:OFF", *FUNCTION_LIST, source="unverified")
    def omit_functions(self, *names: str) -> None:
        """Measure these no more."""
        self._functions -= {name.partition(":")[0] for name in names}

    @command("[SENSe#]:FUNCtion[:ON]:ALL", source=DRIVER)
    def measure_all(self) -> None:
        """Measure voltage, current and resistance."""
        self._functions = set(FUNCTIONS)

    @command("[SENSe#]:FUNCtion:OFF:ALL", source="unverified")
    def measure_nothing(self) -> None:
        """Measure nothing; readings then show what is sourced."""
        self._functions = set()

    @command("FORMat:ELEMents[:SENSe#]", *_ELEMENT_LIST, source=f"{MANUAL}, p. 18-51")
    def select_elements(self, *names: str) -> None:
        """Choose what a reading sends; the order is always the same."""
        self._elements = set(names)

    @query("FORMat:ELEMents[:SENSe#]", source=f"{MANUAL}, p. 18-51")
    def selected_elements(self) -> str:
        """Return what a reading sends."""
        return ",".join(name for name in ELEMENTS if name in self._elements)

    # --- system

    @command(
        "SYSTem:BEEPer[:IMMediate]", Number("HZ", 65.0, 2e6), Number("S", 0.0, 7.9), source=f"{DRIVER}: 65 Hz to 2 MHz"
    )
    def beep(self, frequency_Hz: float, duration_s: float) -> None:
        """Sound the beeper."""

    @query("SYSTem:VERSion", source=f"{MANUAL}, p. 18-112")
    def scpi_version(self) -> str:
        """Return the SCPI version."""
        return "1996.0"
