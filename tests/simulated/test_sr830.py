"""The simulated SR830 over the wire, on a bench whose input the test sets."""

import math
import struct
import time

import numpy as np
import pytest
import pyvisa

GPIB, SERIAL = "GPIB0::8::INSTR", "ASRL1::INSTR"

BENCH_CODE = '''
class Bench:
    """One voltage that the test sets; it may be a function of time."""

    def __init__(self, lab, streams, noise):
        self.signal, self.density, self.aux, self.reference_Hz, self.told = 0j, 0.0, 0.0, 1234.5, []
        self.density = float(lab.get("density", 0.0))
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

    def aux_in(self, name, t_s, channel):
        return channel * self.aux + 0.1 * (t_s % 10)

    def lockin_reference(self, name, t_s):
        return self.reference_Hz

    def sine_out(self, name, t_s, frequency_Hz, amplitude_V_rms):
        self.told.append((name, frequency_Hz, amplitude_V_rms))

    def aux_out(self, name, t_s, channel, volts):
        self.told.append((name, channel, volts))
'''

BENCH = """
spec: "1.1"
devices:
  lockin: {{class: "sr830:SR830", role: lockin, options: {{input: hall, input_noise_V_per_rtHz: "0"{options}}}}}
resources:
  GPIB0::8::INSTR: {{device: lockin}}
  ASRL1::INSTR: {{device: lockin}}
lab: {{bench: "voltage.py:Bench"{lab}}}
"""


@pytest.fixture
def open_bench(tmp_path):
    managers = []

    def open_one(options="", lab="", query="clock=virtual"):
        (tmp_path / "voltage.py").write_text(BENCH_CODE, encoding="utf-8")
        path = tmp_path / "bench.yaml"
        path.write_text(BENCH.format(options=options, lab=lab), encoding="utf-8")
        managers.append(pyvisa.ResourceManager(f"{path}?{query}@sotlab"))
        return managers[-1]

    yield open_one
    for manager in managers:
        manager.close()


@pytest.fixture
def manager(open_bench):
    manager = open_bench()
    yield manager
    device = manager.visalib.lab.devices[GPIB]
    assert list(device.errors) == []  # an unnoticed error is a command that the model did not understand


@pytest.fixture
def bench(manager):
    return manager.visalib.lab.bench


@pytest.fixture
def clock(manager):
    return manager.visalib.clock


def opened(manager):
    return manager.open_resource(GPIB, read_termination="\n", write_termination="\n", timeout=20000)


@pytest.fixture
def lockin(manager):
    return opened(manager)


def settled(lockin, bench, clock, signal, seconds=10.0):
    bench.change(clock.now(), signal)
    clock.sleep(seconds)


def read_raw(lockin, sent, count):
    lockin.write(sent)
    return lockin.read_bytes(count)


# grammar


def test_identity_says_simulated(lockin):
    maker, model, serial, _ = lockin.query("*IDN?").split(",")
    assert (maker, model) == ("Stanford_Research_Systems", "SR830")
    assert serial.startswith("SIM")


@pytest.mark.parametrize("sent", ["SENS17", "SENS 17", "sens17.000000", "SENS 1.7E1", "SENS17;", " SENS  17"])
def test_number_may_follow_the_mnemonic_with_or_without_a_space(lockin, sent):
    lockin.write(sent)
    assert lockin.query("SENS?") == "17"


@pytest.mark.parametrize("sent", ["OUTP?1", "OUTP ? 1", "outp? 1", "OUTP? 1;"])
def test_query_may_be_spaced_freely(lockin, bench, clock, sent):
    settled(lockin, bench, clock, 0.25)
    assert float(lockin.query(sent)) == pytest.approx(0.25, rel=1e-4)


def test_queries_of_one_line_are_answered_one_by_one(lockin):
    lockin.write("SENS?;OFLT?;PHAS?")
    assert [lockin.read(), lockin.read(), lockin.read()] == ["26", "8", "0.00"]


