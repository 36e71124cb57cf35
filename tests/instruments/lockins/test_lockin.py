"""The role ``lockin``: the same tests for both models, which replace each other in the station file."""

import threading

import numpy as np
import pytest
from scipy.special import gammaincc

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, StationError
from sotlab.instruments.roles import Lockin
from sotlab.instruments.srs_lockin import SETTLING_TAU, step_in

ROLE = """
[roles.lockin]
driver = "{model}"
resource = "GPIB0::8::INSTR"
retries = {retries}
[roles.lockin.options]
{options}
"""


@pytest.fixture(params=["SR830", "SR865A"])
def model(request):
    return request.param


@pytest.fixture
def open_lockin(open_station, model):
    def open_one(options="", retries=1, density=0.0):
        station = open_station(ROLE.format(model=model, options=options, retries=retries), model, density)
        return station, station["lockin"]

    return open_one


def test_it_fills_the_role(open_lockin):
    _, lockin = open_lockin()
    assert isinstance(lockin, Lockin)


@pytest.mark.parametrize("slope_dB", [6, 12, 18, 24])
def test_settling_leaves_a_thousandth_of_a_step(slope_dB):
    left = gammaincc(slope_dB // 6, SETTLING_TAU[slope_dB])
    assert 0.999e-3 < left <= 1e-3


@pytest.mark.parametrize(("slope_dB", "tau_s"), [(6, 0.1), (12, 0.03), (24, 0.3)])
def test_a_step_has_settled_after_the_reported_time_and_not_much_before(open_lockin, bench_of, slope_dB, tau_s):
    station, lockin = open_lockin(f"slope_dB = {slope_dB}\ntime_constant_s = {tau_s}")
    lockin.read_phasor()
    for part, error in ((1.0, 1.1e-3), (0.8, 20e-3)):
        bench_of(station).change(station.clock.now(), 0j)
        station.clock.sleep(20 * lockin.settling_s)
        bench_of(station).change(station.clock.now(), 0.5 + 0.25j)
        station.clock.sleep(part * lockin.settling_s)
        off = abs(lockin.read_phasor() - (0.5 + 0.25j)) / abs(0.5 + 0.25j)
        assert off < error
    assert off > 1.1e-3  # the fifth that was left out matters


def test_every_option_reaches_the_instrument(open_lockin, device_of, model):
    own = {
        "SR830": 'reserve = "high"\nline_filter = "both"',
        "SR865A": 'input_range_V = 0.1\nreference_input = "50 ohm"',
    }[model]
    station, lockin = open_lockin(f"""
time_constant_s = 0.3
slope_dB = 18
sensitivity_V = 0.005
input = "A-B"
coupling = "DC"
grounding = "float"
reference = "internal"
frequency_Hz = 37.0
harmonic = 2
phase_deg = -12.5
synchronous = true
{own}""")
    device = device_of(station)
    assert (device.time_constant_s(), device.poles(), device.full_scale_V()) == (0.3, 3, 0.005)
    assert (device.coupling, device.ground, device.harmonic, device.phase) == (1, 0, 2, -12.5)
    assert (device.frequency, device.reference_Hz(), device.synchronous) == (37.0, 37.0, 1)
    if model == "SR830":
        assert (device.source, device.reference, device.reserve, device.line_filter) == (1, 1, 0, 3)
    else:
        assert (device.voltage_mode, device.reference, device.input_range, device.reference_impedance) == (1, 0, 2, 0)
        assert device.advanced == 0
    assert lockin.reference_Hz() == pytest.approx(37.0)
    assert lockin.settling_s == pytest.approx(11.229 * 0.3 + 1 / 74)


def test_the_synchronous_filter_adds_a_period_where_it_acts(open_lockin, device_of):
    station, lockin = open_lockin(
        'reference = "internal"\nfrequency_Hz = 90.0\nsynchronous = true\ntime_constant_s = 0.01'
    )
    assert lockin.settling_s == pytest.approx(13.063 * 0.01 + 1 / 90)
    lockin.set_harmonic(3)  # 270 Hz
    assert lockin.settling_s == pytest.approx(13.063 * 0.01)
    lockin.set_harmonic(2)
    assert device_of(station).synchronous == 1
    assert lockin.settling_s == pytest.approx(13.063 * 0.01 + 1 / 180)


def test_a_current_is_measured_in_ampere(open_lockin, bench_of, device_of):
    station, lockin = open_lockin('input = "current_1M"\nsensitivity_A = 5e-9')
    assert device_of(station).full_scale_V() == pytest.approx(5e-9)
    bench_of(station).change(station.clock.now(), 2e-9)
    station.clock.sleep(10.0)
    assert lockin.read_phasor() == pytest.approx(2e-9, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("time_constant_s = 0.2", "time_constant_s has steps, 0.2 is none; nearest: 0.1 and 0.3"),
        ("time_constant_s = 1e9", "from .* to 30000"),
        ("sensitivity_V = 0.3", "nearest: 0.2 and 0.5"),
        ("slope_dB = 10", "slope_dB"),
        ("harmonic = 0", "harmonic"),
        ("harmonic = 20000", "harmonic"),
        ('input = "B"', "input"),
        ("phase_deg = 361", "phase_deg"),
        ("range_V = 1", "range_V"),
    ],
)
def test_wrong_options_are_named_before_anything_is_sent(open_lockin, options, named):
    with pytest.raises(StationError, match=named):
        open_lockin(options)


