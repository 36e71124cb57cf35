"""The simulated SR865A over the wire, on a bench whose input the test sets."""

import math

import numpy as np
import pytest
import pyvisa

ADDRESS = "TCPIP0::lockin.example::INSTR"

BENCH_CODE = '''
class Bench:
    """One voltage that the test sets; it may be a function of time."""

    def __init__(self, lab, streams, noise):
        self.signal, self.density, self.told = 0j, float(lab.get("density", 0.0)), []
        self._watching = []

    def watch(self, catch_up):
        self._watching.append(catch_up)

    def before_change(self, t_s):
        for catch_up in self._watching:
            catch_up(t_s)

    def change(self, t_s, signal):
        self.before_change(t_s)
        self.signal = signal

    def lockin_input(self, name, t_s, harmonic):
        signal = self.signal(t_s) if callable(self.signal) else self.signal
        return complex(signal) / harmonic

    def lockin_noise(self, name):
        return self.density

    def sine_out(self, name, t_s, frequency_Hz, amplitude_V_rms):
        self.told.append((name, frequency_Hz, amplitude_V_rms))

    def aux_out(self, name, t_s, channel, volts):
        self.told.append((name, channel, volts))
'''

BENCH = """
spec: "1.1"
devices:
  lockin: {{class: "sr865a:SR865A", role: lockin, options: {{input: eo, input_noise_V_per_rtHz: "0"}}}}
resources:
  TCPIP0::lockin.example::INSTR: {{device: lockin}}
lab: {{bench: "voltage.py:Bench", density: {density}}}
"""


@pytest.fixture
def open_bench(tmp_path):
    managers = []

    def open_one(density="0.0"):
        (tmp_path / "voltage.py").write_text(BENCH_CODE, encoding="utf-8")
        path = tmp_path / "bench.yaml"
        path.write_text(BENCH.format(density=density), encoding="utf-8")
        managers.append(pyvisa.ResourceManager(f"{path}?clock=virtual@sotlab"))
        return managers[-1]

    yield open_one
    for manager in managers:
        manager.close()


@pytest.fixture
def manager(open_bench):
    manager = open_bench()
    yield manager
    assert [list(device.errors) for device in manager.visalib.lab.devices.values()] == [[]]


@pytest.fixture
def bench(manager):
    return manager.visalib.lab.bench


@pytest.fixture
def clock(manager):
    return manager.visalib.clock


def opened(manager):
    return manager.open_resource(ADDRESS, read_termination="\n", write_termination="\n", timeout=20000)


@pytest.fixture
def lockin(manager):
    return opened(manager)


def settled(bench, clock, signal, seconds=10.0):
    bench.change(clock.now(), signal)
    clock.sleep(seconds)


def block(lockin, offset_kB, length_kB):
    return lockin.query_binary_values(
        f"CAPTUREGET? {offset_kB},{length_kB}", "f", container=np.array, expect_termination=False
    )


def test_identity_says_simulated(lockin):
    maker, model, serial, _ = lockin.query("*IDN?").split(",")
    assert (maker, model) == ("Stanford_Research_Systems", "SR865A")
    assert serial.startswith("SIM")


@pytest.mark.parametrize(
    ("sent", "bit"),
    [
        ("SCAL 28", 16), ("OFLT 22", 16), ("IRNG 5", 16), ("IRNG 2V", 16), ("HARM 100", 16), ("FREQ 5E6", 16),
        ("SLVL 2.1", 16), ("CAPTURELEN 4097", 16), ("CAPTURECFG XZ", 16), ("CAPTUREGET? 0,65", 16), ("SENS 1", 32),
        ("CAPTURESTART ONE", 32), ("SNAP? X", 32), ("NOPE", 32),
    ],
)  # fmt: skip
def test_what_the_model_does_not_do_is_an_error(lockin, sent, bit):
    lockin.query("*ESR?")
    lockin.write(sent)
    assert int(lockin.query("*ESR?")) == bit
    lockin.write("*CLS")


def test_random_bytes_do_not_crash_it(lockin):
    rng = np.random.default_rng(0)
    words = ["SCAL", "OUTP?", "CAPTUREGET?", "1", ",", ";", "SNAP?", "CAPTURESTART", "ONE", "IMM", "-", "1e999", "#15"]
    words += ["CAPTURECFG", "CAPTURELEN", "XYRT", "\x00", "\xff", "FREQ", "APHS", "ASCL", "ARNG", "CAPTURESTOP", "*RST"]
    for _ in range(500):
        lockin.write_raw(" ".join(rng.choice(words, rng.integers(1, 8))).encode("latin-1"))
    lockin.clear()
    lockin.write("*RST;*CLS")
    assert lockin.query("SCAL?") == "0"