def test_replies_end_with_a_carriage_return_on_the_serial_line(manager):
    serial = manager.open_resource(SERIAL, read_termination="\r", write_termination="\r")
    serial.write("SENS?")
    assert serial.read_bytes(3) == b"26\r"


@pytest.mark.parametrize(
    ("sent", "bit"),
    [
        ("SENS27", 16), ("OFLT20", 16), ("HARM0", 16), ("HARM200", 16), ("SLVL5.1", 16), ("AUXV1,10.6", 16),
        ("OEXP1,106,0", 16), ("DDEF3,0,0", 16), ("SRAT15", 16), ("FREQ102001", 16), ("PHAS-361", 16), ("OFLT14", 16),
        ("SENS1e999", 16), ("FREQ1e999", 16),
        ("RSET4", 16), ("NOPE", 32), ("SENS", 32), ("SENS1,2", 32), ("SENS abc", 32), ("FREQ MAX", 32),
        ("SENS? 1", 32), ("*OPC?", 32), ("SNAP?1", 32), ("17", 32),
    ],
)  # fmt: skip
def test_what_the_model_does_not_do_is_an_error(lockin, manager, sent, bit):
    before = [lockin.query(ask) for ask in ("SENS?", "OFLT?", "HARM?", "FREQ?", "SRAT?")]
    lockin.query("*ESR?")
    lockin.write(sent)
    assert int(lockin.query("*ESR?")) == bit
    assert [lockin.query(ask) for ask in ("SENS?", "OFLT?", "HARM?", "FREQ?", "SRAT?")] == before
    lockin.write("*CLS")


def test_random_bytes_neither_crash_nor_change_the_grammar(lockin, manager):
    rng = np.random.default_rng(0)
    words = [
        "SENS",
        "OUTP?",
        "TRCB?",
        "1",
        ",",
        ";",
        "SNAP?",
        "OEXP",
        "-",
        "1e9",
        "#15",
        "\x00",
        "STRT",
        "\xff",
        "FREQ",
    ]
    for _ in range(300):
        lockin.write_raw("".join(rng.choice(words, rng.integers(1, 8))).encode("latin-1"))
    lockin.clear()
    lockin.write("*RST;*CLS")
    assert lockin.query("SENS?") == "26"


def test_unread_replies_wait_in_line_until_the_queue_overflows(lockin):
    lockin.write("SENS?")
    lockin.write("OFLT?")
    assert (lockin.read(), lockin.read()) == ("26", "8")
    lockin.query("*ESR?")
    for _ in range(65):
        lockin.write("SENS?")
    assert lockin.query("*ESR?2") == "1"
    lockin.write("*CLS")


# status


def test_event_byte_is_cleared_whole_and_bit_by_bit(lockin):
    assert lockin.query("*ESR?7") == "1"  # power on
    lockin.write("NOPE")
    lockin.write("SENS99")
    assert lockin.query("*ESR?5") == "1"
    assert lockin.query("*ESR?5") == "0"
    assert lockin.query("*ESR?") == "16"
    assert lockin.query("*ESR?") == "0"
    lockin.write("*CLS")


def test_enable_registers_take_bytes_and_bits(lockin):
    for header, most in (("*ESE", 255), ("*SRE", 255), ("LIAE", 255), ("ERRE", 255)):
        lockin.write(f"{header} {most};{header} 3,0")
        assert lockin.query(f"{header}?") == str(most - 8)
        assert (lockin.query(f"{header}? 3"), lockin.query(f"{header}?2")) == ("0", "1")
    assert lockin.query("ERRS?") == "0"
    lockin.write("*PSC0")
    assert lockin.query("*PSC?") == "0"


