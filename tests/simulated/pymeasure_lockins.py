"""PyMeasure's drivers of the lock-ins."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from pymeasure.instruments.srs import SR830, SR860

from .driver_suite import LF, Case, Pair


def wrapped(value, got):
    """Say whether two angles are the same, but for whole turns [deg]."""
    return math.isclose((got - value + 180.0) % 360.0, 180.0, abs_tol=1e-6)


def generate(lab, amplitude_V=0.02, frequency_Hz=85.0):
    """Put a sine at the lock-ins' input; returns its rms across the resistor [V].

    ``amplitude_V`` is the peak without load; 100 of 110 + 50 ohm are looked at.
    """
    generator = lab.devices["USB0::0x0957::0x2807::SIM33500::0::INSTR"]
    port = generator.connect()
    for message in (f"FREQ {frequency_Hz}", "OUTP:LOAD INF", f"VOLT {2 * amplitude_V}", "OUTP 1"):
        port.receive(message.encode(), end=True)
    generator.disconnect(port)
    assert not generator.errors
    return amplitude_V / math.sqrt(2.0) * 100.0 / 160.0


def locked(driver, lab, **keywords):
    """Lock on the generator, and wait; returns the rms at the input [V]."""
    rms_V = generate(lab, **keywords)
    driver.write("FMOD 0" if isinstance(driver, SR830) else "RSRC EXT")
    driver.time_constant = 0.1
    lab.clock.sleep(5.0)
    return rms_V


# --- SR830


def _snapped(driver, lab):
    rms_V = locked(driver, lab)
    x, y = driver.xy
    assert math.hypot(x, y) == pytest.approx(rms_V, rel=1e-3)
    r, frequency_Hz = driver.snap("R", "Frequency")
    assert r == pytest.approx(driver.magnitude, rel=1e-3)
    assert frequency_Hz == pytest.approx(85.0)


def _phase_shifted(driver, lab):
    rms_V = locked(driver, lab)
    driver.phase = 60.0
    lab.clock.sleep(5.0)
    driver.auto_phase()
    lab.clock.sleep(5.0)
    assert driver.x == pytest.approx(rms_V, rel=1e-3)
    assert driver.y == pytest.approx(0.0, abs=1e-3 * rms_V)


def _gained(driver, lab):
    rms_V = locked(driver, lab)
    driver.auto_gain()
    lab.clock.sleep(20.0)
    assert rms_V < driver.sensitivity <= 5 * rms_V


def _reserved(driver, lab):
    locked(driver, lab)
    driver.reserve = "High Reserve"
    driver.auto_reserve()
    lab.clock.sleep(5.0)
    assert driver.reserve == "Low Noise"


def _offset(driver, lab):
    rms_V = locked(driver, lab)
    driver.auto_offset("X")
    percent, expand = driver.get_scaling("X")
    assert (percent, expand) == (pytest.approx(100.0 * rms_V, abs=0.01), 1)  # of 1 V full scale
    assert driver.x == pytest.approx(0.0, abs=1e-4)
    assert driver.output_conversion("X")(driver.x) == pytest.approx(rms_V, abs=1e-4)


def _in_range(driver, lab):
    locked(driver, lab)
    driver.clear()
    assert not driver.is_out_of_range()
    driver.sensitivity = 1e-3
    lab.clock.sleep(1.0)
    assert driver.is_out_of_range()


def _quick(driver, lab):
    rms_V = locked(driver, lab)
    driver.sensitivity = 1e-3
    driver.quick_range()
    assert driver.sensitivity == 0.01 if 1.15 * rms_V <= 0.01 else 0.02


def _restored(driver, lab):
    driver.time_constant = 1
    driver.save_setup(3)
    driver.time_constant = 0.1
    driver.load_setup(3)
    assert driver.time_constant == 1


def _stored(driver, lab):
    rms_V = locked(driver, lab)
    driver.sample_frequency = 64
    assert driver.sample_frequency == 64
    driver.reset_buffer()
    driver.start_scan()
    driver.wait_for_buffer(20)
    driver.pause_scan()
    count = driver.buffer_count
    assert count >= 20
    ch1, ch2 = driver.fill_buffer(20)
    assert np.hypot(ch1, ch2) == pytest.approx(np.full(20, rms_V), rel=1e-3)
    assert driver.get_buffer(1, 0, 5) == pytest.approx(ch1[:5])
    driver.pause_buffer()
    driver.reset_buffer()
    assert driver.buffer_count == 0


def _fast(driver, lab):
    rms_V = locked(driver, lab)
    driver.sample_frequency = 512
    driver.start_buffer()
    lab.clock.sleep(1.0)
    assert driver.buffer_count > 100
    driver.reset_buffer()
    mean_1, std_1, mean_2, std_2 = driver.buffer_measure(10)
    assert math.hypot(mean_1, mean_2) == pytest.approx(rms_V, rel=1e-3)
    assert max(std_1, std_2) < 1e-3 * rms_V


def _triggered(driver, lab):
    driver.sample_frequency = None
    driver.reset_buffer()
    driver.start_scan()
    for _ in range(3):
        driver.trigger()
        lab.clock.sleep(0.01)
    assert driver.sample_frequency is None
    assert driver.buffer_count == 3
    driver.aquireOnTrigger(True)
    assert driver.ask("TSTR?").strip() == "1"


def _lockin_reset(driver, lab):
    driver.sensitivity = 1e-3
    driver.reset()
    assert driver.sensitivity == 1


def _lockin_clear(driver, lab):
    driver.write("NONSENSE 1")
    assert int(driver.ask("*ESR? 5")) == 1
    driver.write("NONSENSE 1")
    driver.clear()
    assert int(driver.ask("*ESR?")) == 0


TWO_NUMBERS = "driver defect: DDEF? answers two numbers, of which it keeps both"
SR830_PAIR = Pair(
    SR830,
    "GPIB0::8::INSTR",
    keywords=LF,
    error_query="ERRS?",
    cases={
        "phase": Case("shown between -180 and 180 degrees", same=wrapped),
        "harmonic": Case("up to 102 kHz", before=lambda driver: setattr(driver, "frequency", 1.0)),
        "frequency": Case("the detected one may be 102 kHz", values=(0.001, 85.0, 102_000)),
        "time_constant": Case(
            "above 200 Hz no longer than 30 s",
            before=lambda driver: setattr(driver, "frequency", 100.0),
            values=SR830.TIME_CONSTANTS,
        ),
        "sensitivity": Case("every one of them", values=SR830.SENSITIVITIES),
    },
    doings={
        "clear": _lockin_clear,
        "reset": _lockin_reset,
        "xy": _snapped,
        "snap": _snapped,
        "auto_phase": _phase_shifted,
        "auto_gain": _gained,
        "auto_reserve": _reserved,
        "reserve": _reserved,
        "auto_offset": _offset,
        "get_scaling": _offset,
        "output_conversion": _offset,
        "is_out_of_range": _in_range,
        "quick_range": _quick,
        "save_setup": _restored,
        "load_setup": _restored,
        "trigger": _triggered,
        "aquireOnTrigger": _triggered,
        "start_buffer": _fast,
        "buffer_measure": _fast,
    }
    | dict.fromkeys(
        "buffer_count fill_buffer get_buffer pause_buffer pause_scan reset_buffer sample_frequency start_scan"
        " wait_for_buffer".split(),
        _stored,
    ),
    arguments={"set_scaling": ("Y", -12.5, 100)},
    excepted={
        "channel1": TWO_NUMBERS,
        "channel2": TWO_NUMBERS,
        "set_scaling": "driver defect: it sends the expansion itself, 100, in place of its number, 2",
    },
)

# --- SR860 on the SR865A


def _snapped_865(driver, lab):
    rms_V = locked(driver, lab)
    x, y, r = driver.snap("X", "Y", "R")
    assert r == pytest.approx(rms_V, rel=1e-3)
    assert math.hypot(x, y) == pytest.approx(r, rel=1e-6)
    assert driver.snap("X", "Y") == pytest.approx([x, y], abs=1e-6)
    assert driver.snap_all()[:3] == pytest.approx([x, y, r], abs=1e-6)


def _misspelt(wrong, right):
    def call(driver, lab):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            assert getattr(driver, wrong) == getattr(driver, right)

    return call


ALIASES = "driver defect: it numbers the long spellings on, as 2 and 3"
SR865A_PAIR = Pair(
    SR860,
    "GPIB0::4::INSTR",
    keywords=LF,
    error_query="ERRS?",
    cases={
        "phase": Case("shown between -180 and 180 degrees", same=wrapped),
        "harmonic": Case("up to 4 MHz", before=lambda driver: setattr(driver, "frequency", 1000.0)),
        "dcmode": Case(ALIASES, values=("COM", "DIF"), refused=("common", "difference")),
        "input_signal": Case(ALIASES, values=("VOLT", "CURR"), refused=("voltage", "current")),
        "reference_triggermode": Case(
            "TTL edges are POS and NEG themselves", values=("SIN", "POS", "NEG"), refused=("POSTTL", "NEGTTL")
        ),
        "reference_source_trigger": Case(
            "TTL edges are POS and NEG themselves", values=("SIN", "POS", "NEG"), refused=("POSTTL", "NEGTTL")
        ),
        "sensitivity": Case("every one of them", values=SR860.SENSITIVITIES),
        "time_constant": Case("every one of them", values=SR860.TIME_CONSTANTS),
    },
    doings={
        "snap": _snapped_865,
        "snap_all": _snapped_865,
        "filer_synchronous": _misspelt("filer_synchronous", "filter_synchronous"),
        "sensitvity": _misspelt("sensitvity", "sensitivity"),
    },
    excepted={
        "filter_advanced": "driver defect: it sets ADVFIL and asks ADVFILT?",
        "horizontal_time_div": "driver defect: it sets GSDP and asks GSPD?",
        "reference_externalinput": "driver defect: it sends REFZ&d, which is no format",
        "screenshot": "gap: the model takes no pictures",
    },
)
