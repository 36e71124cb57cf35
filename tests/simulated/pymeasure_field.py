"""PyMeasure's drivers of magnets, gaussmeters, cryostat, stages and power meter."""

from __future__ import annotations

import math
import warnings

import pytest
from pymeasure.instruments.ami import AMI430
from pymeasure.instruments.kepco import KepcoBOP3612
from pymeasure.instruments.lakeshore import LakeShore425
from pymeasure.instruments.lakeshore.lakeshore3xx import LakeShore3xx
from pymeasure.instruments.lakeshore.lakeshore_base import LakeShoreHeaterChannel, LakeShoreTemperatureChannel
from pymeasure.instruments.newport.esp300 import ESP300, Axis
from pymeasure.instruments.thorlabs import ThorlabsPM100USB

from .driver_suite import COMMON, COMMON_DOINGS, CRLF, LF, SLOW, Case, Pair, within

# --- KepcoBOP3612 on the BOP 50-20MG


def coil_A(lab):
    return lab.benches["stfmr"].magnet.current_A(lab.clock.now())


def _coil_driven(driver, lab):
    driver.operating_mode, driver.voltage_setpoint, driver.current_setpoint = "CURR", 20, 3.0
    driver.output_enabled = True
    driver.wait_to_continue()
    lab.clock.sleep(5.0)
    assert coil_A(lab) == pytest.approx(3.0, rel=1e-3)
    assert driver.current == pytest.approx(3.0, abs=1e-3)
    assert driver.voltage == pytest.approx(6.0, abs=2e-3)  # 2 ohm


def _supply_reset(driver, lab):
    _coil_driven(driver, lab)
    driver.reset()
    lab.clock.sleep(5.0)
    assert not driver.output_enabled
    assert coil_A(lab) == pytest.approx(0.0, abs=1e-6)


NO_OPTIONS = "not in the model: that the instrument knows *OPT? is unverified"
MAGNET = Pair(
    KepcoBOP3612,
    "GPIB0::6::INSTR",
    keywords=SLOW,
    cases=COMMON,
    doings=COMMON_DOINGS
    | {"reset": _supply_reset, "wait_to_continue": _coil_driven, "beep": lambda driver, lab: driver.beep()},
    excepted={"options": NO_OPTIONS},
)

# --- AMI430 on the Model 430


def sc_field_T(lab):
    return lab.benches["terminals"].sc_magnet.field_T(lab.clock.now())


def _field_ramped(driver, lab):
    driver.enable_persistent_switch()
    driver.wait_for_holding()
    driver.target_field = 0.5  # kG
    driver.ramp_rate_current = 0.1
    driver.ramp()
    assert driver.magnet_status == "RAMPING"
    driver.wait_for_holding()
    lab.clock.sleep(10.0)
    assert driver.magnet_status == "HOLDING"
    assert sc_field_T(lab) == pytest.approx(0.05, rel=1e-3)
    assert driver.field == pytest.approx(0.5, rel=1e-3)


def _field_zeroed(driver, lab):
    _field_ramped(driver, lab)
    driver.zero()
    assert driver.magnet_status == "ZEROING CURRENT in progress"
    driver.wait_for_holding()
    lab.clock.sleep(10.0)
    assert sc_field_T(lab) == pytest.approx(0.0, abs=1e-6)


def _paused(driver, lab):
    driver.enable_persistent_switch()
    driver.wait_for_holding()
    driver.target_current = 5
    driver.ramp()
    lab.clock.sleep(5.0)
    driver.pause()
    assert driver.magnet_status == "PAUSED"
    assert 0.0 < driver.magnet_current < 5.0


def _to_current(driver, lab):
    driver.ramp_to_current(0.5, 0.1)
    lab.clock.sleep(30.0)
    assert driver.magnet_current == pytest.approx(0.5, abs=1e-3)


def _to_field(driver, lab):
    driver.ramp_to_field(0.5, 0.1)
    lab.clock.sleep(30.0)
    assert sc_field_T(lab) == pytest.approx(0.05, rel=1e-2)


def _programmer_shut_down(driver, lab):
    _field_ramped(driver, lab)
    driver.shutdown(ramp_rate=0.1)
    assert driver.magnet_status == "Cooling Persistent Switch"
    # The programmer says "at zero" below a thousandth of its limit of 60 A, and the driver lets the switch cool then:
    # up to 60 mA, 6 mT, stay in the coil.
    assert abs(sc_field_T(lab)) < 6e-3