def test_output_overload_is_latched_summed_up_and_requests_service(lockin, bench, clock):
    lockin.write("SENS20;LIAE 2,1;*SRE 8;*CLS")  # 10 mV
    settled(lockin, bench, clock, 10.8e-3)
    assert lockin.query("LIAS?2") == "0"
    settled(lockin, bench, clock, 11.2e-3)
    assert int(lockin.query("*STB?")) & 8
    assert lockin.read_stb() & 8
    assert float(lockin.query("OUTP?1")) == pytest.approx(10.9e-3)  # clipped
    lockin.write("SENS21")
    assert lockin.query("LIAS?") == "4"
    assert lockin.query("LIAS?") == "0"
    assert float(lockin.query("OUTP?1")) == pytest.approx(11.2e-3, abs=1e-6)


def test_input_overload_clips_what_comes_in(lockin, bench, clock):
    lockin.write("SENS17;*CLS")  # 1 mV, low noise
    settled(lockin, bench, clock, 0.5)
    assert int(lockin.query("LIAS?")) & 1
    lockin.write("ARSV")
    assert lockin.query("RMOD?") == "0"
    clock.sleep(5.0)
    lockin.write("*CLS")
    clock.sleep(1.0)
    assert not int(lockin.query("LIAS?")) & 1


def test_missing_external_reference_is_an_unlock(lockin, bench, clock):
    lockin.write("FMOD0;*CLS")
    assert float(lockin.query("FREQ?")) == 1000.0
    assert lockin.query("SNAP?1,9").split(",")[1] == "1234.50"
    assert lockin.query("LIAS?3") == "0"
    bench.reference_Hz = None
    clock.sleep(1.0)
    assert lockin.query("LIAS?3") == "1"


def test_crossing_200_Hz_upwards_shortens_a_long_time_constant(lockin):
    lockin.write("FREQ100;OFLT16;SYNC1;*CLS")
    assert lockin.query("OFLT?") == "16"
    lockin.write("FREQ1000")
    assert (lockin.query("OFLT?"), lockin.query("SYNC?")) == ("13", "0")
    assert lockin.query("LIAS?") == str(16 + 32)


# the detector


@pytest.mark.parametrize("slope", [0, 1, 2, 3])
def test_step_comes_through_the_filter_whenever_it_is_read(lockin, bench, clock, slope):
    lockin.write(f"OFLT10;OFSL{slope};SENS26")  # 1 s, 1 V
    settled(lockin, bench, clock, 0.0, 100.0)
    start_s = clock.now()
    bench.change(start_s, 0.8)
    for wait_s in (0.01, 0.3, 2.0, 0.001, 4.0):
        clock.sleep(wait_s)
        lockin.write("OUTP?1")
        theta = clock.now() - start_s
        expected = 0.8 * (1 - math.exp(-theta) * sum(theta**k / math.factorial(k) for k in range(slope + 1)))
        assert float(lockin.read()) == pytest.approx(expected, abs=0.6 / 30000)


def test_phase_turns_the_reading_and_auto_phase_turns_it_back(lockin, bench, clock):
    settled(lockin, bench, clock, 0.3 + 0.4j)
    x, y, r, theta = (float(lockin.query(f"OUTP?{i}")) for i in (1, 2, 3, 4))
    assert (x, y, r) == pytest.approx((0.3, 0.4, 0.5), abs=1e-4)
    assert theta == pytest.approx(53.13, abs=0.01)
    lockin.write("APHS")
    start_s = clock.now()
    assert float(lockin.query("PHAS?")) == pytest.approx(53.13, abs=0.01)
    assert clock.now() - start_s > 0.4  # an auto function takes its time
    clock.sleep(5.0)
    assert float(lockin.query("OUTP?2")) == pytest.approx(0.0, abs=2e-4)
    lockin.write("PHAS 541")
    assert lockin.query("PHAS?") == "-179.00"


def test_auto_gain_finds_the_full_scale_that_fits(lockin, bench, clock):
    settled(lockin, bench, clock, 3.3e-4j)
    lockin.write("AGAN")
    assert lockin.query("SENS?") == "16"  # 500 uV
    assert lockin.read_stb() & 2


