"""PyMeasure's drivers of the microwave source, the network analyser and the waveform generator."""

from __future__ import annotations

import numpy as np
import pytest
from pymeasure.instruments.agilent import Agilent8257D, Agilent33500
from pymeasure.instruments.agilent.agilent33500 import Agilent33500Channel
from pymeasure.instruments.keysight.keysightPNA import KeysightPNA, Marker, MeasurementChannel, Trace

from .driver_suite import COMMON, COMMON_DOINGS, LF, SLOW, Case, Pair, within

# --- Agilent8257D on the E8257D


def rf(lab):
    return lab.benches["stfmr"].rf.state


def _enabled(driver, lab):
    driver.frequency, driver.power = 5e9, 3.0
    driver.enable()
    assert driver.is_enabled
    assert (rf(lab).on, rf(lab).frequency_Hz, rf(lab).power_dBm) == (True, 5e9, 3.0)


def _disabled(driver, lab):
    driver.enable()
    driver.disable()
    assert not driver.is_enabled
    assert not rf(lab).on


def _amplitude_modulated(driver, lab):
    driver.config_amplitude_modulation(frequency=2e3, depth=100.0, shape="square")
    assert driver.has_amplitude_modulation
    assert (driver.internal_frequency, driver.internal_shape, driver.amplitude_depth) == (2e3, "square", 100.0)
    assert rf(lab).mean_square == pytest.approx(2.0)  # (1 +- 1)^2 is on average 2


def _amplitude_modulation_ends(driver, lab):
    driver.config_amplitude_modulation()
    driver.disable_amplitude_modulation()
    assert not driver.has_amplitude_modulation
    assert rf(lab).mean_square == 1.0


def _pulsed(driver, lab):
    driver.config_pulse_modulation(frequency=1e4, input="square")
    assert driver.has_pulse_modulation
    assert (driver.pulse_frequency, driver.pulse_input, driver.pulse_source) == (1e4, "square", "internal")
    assert rf(lab).mean_square == 0.5


def _pulses_end(driver, lab):
    driver.config_pulse_modulation()
    driver.disable_pulse_modulation()
    assert not driver.has_pulse_modulation
    assert rf(lab).mean_square == 1.0


def _modulation_switch(driver, lab):
    driver.config_pulse_modulation()
    driver.disable_modulation()
    assert not driver.has_modulation
    assert rf(lab).mean_square == 1.0
    driver.enable_modulation()
    assert driver.has_modulation
    assert rf(lab).mean_square == 0.5
    assert (driver.low_freq_out_amplitude, driver.low_freq_out_source) == (2.0, "internal")


def _low_frequency_output(driver, lab):
    driver.config_low_freq_out(source="function", amplitude=1.5)
    assert driver.ask("LFO:STAT?").strip() == "1"
    assert (driver.low_freq_out_source, driver.low_freq_out_amplitude) == ("function", 1.5)
    driver.disable_low_freq_out()
    assert driver.ask("LFO:STAT?").strip() == "0"


def _source_shut_down(driver, lab):
    driver.config_amplitude_modulation()
    driver.enable()
    driver.shutdown()
    assert not rf(lab).on
    assert rf(lab).mean_square == 1.0


def _source_reset(driver, lab):
    driver.enable()
    driver.reset()
    assert not rf(lab).on


GIGAHERTZ, DBM = Case("the driver knows no range", values=(250e3, 9.876543e9, 40e9)), Case(values=(-135, 0.25, 25))

MICROWAVE = Pair(
    Agilent8257D,
    "GPIB0::19::INSTR",
    keywords=LF,
    cases=COMMON
    | {"frequency": GIGAHERTZ, "start_frequency": GIGAHERTZ, "stop_frequency": GIGAHERTZ, "center_frequency": GIGAHERTZ}
    | {"power": DBM, "start_power": DBM, "stop_power": DBM}
    | {"dwell_time": Case(values=(1e-3, 60)), "step_points": Case(values=(2, 65535))},
    doings=COMMON_DOINGS
    | {
        "reset": _source_reset,
        "enable": _enabled,
        "disable": _disabled,
        "shutdown": _source_shut_down,
        "config_amplitude_modulation": _amplitude_modulated,
        "enable_amplitude_modulation": _amplitude_modulated,
        "disable_amplitude_modulation": _amplitude_modulation_ends,
        "config_pulse_modulation": _pulsed,
        "enable_pulse_modulation": _pulsed,
        "disable_pulse_modulation": _pulses_end,
        "enable_modulation": _modulation_switch,
        "disable_modulation": _modulation_switch,
        "config_low_freq_out": _low_frequency_output,
        "enable_low_freq_out": _low_frequency_output,
        "disable_low_freq_out": _low_frequency_output,
    },
    excepted={
        "config_step_sweep": "gap: the model has no sweeps",
        "enable_retrace": "gap: the model has no sweeps",
        "disable_retrace": "gap: the model has no sweeps",
        "single_sweep": "gap: the model has no sweeps",
        "start_step_sweep": "gap: the model has no sweeps; by the driver's name alone, SWE:CONT:STAT is unverified",
        "stop_step_sweep": "gap: the model has no sweeps; by the driver's name alone, SWE:CONT:STAT is unverified",
    },
)