def _switch_cooled(driver, lab):
    driver.enable_persistent_switch()
    assert driver.magnet_status == "Heating Persistent Switch"
    driver.wait_for_holding()
    assert driver.ask("PS?").strip() == "1"
    driver.disable_persistent_switch()
    assert driver.magnet_status == "Cooling Persistent Switch"


def _programmer_reset(driver, lab):
    driver.target_current = 3
    driver.reset()


def _first(value, got):
    return math.isclose(got[0], value, rel_tol=1e-6)


NO_RANGE = "the driver knows no range"
SUPERCONDUCTING = Pair(
    AMI430,
    "TCPIP0::ami430.example::7180::SOCKET",
    keywords=SLOW,
    cases=COMMON
    | {
        "coilconst": Case(NO_RANGE, values=(0.5, 1.182)),
        "voltage_limit": Case(NO_RANGE, values=(0.001, 10)),
        "target_current": Case(NO_RANGE, values=(-60, 0.125, 60)),
        "target_field": Case(NO_RANGE, values=(-60, 0.125, 60)),
        "ramp_rate_current": Case("answers rate and upper bound", values=(1e-4, 10), same=_first),
        "ramp_rate_field": Case("answers rate and upper bound", values=(1e-4, 10), same=_first),
    },
    doings=COMMON_DOINGS
    | {
        "reset": _programmer_reset,
        "ramp": _field_ramped,
        "wait_for_holding": _field_ramped,
        "magnet_status": _field_ramped,
        "enable_persistent_switch": _switch_cooled,
        "disable_persistent_switch": _switch_cooled,
        "zero": _field_zeroed,
        "pause": _paused,
        "ramp_to_current": _to_current,
        "ramp_to_field": _to_field,
        "shutdown": _programmer_shut_down,
        "has_persistent_switch_enabled": lambda driver, lab: driver.has_persistent_switch_enabled(),
    },
    excepted={"options": NO_OPTIONS},
)

# --- LakeShore425 on the 425 and on the 475


def probe_T(lab):
    return lab.benches["stfmr"].probe_field_T(lab.clock.now())


def magnetised(lab):
    """Put 3 A through the magnet; returns the field at the probe [T]."""
    bench = lab.benches["stfmr"]
    bench.before_change(lab.clock.now())
    bench.magnet.set_current(lab.clock.now(), 3.0)
    lab.clock.sleep(10.0)
    return probe_T(lab)


def _auto_ranged(driver, lab):
    driver.range = 35
    driver.auto_range()
    driver.unit = "T"
    field_T = magnetised(lab)
    assert driver.field == pytest.approx(field_T, abs=2e-5)


def _dc(driver, lab):
    driver.dc_mode()
    assert driver.mode == (1, 0, 1)
    driver.dc_mode(wideband=False)
    assert driver.mode == (1, 0, 2)
    driver.unit = "G"
    field_T = magnetised(lab)
    assert driver.field == pytest.approx(1e4 * field_T, abs=0.2)


def _ac(driver, lab):
    driver.ac_mode()
    assert driver.mode == (2, 1, 1)
    driver.mode = (1, 0, 1)
    assert driver.mode == (1, 0, 1)


def _zeroed(driver, lab):
    magnetised(lab)
    driver.zero_probe()
    lab.clock.sleep(1.0)
    driver.unit = "T"
    assert driver.field == pytest.approx(0.0, abs=2e-5)


def _averaged(driver, lab):
    driver.unit = "T"
    field_T = magnetised(lab)
    mean_T, deviation_T = driver.measure(10, delay=0.1)
    assert mean_T == pytest.approx(field_T, abs=2e-5)
    assert deviation_T < 1e-5


def _five_fields(driver, lab):
    assert driver.mode == (1, 3, 1, 1, 1)


FIELD = {"auto_range": _auto_ranged, "zero_probe": _zeroed, "measure": _averaged}
GAUSSMETER_425 = Pair(
    LakeShore425,
    "ASRL3::INSTR",
    keywords=SLOW,
    error_query="*ESR?",
    doings=FIELD | {"mode": _ac, "dc_mode": _dc, "ac_mode": _ac},
)
THREE_FIELDS = "the 475's RDGMODE has five fields, the 425's that the driver is for has three"
GAUSSMETER_475 = Pair(
    LakeShore425,
    "GPIB0::12::INSTR",
    keywords=CRLF,
    error_query="*ESR?",
    doings=FIELD | {"mode": _five_fields},
    excepted={"dc_mode": THREE_FIELDS, "ac_mode": THREE_FIELDS},
)