def test_status_byte_says_that_an_auto_function_is_busy(lockin, bench, clock):
    lockin.write("ARSV")
    assert not lockin.read_stb() & 2
    clock.sleep(2.0)
    assert lockin.read_stb() & 2


def test_offset_is_taken_off_before_expand(lockin, bench, clock):
    settled(lockin, bench, clock, 0.6)
    lockin.write("AOFF1")
    assert lockin.query("OEXP?1") == "60.00,0"
    assert float(lockin.query("OUTP?1")) == pytest.approx(0.0, abs=1e-4)
    settled(lockin, bench, clock, 0.605)
    lockin.write("OEXP1,60,2")
    assert float(lockin.query("OUTP?1")) == pytest.approx(5e-3, abs=1e-6)
    settled(lockin, bench, clock, 0.7)
    assert float(lockin.query("OUTP?1")) == pytest.approx(10.9e-3)
    assert float(lockin.query("OUTP?3")) == pytest.approx(0.7, abs=1e-4)


def test_readings_come_in_steps_of_the_full_scale(lockin, bench, clock):
    settled(lockin, bench, clock, 0.123456789)
    assert float(lockin.query("OUTP?1")) * 30000 == pytest.approx(round(0.123456789 * 30000), abs=0.05)


def test_harmonic_chooses_what_is_detected(lockin, bench, clock):
    lockin.write("HARM2")
    settled(lockin, bench, clock, 0.5)
    assert float(lockin.query("OUTP?1")) == pytest.approx(0.25, abs=1e-4)


def test_current_input_has_a_millionth_of_the_full_scale(lockin, bench, clock):
    lockin.write("ISRC2;SENS26")
    settled(lockin, bench, clock, 0.4e-6)
    assert float(lockin.query("OUTP?1")) == pytest.approx(0.4e-6, rel=1e-3)


def test_moving_input_is_followed_with_the_lag_of_the_filter(lockin, bench, clock):
    lockin.write("OFLT8;OFSL1")
    settled(lockin, bench, clock, lambda t: 0.01 * t, 20.0)
    lockin.write("OUTP?1")
    expected = 0.01 * (clock.now() - 2 * 0.1)
    assert float(lockin.read()) == pytest.approx(expected, abs=5e-5)


def test_snap_is_of_one_instant_and_in_the_order_asked(lockin, bench, clock):
    bench.aux = 1.0
    settled(lockin, bench, clock, lambda t: 0.1 * math.sin(t) + 0.1j * math.cos(t))
    x, y, r, theta, frequency, ch1 = map(float, lockin.query("SNAP?1,2,3,4,9,10").split(","))
    assert math.hypot(x, y) == pytest.approx(r, abs=1e-4)
    assert math.degrees(math.atan2(y, x)) == pytest.approx(theta, abs=0.1)
    assert (frequency, ch1) == (1000.0, x)
    assert 2.0 <= float(lockin.query("OAUX?2")) < 3.1


def test_bench_is_told_what_is_put_out(lockin, bench):
    lockin.write("SLVL 0.5;FREQ 85;AUXV 2,-1.5")
    assert bench.told[-3:] == [("hall", 1000.0, 0.5), ("hall", 85.0, 0.5), ("hall", 2, -1.5)]
    lockin.write("*RST")
    assert ("hall", 1000.0, 1.0) in bench.told[-10:]
    assert lockin.query("AUXV?2") == "0.000"