# --- KeysightPNA on the N5222B

FORMAT = "driver defect: its map of formats lacks the + that the analyser sends"


def _pna_reset(driver, lab):
    driver.write("CALC1:MEAS2:DEF 'S21'")
    driver.reset()
    assert list(driver.channels) == [1]
    assert driver.ch_1.measurements == [1]


def _sweep_once(driver, lab):
    driver.ch_1.single()
    assert driver.complete.strip() == "1"
    assert driver.ask("SENS1:SWE:MODE?").strip() == "HOLD"


def _continuous(driver, lab):
    driver.ch_1.hold()
    driver.ch_1.continuous()
    assert driver.ask("SENS1:SWE:MODE?").strip() == "CONT"


def _hold(driver, lab):
    driver.ch_1.hold()
    assert driver.ask("SENS1:SWE:MODE?").strip() == "HOLD"


def _initiate(driver, lab):
    driver.write("TRIG:SOUR MAN;:SENS:SWE:MODE CONT")
    driver.ch_1.initiate()
    assert driver.complete.strip() == "1"


def _pna_abort(driver, lab):
    driver.write("SENS:BAND 10")
    driver.ch_1.single()
    driver.abort()


def _channels(driver, lab):
    driver.write("CALC1:MEAS2:DEF 'S21'")
    driver.update_channels()
    assert list(driver.ch_1.traces) == [1, 2]


def _traces(driver, lab):
    driver.write("CALC1:MEAS2:DEF 'S21'")
    driver.ch_1.update_traces()
    assert driver.ch_1.tr_2.parameter == "S21"


def _stimulus(driver, lab):
    driver.write("SENS:FREQ:STAR 1E9;STOP 2E9;:SENS:SWE:POIN 11")
    _sweep_once(driver, lab)
    assert driver.ch_1.tr_1.x_data == pytest.approx(np.linspace(1e9, 2e9, 11))


def _reflection(driver, lab):
    _stimulus(driver, lab)
    complex_data = driver.ch_1.tr_1.y_data_complex
    assert complex_data.shape == (11, 2)
    size_dB = 10 * np.log10((complex_data**2).sum(axis=1))
    assert driver.ch_1.tr_1.y_data == pytest.approx(size_dB)
    assert size_dB.min() < 0.0


VNA_PARTS = {"ch_1": MeasurementChannel, "ch_1.tr_1": Trace, "ch_1.tr_1.mkr_1": Marker, "ch_1.tr_1.mkr_15": Marker}
TEXT = Case("text, although the driver names no type", valid=lambda got: isinstance(got, str) and got.isalnum())


def _swept(marker):
    """Show the marker on a sweep that has ended."""
    assert marker.ask("SENS1:SWE:MODE SING;*OPC?").strip() == "1"
    marker.enabled, marker.x = True, 5e9


MARKER_CASES = {
    "x": Case("the driver knows no range: it is the sweep's", values=(10e6, 5.25e9, 26.5e9)),
    "y": Case("of a reflection in dB", before=_swept, valid=lambda got: -80.0 < got[0] < 0.0 and got[1] == 0.0),
}
VNA_CASES = COMMON | {"ch_1.tr_1.parameter": TEXT, "ch_1.tr_1.x_unit": TEXT, "ch_1.tr_1.y_unit": TEXT}
for _number in (1, 15):
    VNA_CASES |= within(f"ch_1.tr_1.mkr_{_number}", MARKER_CASES)
VNA_DOINGS = COMMON_DOINGS | {
    "reset": _pna_reset,
    "abort": _pna_abort,
    "update_channels": _channels,
    "ch_1.single": _sweep_once,
    "ch_1.continuous": _continuous,
    "ch_1.hold": _hold,
    "ch_1.initiate": _initiate,
    "ch_1.update_traces": _traces,
}
DATA = ("x_data", "y_data", "y_data_complex")
FILES = {"load_state": "gap: the model has no files"}

VNA = Pair(
    KeysightPNA,
    "GPIB0::16::INSTR",
    parts=VNA_PARTS,
    keywords=SLOW,
    cases=VNA_CASES,
    doings=VNA_DOINGS,
    arguments={"load_state": ("state.csa",)},
    excepted=FILES
    | {"data_format": FORMAT, "ch_1.tr_1.read_buffer": "reads what nothing asked for; x_data and the others use it"}
    | {f"ch_1.tr_1.{name}": FORMAT for name in DATA},
)


def _as_constructed(driver):
    driver.data_format, driver.byte_order_swapped = "real64", True