# --- LakeShore3xx on the 336


def _warmed(name, letter):
    def call(driver, lab):
        driver.output_1.setpoint = driver.output_2.setpoint = 30.0
        driver.output_1.range = driver.output_2.range = "high"
        getattr(driver, name).wait_for_temperature(30.0, accuracy=0.5, timeout=20_000)
        kelvin = lab.benches["terminals"].cryostat.temperature_K(lab.clock.now(), letter)
        assert kelvin == pytest.approx(30.0, abs=0.2)

    return call


def _misspelt(name):
    def call(driver, lab):
        channel = getattr(driver, name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            assert channel.celcius == pytest.approx(channel.celsius, abs=0.01)

    return call


def _heaters_off(driver, lab):
    driver.output_1.range = "high"
    driver.reset()
    assert driver.output_1.range == "off"


def _status_cleared(driver, lab):
    driver.write("NONSENSE")
    driver.clear()
    assert int(driver.ask("*ESR?")) == 0


CHANNEL = ("kelvin", "celsius", "sensor")
CARDS = "C1 C2 C3 C4 D1 D2 D3 D4 D5".split()
NO_CARD = "needs an option card of the 3xx series; the model has none"
NOT_SCPI = "the 336 has no such query; the driver takes it from SCPI instruments"
HEATER = {"setpoint": Case(NO_RANGE, values=(0, 12.5, 500)), "mout": Case(NO_RANGE, values=(0, 12.5, 100))}
ANALOG = "outputs 3 and 4 are voltage outputs: RANGE is off or on, and HTR? is for heaters"
CRYOSTAT = Pair(
    LakeShore3xx,
    "TCPIP0::lakeshore336.example::7777::SOCKET",
    parts={f"input_{letter}": LakeShoreTemperatureChannel for letter in [*"ABCD", *CARDS]}
    | {f"output_{number}": LakeShoreHeaterChannel for number in range(1, 5)},
    keywords=SLOW,
    error_query="*ESR?",
    cases={key: case for number in range(1, 5) for key, case in within(f"output_{number}", HEATER).items()}
    | {f"output_{number}.range": Case(ANALOG, values=("off", "low"), refused=("medium", "high")) for number in (3, 4)},
    doings={
        "reset": _heaters_off,
        "clear": _status_cleared,
        "input_A.wait_for_temperature": _warmed("input_A", "A"),
        "input_B.wait_for_temperature": _warmed("input_B", "B"),
        "input_C.wait_for_temperature": _warmed("input_C", "C"),
    }
    | {f"input_{letter}.celcius": _misspelt(f"input_{letter}") for letter in "ABCD"},
    arguments={f"input_{letter}.wait_for_temperature": (300.0,) for letter in ["D", *CARDS]},
    excepted={
        f"input_{card}.{name}": NO_CARD for card in CARDS for name in (*CHANNEL, "celcius", "wait_for_temperature")
    }
    | {"input_D.wait_for_temperature": "the bench has no sensor at input D"}
    | dict.fromkeys(("next_error", "options", "check_errors"), NOT_SCPI)
    | {f"output_{number}.output": ANALOG for number in (3, 4)},
)

# --- ESP300 on the ESP301

WALKS = "driver defect: axes evaluates every property of the driver, *OPT? and SYST:ERR? among them"
NOT_488 = "the ESP301 has no IEEE 488.2 commands"


def _moved(name, number, way):
    def call(driver, lab):
        axis = getattr(driver, name)
        axis.enable()
        assert axis.enabled
        axis.position = way
        assert not axis.motion_done
        axis.wait_for_stop()
        assert axis.motion_done
        stage = lab.benches["terminals"].stage[number]
        native = stage.position(lab.clock.now()) * (1e3 if number == 1 else 1.0)
        assert native == pytest.approx(way, abs=1e-2)
        axis.disable()
        assert not axis.enabled

    return call


def _homed(name):
    def call(driver, lab):
        axis = getattr(driver, name)
        axis.enable()
        axis.position = 5.0
        axis.wait_for_stop()
        axis.define_position(1.0)
        assert axis.position == pytest.approx(1.0, abs=1e-3)
        axis.zero()
        assert axis.position == pytest.approx(0.0, abs=1e-3)
        axis.home()
        axis.wait_for_stop()
        assert axis.position == pytest.approx(0.0, abs=1e-3)

    return call


def _asked(name):
    def call(driver, lab):
        axis = getattr(driver, name)
        axis.write("VA2")
        assert axis.values("VA?") == [2.0]
        assert float(axis.ask("VA?")) == 2.0

    return call


def _errors_told(driver, lab):
    driver.write("1XX")
    driver.write("2PA1")
    texts = [str(one) for one in driver.errors]
    assert texts == [
        "Newport ESP300 reported the error: COMMAND DOES NOT EXIST",
        "Newport ESP300 axis 2 reported the error: MOTOR NOT ENABLED",
    ]
    lab.devices["ASRL1::INSTR"].event_status = 0


def _errors_cleared(driver, lab):
    driver.write("1XX")
    driver.clear_errors()
    assert driver.error == 0
    lab.devices["ASRL1::INSTR"].event_status = 0


def _on(part):
    part.enable()


LENGTHS = ("micrometer", "inches", "milli-inches", "micro-inches", "millimeter")
ANGLES = ("gradient", "radian", "milliradian", "microradian", "degree")
COUNTS = ("encoder count", "motor step")
STAGES = Pair(
    ESP300,
    "ASRL1::INSTR",
    parts=dict.fromkeys(("x", "y", "phi"), Axis),
    keywords={"read_termination": "\r\n", "write_termination": "\r", "timeout": 100_000},
    error_query="TE?",
    cases={
        "x.position": Case(
            "in mm, to the encoder's 0.1 um and the servo's window",
            values=(-100, 12.5, 100),
            before=_on,
            settle=Axis.wait_for_stop,
            step=1e-3,
        ),
        "x.left_limit": Case(NO_RANGE, values=(-12.5, -100)),
        "x.right_limit": Case(NO_RANGE, values=(12.5, 100)),
        "x.units": Case("a linear stage", values=LENGTHS, refused=(*ANGLES, *COUNTS)),
    }
    | {
        f"{name}.{key}": case
        for name in ("y", "phi")
        for key, case in {
            "position": Case(
                "in deg, to the servo's window",
                values=(-180, 12.5, 180),
                before=_on,
                settle=Axis.wait_for_stop,
                step=4e-3,
            ),
            "left_limit": Case(NO_RANGE, values=(-12.5, -180)),
            "right_limit": Case(NO_RANGE, values=(12.5, 180)),
            "units": Case("a rotation stage", values=ANGLES, refused=(*LENGTHS, *COUNTS)),
        }.items()
    },
    doings={"clear_errors": _errors_cleared, "errors": _errors_told}
    | {
        f"{name}.{key}": _moved(name, number, way)
        for name, number, way in (("x", 1, 12.5), ("y", 2, 90), ("phi", 3, -45))
        for key in ("enable", "disable", "wait_for_stop")
    }
    | {f"{name}.{key}": _homed(name) for name in ("x", "y", "phi") for key in ("home", "zero", "define_position")}
    | {f"{name}.{key}": _asked(name) for name in ("x", "y", "phi") for key in ("ask", "write", "values")},
    excepted=dict.fromkeys(("axes", "enable", "disable", "shutdown"), WALKS)
    | dict.fromkeys(("clear", "reset", "check_errors", "complete", "id", "next_error", "options", "status"), NOT_488),
)

# --- ThorlabsPM100USB on the PM100D


def _beam_seen(driver, lab):
    beam = lab.benches["terminals"].beam
    beam.is_open = True
    beam.attenuate(0.0, 0.0, lab.clock.now(), 10.0)
    driver.wavelength = 800
    assert driver.wavelength == 800
    assert driver.power == pytest.approx(0.4, rel=1e-3)
    driver.wavelength = 5000  # truncated to the longest
    assert driver.wavelength == driver.wavelength_max


def _meter_reset(driver, lab):
    driver.wavelength = 800
    driver.reset()
    assert driver.wavelength == 635


POWER_METER = Pair(
    ThorlabsPM100USB,
    "USB0::0x1313::0x8078::SIMP0001::0::INSTR",
    keywords=LF,
    cases=COMMON,
    doings=COMMON_DOINGS | {"reset": _meter_reset, "power": _beam_seen, "wavelength": _beam_seen},
    excepted={"options": NO_OPTIONS, "energy": "a photodiode measures no energy; the driver itself says so"},
)