def test_noise_of_settled_readings_has_the_density_asked_for(open_bench):
    manager = open_bench(lab=", density: 1.0e-6")
    lockin = opened(manager)
    lockin.write("OFLT6;OFSL3;SENS12;SRAT5")  # 10 ms, 24 dB/oct: samples every 0.5 s are independent
    lockin.write("DDEF2,0,0;SEND0;REST;STRT")
    manager.visalib.clock.sleep(8200.0)
    assert lockin.query("SPTS?") == "16383"
    readings = np.frombuffer(read_raw(lockin, "TRCB?1,0,16383", 65532), "<f4")
    other = np.frombuffer(read_raw(lockin, "TRCB?2,0,16383", 65532), "<f4")
    both = np.concatenate([readings, other])[10:]
    expected_V = 1e-6 * math.sqrt(5 / 64 / 0.01)
    # 32,756 samples: 0.4 % on the rms
    assert both.std() == pytest.approx(expected_V, rel=0.025)
    lockin.write("DDEF1,2,0")
    assert float(lockin.query("OUTR?1")) == pytest.approx(1e-6, rel=1e-3)


def test_noise_off_is_silent(open_bench):
    manager = open_bench(lab=", density: 1.0e-6", query="clock=virtual&noise=off")
    lockin = opened(manager)
    assert {lockin.query("OUTP?1") for _ in range(5)} == {"0"}


def test_same_seed_gives_the_same_readings_whatever_is_read_elsewhere(open_bench):
    def readings(seed):
        manager = open_bench(lab=", density: 1.0e-6", query=f"clock=virtual&seed={seed}")
        lockin = opened(manager)
        lockin.write("SENS8")
        found = [lockin.query("OUTP?1") for _ in range(5)]
        manager.close()
        return found

    assert readings(0) == readings(0)
    assert readings(0) != readings(1)


# the buffer


def test_buffer_holds_the_filtered_values_at_each_sample_time(lockin, bench, clock):
    lockin.write("OFLT8;OFSL1;SENS26;SRAT9;SEND0;DDEF1,0,0;DDEF2,3,0")  # 0.1 s, 32 Hz, aux in 3
    settled(lockin, bench, clock, 0.0, 10.0)
    lockin.write("REST;STRT")
    start_s = clock.now()
    clock.sleep(0.51)
    step_s = clock.now()
    bench.change(step_s, 0.8)
    clock.sleep(1.0)
    lockin.write("PAUS")
    count = int(lockin.query("SPTS?"))
    assert count == 1 + math.floor((clock.now() - start_s) * 32) or count in (48, 49)
    times_s = start_s + np.arange(count) / 32
    theta = np.maximum(times_s - step_s, 0.0) / 0.1
    values = np.frombuffer(read_raw(lockin, f"TRCB?1,0,{count}", 4 * count), "<f4")
    np.testing.assert_allclose(values, 0.8 * (1 - np.exp(-theta) * (1 + theta)), atol=0.6 / 30000 + 1e-7)
    aux = np.frombuffer(read_raw(lockin, f"TRCB?2,0,{count}", 4 * count), "<f4")
    np.testing.assert_allclose(aux, 0.1 * (times_s % 10), atol=1 / 3000)


def test_three_ways_of_reading_the_buffer_agree(lockin, bench, clock):
    lockin.write("SRAT13;SEND0;SENS20")
    bench.change(clock.now(), lambda t: 5e-3 * math.sin(30 * t))
    lockin.write("OFLT4;REST;STRT")
    clock.sleep(0.5)
    lockin.write("PAUS")
    floats = np.frombuffer(read_raw(lockin, "TRCB?1,3,200", 800), "<f4")
    text = lockin.query("TRCA?1,3,200")
    assert text.endswith(",")
    assert len(text.split(",")[0].split("e")[1]) == 4  # three digits of the exponent
    np.testing.assert_allclose([float(part) for part in text[:-1].split(",")], floats, rtol=1e-6)
    pairs = np.frombuffer(read_raw(lockin, "TRCL?1,3,200", 800), "<i2").reshape(-1, 2).astype(float)
    np.testing.assert_allclose(pairs[:, 0] * 2.0 ** (pairs[:, 1] - 124), floats, rtol=1e-4)
    assert np.ptp(floats) > 5e-3


def test_binary_reply_ends_with_its_last_byte(lockin, clock):
    lockin.write("SRAT13;SEND0;REST;STRT")
    clock.sleep(0.1)
    lockin.write("PAUS")
    lockin.read_termination = None
    lockin.write("TRCB?1,0,10")
    assert len(lockin.read_raw()) == 40


