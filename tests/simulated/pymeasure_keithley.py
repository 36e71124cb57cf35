"""PyMeasure's drivers of the nanovoltmeter and the current source."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from pymeasure.instruments.keithley import Keithley2182, Keithley6221
from pymeasure.instruments.keithley.keithley2182 import Keithley2182Channel

from .driver_suite import COMMON, COMMON_DOINGS, LF, Case, Pair

ROUNDED_UP = "the driver sends six digits, which rounds the end of its own range up beyond the instrument's"

# --- Keithley2182 on the 2182A


def _buffered(driver, points=5):
    driver.write(":TRIG:COUN 1;:INIT:CONT OFF")
    driver.config_buffer(points)
    driver.start_buffer()
    driver.wait_for_buffer(timeout=100)


def _buffer(driver, lab):
    _buffered(driver)
    assert driver.buffer_data.shape == (5,)
    assert driver.is_buffer_full()
    driver.reset_buffer()
    assert not driver.is_buffer_full()


def _buffer_unused(driver, lab):
    driver.config_buffer(4)
    driver.disable_buffer()
    assert driver.ask(":TRAC:FEED:CONT?").strip() == "NEV"


def _buffer_stopped(driver, lab):
    driver.config_buffer(1000)
    driver.start_buffer()
    driver.stop_buffer()
    assert driver.complete.strip() == "1"


def _bus_trigger(driver, lab):
    driver.trigger_on_bus()
    assert driver.ask(":TRIG:SOUR?").strip() == "BUS"
    driver.write(":INIT")
    driver.trigger()
    assert driver.complete.strip() == "1"
    assert abs(float(driver.ask(":FETC?"))) < 1e-3


def _immediate(driver, lab):
    driver.trigger_on_bus()
    driver.trigger_immediately()
    assert driver.ask(":TRIG:SOUR?").strip() == "IMM"


def _sampled(driver, lab):
    driver.trigger_on_bus()
    driver.sample_continuously()
    assert abs(driver.voltage) < 1e-3


def _mains(driver, lab):
    driver.auto_line_frequency()
    with pytest.raises(ValueError, match="not in range"):
        driver.voltage_nplc = 60  # beyond 50 Hz mains


def _rectified_V(driver, lab):
    """Drive the strip at resonance; the meter must read what the bench says that the strip rectifies."""
    bench = lab.benches["stfmr"]
    bench.before_change(lab.clock.now())
    bench.magnet.set_current(lab.clock.now(), 4.0)
    bench.rf.set(frequency_Hz=7e9, power_dBm=15.0, on=True, mean_square=1.0)
    lab.clock.sleep(5.0)
    expected_V = bench.voltage_V("voltmeter", lab.clock.now())
    assert abs(expected_V) > 1e-7
    return expected_V


def _voltage_set_up(driver, lab):
    driver.active_channel = 2
    driver.ch_1.setup_voltage(nplc=1)
    assert (driver.active_channel, driver.voltage_nplc, driver.channel_function) == (1, 1.0, "voltage")
    expected_V = _rectified_V(driver, lab)
    assert driver.voltage == pytest.approx(expected_V, abs=2e-9)


def _reference_taken(driver, lab):
    _rectified_V(driver, lab)
    before_V = driver.voltage
    driver.ch_1.acquire_voltage_reference()
    driver.ch_1.voltage_offset_enabled = True
    assert driver.ch_1.voltage_offset == pytest.approx(before_V, rel=1e-6)
    assert driver.voltage == pytest.approx(0.0, abs=1e-9)


def _second_reference_taken(driver, lab):
    driver.active_channel = 2
    before_V = driver.voltage
    driver.ch_2.acquire_voltage_reference()
    assert driver.ch_2.voltage_offset == before_V


def _temperature_set_up(number):
    def call(driver, lab):
        getattr(driver, f"ch_{number}").setup_temperature(nplc=1)
        assert (driver.active_channel, driver.channel_function, driver.temperature_nplc) == (number, "temperature", 1)
        # Without voltage a thermocouple is as warm as its reference junction.
        assert driver.temperature == pytest.approx(driver.internal_temperature, abs=0.01)

    return call


def _temperature_reference_taken(number):
    def call(driver, lab):
        channel = getattr(driver, f"ch_{number}")
        channel.setup_temperature()
        before_degC = driver.temperature
        channel.acquire_temperature_reference()
        channel.temperature_offset_enabled = True
        assert channel.temperature_offset == pytest.approx(before_degC)
        assert driver.temperature == pytest.approx(0.0, abs=1e-3)

    return call


def _nanovoltmeter_reset(driver, lab):
    driver.voltage_nplc = 1
    driver.reset()
    assert driver.voltage_nplc == 5


def _fitting(ranges):
    return lambda value, got: got == next(one for one in ranges if abs(value) <= 1.2 * one * (1 + 1e-9))


STATISTICS = Case("of what is in the buffer", before=_buffered)
NANOVOLTMETER = Pair(
    Keithley2182,
    "GPIB0::7::INSTR",
    parts={"ch_1": Keithley2182Channel, "ch_2": Keithley2182Channel},
    keywords=LF,
    cases=COMMON
    | dict.fromkeys(("mean", "maximum", "minimum", "standard_dev"), STATISTICS)
    | {
        "voltage_nplc": Case("as many cycles as the mains have in a second", values=(0.01, 50), refused=(60,)),
        "temperature_nplc": Case("as many cycles as the mains have in a second", values=(0.01, 50), refused=(60,)),
        "trigger_delay": Case(ROUNDED_UP, values=(0, 999_999), refused=(999_999.999,)),
        "temperature": Case(
            "of the active channel", before=lambda driver: setattr(driver, "channel_function", "temperature")
        ),
        "ch_1.voltage_range": Case("answers the range that takes it", same=_fitting((0.01, 0.1, 1.0, 10.0, 100.0))),
        "ch_2.voltage_range": Case(
            "driver defect: it sets channel 2's own limits too early, so that those of channel 1 hold",
            values=(0, 12),
            refused=(120,),
            same=_fitting((0.1, 1.0, 10.0)),
        ),
    },
    doings=COMMON_DOINGS
    | {
        "reset": _nanovoltmeter_reset,
        "auto_line_frequency": _mains,
        "buffer_data": _buffer,
        "config_buffer": _buffer,
        "start_buffer": _buffer,
        "wait_for_buffer": _buffer,
        "is_buffer_full": _buffer,
        "reset_buffer": _buffer,
        "disable_buffer": _buffer_unused,
        "stop_buffer": _buffer_stopped,
        "trigger": _bus_trigger,
        "trigger_on_bus": _bus_trigger,
        "trigger_immediately": _immediate,
        "sample_continuously": _sampled,
        "ch_1.setup_voltage": _voltage_set_up,
        "ch_2.setup_voltage": lambda driver, lab: driver.ch_2.setup_voltage(),
        "ch_1.acquire_voltage_reference": _reference_taken,
        "ch_2.acquire_voltage_reference": _second_reference_taken,
    }
    | {f"ch_{number}.setup_temperature": _temperature_set_up(number) for number in (1, 2)}
    | {f"ch_{number}.acquire_temperature_reference": _temperature_reference_taken(number) for number in (1, 2)},
    excepted={"options": "not in the model: whether a 2182A knows *OPT? is unverified"},
)

# --- Keithley6221 on the 6221

BUFFER = "gap: the model does not know TRAC:FEED and FORM:DATA, which this sends"
ARMING = "gap: the model has no trigger model"


def flowing_A(lab):
    return lab.benches["terminals"].load("ac_source").current_A(lab.clock.now(), lab.clock.now() + 1e-9)


def _current_on(driver, lab):
    driver.source_current, driver.source_compliance = 5e-3, 10
    driver.enable_source()
    assert flowing_A(lab) == pytest.approx(5e-3)


def _current_off(method):
    def call(driver, lab):
        _current_on(driver, lab)
        getattr(driver, method)()
        assert flowing_A(lab) == 0.0
        assert not driver.source_enabled

    return call


def _wave(driver, lab):
    driver.waveform_function, driver.waveform_amplitude, driver.waveform_frequency = "sine", 1e-3, 85.0
    driver.waveform_use_phasemarker = True
    driver.waveform_duration_set_infinity()
    driver.waveform_arm()
    driver.waveform_start()
    load = lab.benches["terminals"].load("ac_source")
    start_s = lab.clock.now()
    times_s = start_s + np.linspace(0.0, 1 / 85.0, 200)
    assert max(load.current_A(t, t + 1e-6) for t in times_s) == pytest.approx(1e-3, rel=1e-3)
    assert lab.benches["terminals"].told["mark_phase"]["ac_source"][0] == 85.0
    driver.waveform_abort()
    assert flowing_A(lab) == 0.0


def _arbitrary(driver, lab):
    driver.define_arbitary_waveform([0.0, 0.5, 1.0, -1.0], location=2)
    assert driver.waveform_function == "arbitrary2"
    driver.waveform_amplitude, driver.waveform_frequency = 1e-3, 10.0
    driver.waveform_arm()
    driver.waveform_start()
    load, start_s = lab.benches["terminals"].load("ac_source"), lab.clock.now()
    steps_A = [load.current_A(t_s, t_s + 1e-6) for t_s in start_s + np.array([0.0125, 0.0375, 0.0625, 0.0875])]
    assert steps_A == pytest.approx([0.0, 0.5e-3, 1e-3, -1e-3])


def _delta_run(driver, readings=4):
    driver.delta_unit = "Ohms"
    driver.delta_high_source, driver.delta_delay, driver.delta_cycles = 1e-5, 1e-3, readings
    driver.delta_arm()
    driver.write("*CLS;:STAT:MEAS:ENAB 512;*SRE 1")
    driver.start_buffer()
    driver.wait_for_buffer(timeout=100)


def _delta(driver, lab):
    """Run delta: the 100 ohm of the terminals, from four readings of which the buffer is full then."""
    _delta_run(driver)
    assert driver.is_buffer_full()
    assert driver.delta_values[::2] == pytest.approx([100.0] * 4, rel=1e-4)
    driver.write("*CLS")
    driver.delta_start()
    assert not driver.is_buffer_full()
    load, now_s = lab.benches["terminals"].load("ac_source"), lab.clock.now()
    assert load.current_A(now_s + 1e-4, now_s + 2e-4) == pytest.approx(1e-5)
    driver.delta_abort()
    assert flowing_A(lab) == 0.0
    assert not driver.source_enabled


def _emptied(driver, lab):
    _delta_run(driver)
    driver.reset_buffer()
    assert not driver.is_buffer_full()
    assert driver.ask(":TRAC:POIN:ACT?").strip() == "0"


def _not_stored(driver, lab):
    driver.disable_buffer()
    driver.delta_cycles = 4
    driver.delta_arm()
    driver.delta_start()
    lab.clock.sleep(5.0)
    assert driver.ask(":TRAC:POIN:ACT?").strip() == "0"


def beep(driver, lab):
    driver.beep(440.0, 0.1)


def triad(driver, lab):
    before_s = lab.clock.now()
    driver.triad(440.0, 0.2)
    assert lab.clock.now() - before_s == pytest.approx(0.4, abs=0.05)


def deprecated_error(driver, lab):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        assert int(driver.error[0]) == 0


DURATION = Case("INF is read as 9.9E37", same=lambda value, got: got == (9.9e37 if value == "INF" else value))
OHMS = Case(
    "resistance and time of each reading",
    before=_delta_run,
    valid=lambda got: got[-2] == pytest.approx(100.0, rel=1e-4) and got[-1] > 0.0,
)
REGISTER = Case("bit 6 is the summary itself, which cannot be enabled", values=(0, 191, 255),
                same=lambda value, got: got == value & ~64)  # fmt: skip
AC_SOURCE = Pair(
    Keithley6221,
    "GPIB0::14::INSTR",
    keywords=LF,
    cases=COMMON
    | {
        "source_delay": Case(ROUNDED_UP, values=(1e-3, 999_999), refused=(999_999.999,)),
        "waveform_duration_time": Case(ROUNDED_UP, values=(100e-9, 999_999), refused=(999_999.999,)),
        "waveform_duration_cycles": Case(ROUNDED_UP, values=(1e-3, 9.99999e10), refused=(99_999_999_900,)),
        "source_range": Case("answers the range that takes it", same=lambda value, got: got == 0.1),
        "delta_delay": DURATION,
        "delta_cycles": DURATION,
        "delta_measurement_sets": DURATION,
        "delta_sense": OHMS,
        "delta_values": OHMS,
        "delta_connected": Case(valid=lambda got: got is True),
        "srq_event_enabled": REGISTER,
        "waveform_phasemarker_phase": Case("0 to 360 degrees", values=(0, 180), refused=(-180,)),
    },
    doings=COMMON_DOINGS
    | {
        "reset": _current_off("reset"),
        "enable_source": _current_on,
        "disable_source": _current_off("disable_source"),
        "shutdown": _current_off("shutdown"),
        "waveform_arm": _wave,
        "waveform_start": _wave,
        "waveform_abort": _wave,
        "waveform_duration_set_infinity": _wave,
        "define_arbitary_waveform": _arbitrary,
        "beep": beep,
        "triad": triad,
        "error": deprecated_error,
        "reset_buffer": _emptied,
        "disable_buffer": _not_stored,
    }
    | dict.fromkeys("delta_arm delta_start delta_abort start_buffer wait_for_buffer is_buffer_full".split(), _delta),
    arguments={"set_timed_arm": (0.1,)},
    excepted=dict.fromkeys(("buffer_data", "config_buffer"), BUFFER)
    | {"stop_buffer": "gap: the model does not know ABORt"}
    | dict.fromkeys(
        (
            "disable_output_trigger output_trigger_on_external set_timed_arm trigger trigger_immediately trigger_on_bus"
            " trigger_on_external"
        ).split(),
        ARMING,
    )
    | {
        "options": "gap: *OPT? is unverified",
        "standard_event_enabled": "driver defect: it sends ESE without its asterisk",
    },
)