#: On the firmware that sends no sign, if there is one: there the driver reads data.
VNA_WITHOUT_SIGN = Pair(
    KeysightPNA,
    "GPIB0::16::INSTR",
    parts=VNA_PARTS,
    options={"format_sign": "no"},
    keywords=SLOW,
    setup=_as_constructed,
    cases=VNA_CASES,
    doings=VNA_DOINGS
    | {
        "ch_1.tr_1.x_data": _stimulus,
        "ch_1.tr_1.y_data": _reflection,
        "ch_1.tr_1.y_data_complex": _reflection,
        "ch_1.tr_1.read_buffer": _reflection,
    },
    arguments={"load_state": ("state.csa",)},
    excepted=FILES,
)

# --- Agilent33500 on the 33511B

ARBITRARY, PULSE = (f"gap: the model has no {what}" for what in ("arbitrary waves", "pulses"))
NOT_THERE = {
    "arb_advance": ARBITRARY,
    "arb_file": ARBITRARY,
    "arb_filter": ARBITRARY,
    "arb_srate": ARBITRARY,
    "data_arb": ARBITRARY,
    "data_volatile_clear": ARBITRARY,
    "pulse_dutycycle": PULSE,
    "pulse_hold": PULSE,
    "pulse_period": PULSE,
    "pulse_transition": PULSE,
    "pulse_width": PULSE,
}
PLAIN = (
    "amplitude",
    "amplitude_unit",
    "burst_ncycles",
    "burst_period",
    "burst_state",
    "output",
    "phase",
    "ramp_symmetry",
    "square_dutycycle",
)
SHORT = Case("it answers the short form", same=lambda value, got: len(got) <= 4 and value.startswith(got))
WAVE_CASES = {
    "shape": Case(
        "gap: pulse, noise, PRBS and arbitrary waves",
        values=("SIN", "SQU", "TRI", "RAMP", "DC"),
        refused=("PULS", "PRBS", "NOIS", "ARB"),
    ),
    "frequency": Case("the 33511B reaches 20 MHz", values=(1e-6, 20e6), refused=(120e6,)),
    "offset": Case(
        "offset and half the amplitude share 5 V", before=lambda part: setattr(part, "amplitude", 0.01), step=1e-12
    ),
    "voltage_high": Case("it must stay above the lowest", before=lambda part: setattr(part, "voltage_low", -5)),
    "voltage_low": Case("it must stay below the highest", before=lambda part: setattr(part, "voltage_high", 5)),
    "output_load": Case(
        "the driver knows no range",
        values=(1, 50, 10_000, "INF"),
        same=lambda value, got: got == (9.9e37 if value == "INF" else value),
    ),
    "arb_file": Case(values=("wave",)),
    "burst_mode": SHORT,
}


def wave_V(lab):
    load = lab.benches["terminals"].load("generator")
    return load.current_A(lab.clock.now(), lab.clock.now() + 1e-9) * 160.0


def _waves_on(driver, lab):
    """Put out 1 V dc into 50 ohm: 2 V without load, into 110 ohm and its own 50 ohm."""
    driver.shape, driver.offset, driver.output = "DC", 1.0, True
    assert wave_V(lab) == pytest.approx(2.0)


def _waves_reset(driver, lab):
    _waves_on(driver, lab)
    driver.reset()
    assert wave_V(lab) == 0.0
    assert driver.shape == "SIN"


def _triggered(driver, lab):
    """Let a burst of one cycle wait for the trigger; 2 V peak to peak without load, 0.1 s long."""
    driver.shape, driver.frequency, driver.amplitude = "SIN", 10.0, 1.0
    driver.trigger_source, driver.burst_ncycles, driver.burst_state, driver.output = "BUS", 1, True, True
    lab.clock.sleep(1.025)
    assert wave_V(lab) == 0.0
    driver.trigger()
    lab.clock.sleep(0.025)
    assert wave_V(lab) == pytest.approx(1.0)
    driver.wait_for_trigger()
    assert driver.complete.strip() == "1"
    lab.clock.sleep(0.025)
    assert wave_V(lab) == 0.0


def _told(method):
    def call(driver, lab):
        getattr(driver, method)()

    return call


WAVES = Pair(
    Agilent33500,
    "USB0::0x0957::0x2807::SIM33500::0::INSTR",
    parts={"ch_1": Agilent33500Channel, "ch_2": Agilent33500Channel},
    keywords=LF,
    cases=COMMON
    | WAVE_CASES
    | within("ch_1", WAVE_CASES)
    | within("ch_2", WAVE_CASES)
    | {"display": Case(values=("hello",)), "trigger_source": SHORT},
    doings=COMMON_DOINGS
    | {
        "reset": _waves_reset,
        "beep": _told("beep"),
        "clear_display": _told("clear_display"),
        "phase_sync": _told("phase_sync"),
        "trigger": _triggered,
        "wait_for_trigger": _triggered,
    },
    arguments={name: ("wave", [0] * 8) for name in ("data_arb", "ch_1.data_arb", "ch_2.data_arb")},
    excepted=NOT_THERE
    | within("ch_1", NOT_THERE)
    | {"options": "gap: *OPT? is unverified", "ext_trig_out": "gap: the model has no trigger output"}
    | {f"ch_2.{name}": "the 33511B has one channel" for name in (*NOT_THERE, *WAVE_CASES, *PLAIN)},
)