def test_asking_beyond_the_stored_points_is_an_error(lockin, clock):
    lockin.write("SRAT13;SEND0;REST;STRT")
    clock.sleep(0.1)
    lockin.write("PAUS")
    count = int(lockin.query("SPTS?"))
    lockin.query("*ESR?")
    lockin.write(f"TRCB?1,1,{count}")
    assert lockin.query("*ESR?") == "16"
    lockin.write("*CLS")


def test_one_shot_stops_when_full_and_the_loop_keeps_the_youngest(lockin, bench, clock):
    bench.change(clock.now(), lambda t: 1e-5 * t)
    lockin.write("SRAT13;SEND0;REST;STRT")
    clock.sleep(60.0)
    assert lockin.query("SPTS?") == "16383"
    assert int(lockin.query("*STB?0")) == 1
    first = struct.unpack("<f", read_raw(lockin, "TRCB?1,16382,1", 4))[0]
    lockin.write("SEND1;REST;STRT")
    clock.sleep(36000.0)
    lockin.write("PAUS")
    assert lockin.query("SPTS?") == "16383"
    last = struct.unpack("<f", read_raw(lockin, "TRCB?1,16382,1", 4))[0]
    assert last == pytest.approx(1e-5 * (clock.now() - 0.2), abs=1e-4)
    assert last > first


def test_triggers_store_one_sample_each_or_start_the_scan(lockin, clock):
    lockin.write("SRAT14;SEND0;REST;STRT;*CLS")
    for _ in range(5):
        lockin.write("TRIG")
        clock.sleep(0.01)
    assert lockin.query("SPTS?") == "5"
    assert lockin.query("LIAS?6") == "1"
    lockin.assert_trigger()
    clock.sleep(0.01)
    assert lockin.query("SPTS?") == "6"
    lockin.write("REST;SRAT4;TSTR1")
    clock.sleep(5.0)
    assert lockin.query("SPTS?") == "0"
    lockin.write("TRIG")
    clock.sleep(5.0)
    assert int(lockin.query("SPTS?")) in (5, 6)


def test_buffered_and_single_readings_are_one_noise(open_bench):
    manager = open_bench(lab=", density: 1.0e-6")
    lockin, clock = opened(manager), manager.visalib.clock
    lockin.write("OFLT10;OFSL3;SENS8;SRAT9;SEND0")  # 1 s: neighbours at 32 Hz are nearly equal
    clock.sleep(50.0)
    single = []
    for _ in range(200):
        lockin.write("REST;STRT")
        clock.sleep(0.05)
        value = float(lockin.query("OUTP?1"))
        stored = struct.unpack("<f", read_raw(lockin, "TRCB?1,0,1", 4))[0]
        single.append((value, stored))
    values, stored = np.array(single).T
    assert np.corrcoef(values, stored)[0, 1] > 0.99


# cost and stock drivers


def test_cost_of_a_read_does_not_grow_with_the_time_passed(open_bench):
    manager = open_bench(lab=", density: 1.0e-6")
    lockin, clock = opened(manager), manager.visalib.clock

    def cost_s(gap_s):
        start = time.perf_counter()
        for _ in range(50):
            clock.sleep(gap_s)
            lockin.query("OUTP?1")
        return (time.perf_counter() - start) / 50

    cost_s(0.1)
    assert min(cost_s(36000.0) for _ in range(3)) < 3 * min(cost_s(0.1) for _ in range(3)) + 100e-6