def test_a_step_is_found_whatever_its_last_digit():
    assert step_in([1e-9, 1e-3, 1.0], 0.1 * 0.01, "x") == 1e-3
    with pytest.raises(ValueError, match="x has steps, -1 is none"):
        step_in([1e-9, 1.0], -1, "x")


def test_a_reading_right_after_a_change_of_harmonic_waits(open_lockin, bench_of):
    station, lockin = open_lockin("time_constant_s = 0.3\nslope_dB = 24\nsensitivity_V = 0.5")
    bench_of(station).change(station.clock.now(), 0.4)
    assert lockin.read_phasor() == pytest.approx(0.4, rel=1.1e-3)
    started = station.clock.now()
    lockin.set_harmonic(2)
    assert lockin.read_phasor() == pytest.approx(0.2, rel=1.1e-3)
    assert station.clock.now() - started >= lockin.settling_s
    started = station.clock.now()
    lockin.set_harmonic(2)  # nothing changes, so nothing waits
    lockin.read_phasor()
    assert station.clock.now() - started < 0.1


def test_a_phase_turns_the_phasor(open_lockin, bench_of):
    station, lockin = open_lockin()
    bench_of(station).change(station.clock.now(), 0.5)
    lockin.set_phase(90.0)
    assert lockin.read_phasor() == pytest.approx(-0.5j, abs=1e-3)


@pytest.mark.parametrize("harmonic", [0, -1, 20000])
def test_a_harmonic_out_of_range_is_refused_below_and_above(open_lockin, harmonic):
    _, lockin = open_lockin()
    with pytest.raises(LimitError, match=rf"lockin at GPIB0::8::INSTR: harmonic {harmonic} asked, allowed 1 to"):
        lockin.set_harmonic(harmonic)


@pytest.mark.parametrize("phase_deg", [-361.0, 361.0])
def test_a_phase_out_of_range_is_refused_below_and_above(open_lockin, phase_deg):
    _, lockin = open_lockin()
    with pytest.raises(LimitError, match="allowed -360 to 360"):
        lockin.set_phase(phase_deg)


def test_a_harmonic_beyond_the_instruments_frequency_is_an_error_of_the_instrument(open_lockin, bench_of, device_of):
    station, lockin = open_lockin()
    bench_of(station).reference_Hz = 90e3 if "SR830" in type(device_of(station)).__name__ else 3e6
    with pytest.raises(InstrumentError, match=r"lockin at GPIB0::8::INSTR: the instrument reports execution error"):
        lockin.set_harmonic(2)
    device_of(station).errors.clear()