@pytest.mark.parametrize(("index", "full_V"), [(0, 1.0), (1, 0.5), (9, 1e-3), (27, 1e-9)])
def test_sensitivity_counts_down_from_one_volt(lockin, bench, clock, index, full_V):
    lockin.write(f"SCAL {index}")
    settled(bench, clock, 0.9 * min(full_V, 0.7))
    lockin.write("*CLS")
    assert int(lockin.query("LIAS? 0")) == 0
    settled(bench, clock, 1.1 * full_V)
    assert int(lockin.query("LIAS? 0")) == (0 if full_V == 1.0 else 1)  # 1 V peak of input range clips before


def test_reading_is_the_filters_output_whatever_the_scale(lockin, bench, clock):
    settled(bench, clock, 0.3 + 0.4j)
    lockin.write("SCAL 20")
    assert [float(lockin.query(f"OUTP? {i}")) for i in (0, 1, 2, 3)] == pytest.approx([0.3, 0.4, 0.5, 53.130102])
    assert float(lockin.query("OUTP? THeta")) == pytest.approx(53.130102)
    assert [float(value) for value in lockin.query("SNAP? X,Y,R").split(",")] == pytest.approx([0.3, 0.4, 0.5])
    assert len(lockin.query("SNAPD?").split(",")) == 4


def test_input_beyond_the_range_clips_and_is_flagged_now_and_latched(lockin, bench, clock):
    lockin.write("IRNG 10M;*CLS")
    settled(bench, clock, 0.1)
    assert float(lockin.query("OUTP? 0")) == pytest.approx(0.01 / math.sqrt(2), rel=1e-5)
    assert int(lockin.query("CUROVLDSTAT?")) & 16
    assert lockin.query("ILVL?") == "4"
    lockin.write("ARNG")
    assert lockin.query("IRNG?") == "1"
    assert int(lockin.query("LIAS? 4")) == 1
    assert not int(lockin.query("CUROVLDSTAT?")) & 16


def test_auto_functions_choose_scale_and_phase(lockin, bench, clock):
    settled(bench, clock, 3e-3j)
    lockin.write("ASCL")
    assert lockin.query("SCAL?") == "7"  # 5 mV
    lockin.write("APHS")
    assert float(lockin.query("PHAS?")) == pytest.approx(90.0)
    clock.sleep(5.0)
    assert float(lockin.query("OUTP? X")) == pytest.approx(3e-3)


def test_bench_is_told_what_is_put_out(lockin, bench):
    lockin.write("SLVL 0.1;FREQINT 5900;AUXV 0,1.5")
    assert bench.told[-3:] == [("eo", 1e5, 0.1), ("eo", 5900.0, 0.1), ("eo", 1, 1.5)]


@pytest.mark.parametrize(("what", "columns"), [("X", 1), ("XY", 2), ("RT", 2), ("XYRT", 4)])
def test_capture_holds_the_filtered_values_at_each_sample_time(lockin, bench, clock, what, columns):
    lockin.write(f"OFLT 6;OFSL 1;CAPTURECFG {what};CAPTURELEN 4;CAPTURERATE 4")  # 1 ms, 12 dB/oct
    settled(bench, clock, 0.0, 1.0)
    rate_Hz = float(lockin.query("CAPTURERATE?"))
    assert rate_Hz == pytest.approx(float(lockin.query("CAPTURERATEMAX?")) / 16)
    lockin.write("CAPTURESTART ONE,IMM")
    start_s = clock.now()
    step_s = start_s + 5e-3
    clock.wait_until(step_s)
    bench.change(step_s, 0.6j)
    assert lockin.query("CAPTURESTAT?") == "3"
    clock.sleep(1.0)
    assert lockin.query("CAPTURESTAT?") == "6"
    assert (lockin.query("CAPTUREBYTES?"), lockin.query("CAPTUREPROG?")) == ("4096", "4")
    data = np.concatenate([block(lockin, 0, 2), block(lockin, 2, 2)]).reshape(-1, columns)
    theta = np.maximum(start_s + np.arange(len(data)) / rate_Hz - step_s, 0.0) / 1e-3
    size = 0.6 * (1 - np.exp(-theta) * (1 + theta))
    table = {"X": 0 * size, "Y": size, "R": size, "T": np.where(size > 0, 90.0, 0.0)}
    for column, name in zip(data.T, what, strict=True):
        np.testing.assert_allclose(column, table[name], atol=1e-4)


def test_capture_cannot_be_read_or_changed_while_it_runs(lockin, clock):
    lockin.write("CAPTURESTART CONT,IMM")
    lockin.query("*ESR?")
    for sent in ("CAPTUREGET? 0,1", "CAPTURECFG XYRT", "CAPTURELEN 2"):
        lockin.write(sent)
        assert lockin.query("*ESR?") == "16"
    clock.sleep(3600.0)
    assert lockin.query("CAPTURESTAT?") == "7"
    lockin.write("CAPTURESTOP")
    assert lockin.query("CAPTURESTAT?") == "6"
    assert len(block(lockin, 0, 64)) == 16384
    lockin.write("*CLS")