@pytest.fixture
def driver(manager):
    from pymeasure.instruments.srs import SR830

    return SR830(GPIB, visa_library=str(manager.visalib.library_path) + "@sotlab", read_termination="\n", timeout=20000)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sine_voltage", (0.004, 5.0, 1.0)),
        ("frequency", (0.001, 102000, 85.0)),
        ("phase", (-180.0, 90.0, 12.34)),
        ("sensitivity", (2e-9, 1.0, 1e-3)),
        ("time_constant", (10e-6, 30.0, 0.3)),
        ("filter_slope", (6, 12, 18, 24)),
        ("filter_synchronous", (True, False)),
        ("harmonic", (1, 2, 102)),
        ("input_config", ("A", "A - B", "I (1 MOhm)", "I (100 MOhm)")),
        ("input_grounding", ("Float", "Ground")),
        ("input_coupling", ("DC", "AC")),
        ("input_notch_config", ("None", "Line", "2 x Line", "Both")),
        ("reference_source", ("External", "Internal")),
        ("reference_source_trigger", ("SINE", "POS EDGE", "NEG EDGE")),
        ("reserve", ("High Reserve", "Normal", "Low Noise")),
        ("sample_frequency", (62.5e-3, 512, None)),
        ("aux_out_1", (-10.5, 10.5, 0.123)),
        ("aux_out_4", (-10.5, 10.5, 0.0)),
    ],
)
def test_stock_pymeasure_driver_sets_and_reads_back(driver, name, values):
    for value in values:
        setattr(driver, name, value)
        found = getattr(driver, name)
        assert found == (pytest.approx(value) if isinstance(value, float) else value)


def test_stock_pymeasure_driver_sets_long_time_constants_below_200_Hz(driver):
    driver.frequency = 17.0
    driver.time_constant = 30e3
    assert driver.time_constant == 30e3


def test_stock_pymeasure_driver_reads_and_ranges(driver, bench, clock):
    bench.change(clock.now(), 3e-3 + 4e-3j)
    clock.sleep(5.0)
    driver.sensitivity = 0.01
    assert (driver.x, driver.y) == pytest.approx((3e-3, 4e-3), abs=1e-6)
    assert driver.xy == pytest.approx([3e-3, 4e-3], abs=1e-6)
    assert driver.snap("X", "Y", "R", "Theta", "Aux In 1", "Frequency")[-1] == 1000.0
    assert driver.magnitude == pytest.approx(5e-3, abs=1e-6)
    assert driver.theta == pytest.approx(53.13, abs=0.01)
    driver.sensitivity = 1e-4
    driver.quick_range()
    assert driver.sensitivity == 0.01
    driver.auto_phase()
    driver.auto_gain()
    driver.auto_reserve()
    driver.auto_offset("X")
    driver.set_scaling("Y", 50.0)  # with an expand of 10 or 100 the driver sends these for 1 or 2 (manual 5-8)
    assert driver.get_scaling("Y") == (50.0, 10)
    assert driver.err_status == 0
    assert isinstance(driver.id, list | str)
    assert driver.aux_in_1 >= 0.0
    driver.channel1 = "R"
    driver.save_setup(3)
    driver.reset()
    driver.load_setup(3)
    assert driver.get_scaling("Y") == (50.0, 10)
    assert int(driver.lia_status) == 4  # half of full scale away, at an expand of 10: beyond the output
    driver.set_scaling("Y", 0.0)
    driver.clear()
    assert int(driver.lia_status) == 0


def test_stock_pymeasure_driver_fills_and_gets_the_buffer(driver, bench, clock):
    bench.change(clock.now(), 0.2 + 0.1j)
    clock.sleep(5.0)
    driver.sample_frequency = 64
    driver.reset_buffer()
    driver.start_buffer()
    driver.wait_for_buffer(20)
    assert driver.buffer_count >= 20
    np.testing.assert_allclose(driver.get_buffer(1, 0, 20), 0.2, atol=1e-4)
    np.testing.assert_allclose(driver.get_buffer(2, 0, 20), 0.1, atol=1e-4)


def test_every_command_says_where_it_comes_from(manager):
    table = manager.visalib.lab.devices[GPIB].command_table()
    assert len(table) > 80
    assert all(source for _, source in table)