def test_an_overload_since_the_last_reading_is_an_error_even_if_it_is_over(open_lockin, bench_of):
    station, lockin = open_lockin("sensitivity_V = 0.1\ntime_constant_s = 0.01")
    lockin.read_phasor()
    bench_of(station).change(station.clock.now(), 0.3)
    station.clock.sleep(1.0)
    bench_of(station).change(station.clock.now(), 0.05)
    station.clock.sleep(1.0)
    with pytest.raises(
        InstrumentError,
        match=r"lockin at GPIB0::8::INSTR: since the last reading the output.*full scale is 0\.1.*roles\.lockin",
    ):
        lockin.read_phasor()
    assert lockin.read_phasor() == pytest.approx(0.05, rel=1e-3)


def test_an_overload_while_a_change_settles_does_not_count(open_lockin, bench_of):
    station, lockin = open_lockin("sensitivity_V = 0.2\ntime_constant_s = 0.1")
    lockin.read_phasor()
    lockin.set_harmonic(3)
    bench_of(station).change(station.clock.now(), 1.0)
    station.clock.sleep(0.3)
    bench_of(station).change(station.clock.now(), 0.3)
    assert lockin.read_phasor() == pytest.approx(0.1, rel=0.1)  # 10 time constants after the overload's end


def test_an_overloaded_input_is_named(open_lockin, bench_of):
    station, lockin = open_lockin()
    bench_of(station).change(station.clock.now(), 1e3)
    station.clock.sleep(1.0)
    with pytest.raises(InstrumentError, match="the input has overloaded"):
        lockin.read_phasor()


def test_a_lost_reference_is_an_error(open_lockin, bench_of):
    station, lockin = open_lockin()
    lockin.read_phasor()
    bench_of(station).reference_Hz = None
    station.clock.sleep(1.0)
    with pytest.raises(InstrumentError, match=r"lockin at GPIB0::8::INSTR: .*the reference was not locked"):
        lockin.read_phasor()


def test_the_external_reference_is_measured(open_lockin, bench_of):
    station, lockin = open_lockin()
    assert lockin.reference_Hz() == pytest.approx(1234.5)
    bench_of(station).reference_Hz = 777.0
    assert lockin.reference_Hz() == pytest.approx(777.0)


def test_auto_sensitivity_finds_the_smallest_full_scale_with_room(open_lockin, bench_of, device_of):
    station, lockin = open_lockin("sensitivity_V = 1.0\ntime_constant_s = 0.01")
    for signal, expected in ((3e-6, 5e-6), (0.045, 0.1), (0.7, 1.0)):  # down, up by overloads, up again
        bench_of(station).change(station.clock.now(), signal)
        station.clock.sleep(1.0)
        assert lockin.auto_sensitivity() == pytest.approx(expected)
        assert device_of(station).full_scale_V() == pytest.approx(expected)
        assert lockin.read_phasor() == pytest.approx(signal, rel=1e-3)


def test_auto_sensitivity_gives_up_with_what_overloads(open_lockin, bench_of):
    station, lockin = open_lockin("sensitivity_V = 0.01\ntime_constant_s = 0.01")
    bench_of(station).change(station.clock.now(), 1e3)
    station.clock.sleep(1.0)
    with pytest.raises(InstrumentError, match="the input has overloaded"):
        lockin.auto_sensitivity()


def test_a_sensitivity_that_is_none_of_the_steps_is_refused(open_lockin):
    _, lockin = open_lockin()
    with pytest.raises(LimitError, match=r"nearest: 0\.2 and 0\.5"):
        lockin.set_sensitivity(0.3)


# recording