def test_capture_takes_one_sample_for_each_trigger(lockin, bench, clock):
    lockin.write("CAPTURESTART ONE,SAMP")
    for level in (0.1, 0.2, 0.3):
        settled(bench, clock, level)
        lockin.assert_trigger()
    lockin.write("CAPTURESTOP")
    assert block(lockin, 0, 1)[:3] == pytest.approx([0.1, 0.2, 0.3], abs=1e-6)
    assert not block(lockin, 0, 1)[3:].any()  # what was not captured is zero: manual p. 138
    assert float(lockin.query("CAPTUREVAL? 1")) == pytest.approx(0.2)


def test_captured_noise_has_the_density_and_bandwidth_of_the_filter(open_bench):
    manager = open_bench("1.0e-6")
    lockin = opened(manager)
    lockin.write("OFLT 0;OFSL 3;CAPTURECFG XY;CAPTURELEN 400;CAPTURERATE 5")  # 1 us, 39 kHz: independent samples
    lockin.write("CAPTURESTART ONE,IMM")
    manager.visalib.clock.sleep(5.0)
    data = np.concatenate([block(lockin, offset, 40) for offset in range(0, 400, 40)])
    assert data.size == 102400
    assert np.var(data) / 1e-12 == pytest.approx(float(lockin.query("ENBW?")), rel=0.03)


@pytest.fixture
def driver(manager):
    from pymeasure.instruments.srs import SR860

    return SR860(ADDRESS, visa_library=str(manager.visalib.library_path) + "@sotlab", read_termination="\n")


# Not here, for the driver is at odds with the spelling of the others: reference_externalinput (sends "REFZ&d"),
# filter_advanced (sets ADVFIL, asks ADVFILT?), horizontal_time_div (sets GSDP, asks GSPD?), the values POSTTL and
# NEGTTL of reference_triggermode (sent as 3 and 4), screenshot.
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("phase", (-180.0, 90.0, 12.3456)),
        ("frequency", (0.001, 5e5, 85.0)),
        ("internalfrequency", (0.001, 5e5, 85.0)),
        ("harmonic", (1, 4)),
        ("harmonicdual", (1, 98)),
        ("sine_voltage", (0.0, 2.0, 0.123)),
        ("timebase", (0, 1)),
        ("dcmode", ("COM", "DIF")),
        ("reference_source", ("INT", "EXT", "DUAL", "CHOP")),
        ("reference_triggermode", ("SIN", "POS", "NEG")),
        ("input_signal", ("VOLT", "CURR")),
        ("input_voltage_mode", ("A", "A-B")),
        ("input_coupling", ("AC", "DC")),
        ("input_shields", ("Float", "Ground")),
        ("input_range", ("1V", "300M", "100M", "30M", "10M")),
        ("input_current_gain", ("1MEG", "100MEG")),
        ("sensitivity", (1.0, 1e-9, 1e-3)),
        ("time_constant", (1e-6, 30e3, 0.1)),
        ("filter_slope", (0, 1, 2, 3)),
        ("filter_synchronous", ("Off", "On")),
        ("frequencypreset1", (0.001, 5e5)),
        ("frequencypreset4", (0.001, 5e5)),
        ("sine_amplitudepreset1", (0.0, 2.0)),
        ("sine_amplitudepreset4", (0.0, 2.0)),
        ("sine_dclevelpreset1", (-5.0, 5.0)),
        ("sine_dclevelpreset4", (-5.0, 5.0)),
        ("aux_out_1", (-10.5, 10.5)),
        ("aux_out_4", (-10.5, 10.5)),
        ("front_panel", ("0", "1")),
        ("screen_layout", ("0", "5")),
        ("parameter_DAT1", (0, 15)),
        ("parameter_DAT4", (0, 15)),
        ("strip_chart_dat1", ("0", "1")),
        ("strip_chart_dat4", ("0", "1")),
    ],
)
def test_stock_pymeasure_driver_sets_and_reads_back(driver, name, values):
    for value in values:
        setattr(driver, name, value)
        found = getattr(driver, name)
        assert found == (pytest.approx(value) if isinstance(value, float) else value)


def test_stock_pymeasure_driver_reads(driver, bench, clock):
    settled(bench, clock, 3e-3 + 4e-3j)
    assert (driver.x, driver.y, driver.magnitude) == pytest.approx((3e-3, 4e-3, 5e-3))
    assert driver.theta == pytest.approx(53.13, abs=0.01)
    assert driver.snap("X", "Y", "R") == pytest.approx([3e-3, 4e-3, 5e-3])
    assert driver.snap_all() == pytest.approx([3e-3, 4e-3, 5e-3, 53.130102])
    assert driver.detectedfrequency == 1e5
    assert driver.extfreqency == 0.0
    assert driver.get_noise_bandwidth == pytest.approx(1 / 8 / driver.time_constant)
    assert driver.get_signal_strength_indicator == 0
    assert driver.gettimebase == 1
    assert driver.aux_in_1 == 0.0