def test_a_recording_is_equidistant_and_exact(open_lockin, bench_of):
    station, lockin = open_lockin("time_constant_s = 1e-3\nslope_dB = 6\nsensitivity_V = 1.0")
    bench_of(station).change(station.clock.now(), lambda t_s: 0.1 * (t_s % 100) + 0.02j)
    station.clock.sleep(1.0)
    rate_Hz = lockin.start_recording(100.0, 300)
    assert rate_Hz >= 100.0
    rows = lockin.read_recording()
    assert rows.shape == (300, 2)
    # A straight slope comes through one pole with its slope: 0.1 V/s, in steps of 1/30000 of full scale.
    assert np.diff(rows[:, 0]) == pytest.approx(0.1 / rate_Hz, abs=1.1 / 30000)
    assert np.polyfit(np.arange(300) / rate_Hz, rows[:, 0], 1)[0] == pytest.approx(0.1, rel=1e-3)
    assert rows[:, 1] == pytest.approx(0.02, abs=1e-4)


def test_a_long_recording_comes_in_parts(open_lockin, bench_of):
    station, lockin = open_lockin("time_constant_s = 1e-3\nslope_dB = 6")
    bench_of(station).change(station.clock.now(), lambda t_s: 1e-3 * (t_s % 1000))
    lockin.start_recording(400.0, 12001)
    rows = lockin.read_recording()
    assert rows.shape == (12001, 2)
    assert np.all(np.diff(rows[:, 0]) >= 0)


def test_a_recording_of_one_sample(open_lockin):
    _, lockin = open_lockin()
    lockin.start_recording(10.0, 1)
    assert lockin.read_recording().shape == (1, 2)


def test_a_recording_can_be_stopped_and_keeps_what_there_is(open_lockin):
    station, lockin = open_lockin()
    lockin.start_recording(10.0, 1000)
    station.clock.sleep(5.0)
    rows = lockin.read_recording(should_stop=lambda: True)
    assert 40 <= len(rows) <= 110  # the instrument's next higher rate is 16 or 19 Hz


def test_an_overload_in_a_recording_is_an_error_and_the_samples_stay(open_lockin, bench_of):
    station, lockin = open_lockin("sensitivity_V = 0.1\ntime_constant_s = 0.01")
    bench_of(station).change(station.clock.now(), 0.3)
    lockin.start_recording(100.0, 50)
    with pytest.raises(InstrumentError, match="the output"):
        lockin.read_recording()
    bench_of(station).change(station.clock.now(), 0.0)
    station.clock.sleep(1.0)
    lockin._status()
    assert lockin.read_recording().shape == (50, 2)


def test_what_was_not_started_cannot_be_read(open_lockin):
    _, lockin = open_lockin()
    with pytest.raises(InstrumentError, match="nothing was recorded"):
        lockin.read_recording()


@pytest.mark.parametrize(("rate_Hz", "samples"), [(1e9, 100), (10.0, 0), (10.0, 10**7)])
def test_recordings_beyond_the_buffer_or_the_rate_are_refused(open_lockin, rate_Hz, samples):
    _, lockin = open_lockin()
    with pytest.raises(LimitError, match=r"lockin at GPIB0::8::INSTR: .*asked"):
        lockin.start_recording(rate_Hz, samples)


# what goes wrong on the wire


def test_a_silent_lockin_is_a_time_out_that_names_role_and_address(open_lockin):
    station, lockin = open_lockin()
    lockin.read_phasor()
    station.visa_library.lab.faults.add({"device": "lockin", "kind": "no_reply", "match": "SNAP"})
    with pytest.raises(InstrumentTimeoutError, match="lockin at GPIB0::8::INSTR: no answer within 3 s"):
        lockin.read_phasor()


def test_a_reading_whose_status_was_lost_is_taken_again(open_lockin, bench_of):
    station, lockin = open_lockin()
    lockin.read_phasor()
    bench_of(station).change(station.clock.now(), 0.5)
    station.clock.sleep(20.0)
    station.visa_library.lab.faults.add({"device": "lockin", "kind": "no_reply", "match": "LIAS", "count": 1})
    bench_of(station).change(station.clock.now(), 0.25)
    assert lockin.read_phasor() == pytest.approx(0.25, rel=1e-3)  # not the 0.5 of before the 3 s of the time-out


@pytest.mark.parametrize(
    ("match", "text"), [("SNAP", "1.0,abc"), ("SNAP", "1.0"), ("SNAP", "nan,0"), ("LIAS", "x"), ("LIAS", "")]
)
def test_garbage_is_an_error_that_names_role_and_address(open_lockin, match, text):
    station, lockin = open_lockin()
    lockin.read_phasor()
    station.visa_library.lab.faults.add({"device": "lockin", "kind": "wrong_reply", "match": match, "text": text})
    with pytest.raises(InstrumentError, match="lockin at GPIB0::8::INSTR: the reply"):
        lockin.read_phasor()


@pytest.mark.parametrize("match", ["OFLT", "OFSL", "HARM"])
def test_garbage_while_settings_are_read_is_an_error_too(open_lockin, match):
    station, lockin = open_lockin()
    station.visa_library.lab.faults.add(
        {"device": "lockin", "kind": "wrong_reply", "match": rf"{match}\?", "text": "99x"}
    )
    with pytest.raises(InstrumentError, match="lockin at GPIB0::8::INSTR: the reply"):
        lockin.set_harmonic(2)


def test_another_model_at_the_address_is_refused(open_station, model):
    other = {"SR830": "SR865A", "SR865A": "SR830"}[model]
    with pytest.raises(InstrumentError, match=rf"lockin at GPIB0::8::INSTR: .*{model}.* answers"):
        open_station(ROLE.format(model=other, options="", retries=1), model)


def test_one_model_replaces_the_other_by_an_edit_of_the_driver_alone(open_station, bench_of, model):
    options = "time_constant_s = 0.03\nslope_dB = 12\nsensitivity_V = 0.02\ninput = 'A-B'\nharmonic = 2\nphase_deg = 30"
    station = open_station(ROLE.format(model=model, options=options, retries=1), model)
    bench_of(station).change(station.clock.now(), 0.02)
    lockin = station["lockin"]
    assert lockin.settling_s == pytest.approx(9.234 * 0.03)
    assert lockin.read_phasor() == pytest.approx(0.01 * np.exp(-1j * np.pi / 6), rel=2e-3)


def test_a_reading_waits_for_the_change_that_another_thread_makes(open_lockin, bench_of):
    station, lockin = open_lockin("time_constant_s = 0.03")
    bench_of(station).change(station.clock.now(), 0.6)
    lockin.read_phasor()
    wrong = []

    def turn():
        for harmonic in (2, 3, 1) * 20:
            lockin.set_harmonic(harmonic)

    def read():
        for _ in range(60):
            found = lockin.read_phasor()
            if min(abs(found - 0.6 / harmonic) for harmonic in (1, 2, 3)) > 2e-3:
                wrong.append(found)

    threads = [threading.Thread(target=work) for work in (turn, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_on_one_lockin_never_get_each_others_answers(open_lockin, bench_of):
    station, lockin = open_lockin("time_constant_s = 1e-3")
    bench_of(station).change(station.clock.now(), 0.25 - 0.125j)
    station.clock.sleep(1.0)
    lockin.read_phasor()
    wrong = []

    def read():
        for _ in range(300):
            if abs(lockin.read_phasor() - (0.25 - 0.125j)) > 1e-3:
                wrong.append("phasor")

    def look():
        for _ in range(300):
            if abs(lockin.reference_Hz() - 1234.5) > 0.01:
                wrong.append("reference")

    def guarded(work):
        def run():
            try:
                work()
            except Exception as error:  # a thread's exception would be lost
                wrong.append(repr(error))

        return run

    threads = [threading.Thread(target=guarded(work)) for work in (read, look, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
