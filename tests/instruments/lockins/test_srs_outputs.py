"""A lock-in's outputs as voltage_out and ac_source, beside the lock-in, on one connection."""

import itertools
import math
import threading

import pytest

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, StationError
from sotlab.instruments.roles import ACSource, VoltageOut

ROLES = """
[roles.lockin]
driver = "{model}"
resource = "GPIB0::8::INSTR"
[roles.lockin.options]
reference = "internal"
time_constant_s = 0.01

[roles.voltage_out]
driver = "{model}AuxOut"
resource = "GPIB0::8::INSTR"
[roles.voltage_out.options]
output = 2
{aux}
[roles.voltage_out.limits]
voltage_V = [-3, 4]

[roles.ac_source]
driver = "{model}Sine"
resource = "GPIB0::8::INSTR"
[roles.ac_source.options]
series_ohm = 1050
load_ohm = 950
[roles.ac_source.limits]
amplitude_A_peak = [0, "1.2 mA"]
"""


@pytest.fixture(params=["SR830", "SR865A"])
def model(request):
    return request.param


@pytest.fixture
def open_all(open_station, model):
    return lambda aux="", only=None: open_station(ROLES.format(model=model, aux=aux), model, only=only)


def test_one_instrument_fills_three_roles_through_one_connection(open_all, device_of):
    station = open_all()
    drivers = [station[role] for role in ("lockin", "voltage_out", "ac_source")]
    assert len({id(driver.instrument.adapter) for driver in drivers}) == 1
    assert len(station.connections) == len(device_of(station).ports) == 1
    assert isinstance(station["voltage_out"], VoltageOut)
    assert isinstance(station["ac_source"], ACSource)


def test_three_roles_in_three_threads_never_get_each_others_answers(open_all, bench_of):
    station = open_all()
    lockin, aux, sine = (station[role] for role in ("lockin", "voltage_out", "ac_source"))
    bench_of(station).change(station.clock.now(), 0.5 - 0.25j)
    station.clock.sleep(5.0)
    lockin.read_phasor()
    wrong = []

    def guarded(work):
        def run():
            try:
                for k in range(200):
                    work(k)
            except Exception as error:  # a thread's exception would be lost
                wrong.append(repr(error))

        return run

    def read(k):
        if abs(lockin.read_phasor() - (0.5 - 0.25j)) > 1e-3:
            wrong.append("phasor")

    def volts(k):
        aux.set_voltage(k / 100)
        if abs(aux.read_setpoint() - k / 100) > 1e-6:
            wrong.append("voltage")

    def wave(k):
        sine.set_wave(1000.0, 1e-3)

    threads = [threading.Thread(target=guarded(work)) for work in (read, volts, wave)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_opening_the_outputs_changes_nothing_and_loses_no_overload(open_all, bench_of):
    station = open_all(only=["lockin"])
    lockin = station["lockin"]
    lockin.read_phasor()
    before = {key: len(value) for key, value in bench_of(station).told.items()}
    bench_of(station).change(station.clock.now(), 5.0)
    station.clock.sleep(1.0)
    bench_of(station).change(station.clock.now(), 0.0)
    station.clock.sleep(1.0)
    station.open_role("voltage_out")
    station.open_role("ac_source")
    assert {key: len(value) for key, value in bench_of(station).told.items()} == before
    with pytest.raises(InstrumentError, match="overloaded"):
        lockin.read_phasor()


# voltage_out


def test_a_voltage_comes_out_at_its_terminal(open_all, bench_of):
    station = open_all()
    station["voltage_out"].set_voltage(1.234)
    assert bench_of(station).told[2][-1][1] == pytest.approx(1.234)
    assert station["voltage_out"].read_setpoint() == pytest.approx(1.234)


@pytest.mark.parametrize("voltage_V", [-3.001, 4.001, math.nan])
def test_a_voltage_beyond_the_stations_limit_is_refused_below_and_above(open_all, bench_of, voltage_V):
    station = open_all()
    station["voltage_out"].set_voltage(-3.0)
    station["voltage_out"].set_voltage(4.0)
    sent = len(bench_of(station).told[2])
    with pytest.raises(LimitError, match=r"voltage_out: voltage of .* allowed -3 V to 4 V"):
        station["voltage_out"].set_voltage(voltage_V)
    assert len(bench_of(station).told[2]) == sent


def test_making_safe_brings_it_to_zero_twice(open_all, bench_of):
    station = open_all()
    output = station["voltage_out"]
    output.set_voltage(2.0)
    output.make_safe()
    output.make_safe()
    assert bench_of(station).told[2][-1][1] == 0.0


def test_an_output_that_may_only_move_slowly_ramps_up_and_to_safety(open_all, bench_of):
    station = open_all("ramp_V_per_s = 1.0")
    output = station["voltage_out"]
    bench_of(station).told.setdefault(2, [(0.0, 0.0)])
    for move in (lambda: output.set_voltage(2.0), output.make_safe):
        told, started = len(bench_of(station).told[2]), station.clock.now()
        move()
        assert station.clock.now() - started == pytest.approx(1.9, abs=0.3)
        volts = [value for _, value in bench_of(station).told[2][told - 1 :]]
        assert max(abs(b - a) for a, b in itertools.pairwise(volts)) <= 0.1 + 1e-3
    assert volts[-1] == 0.0


def test_making_safe_is_bounded_however_slow_the_output(open_all):
    station = open_all("ramp_V_per_s = 1.0")
    output = station["voltage_out"]
    output.set_voltage(4.0)
    output.options = output.options.model_copy(update={"ramp_V_per_s": 1e-3})
    started = station.clock.now()
    output.make_safe()
    assert station.clock.now() - started < 35.0


@pytest.mark.parametrize("aux", ["ramp_V_per_s = 0", "volts = 1"])
def test_wrong_options_are_named(open_all, aux):
    with pytest.raises(StationError, match=r"\[roles.voltage_out.options\]"):
        open_all(aux)


def test_a_silent_output_is_a_time_out(open_all):
    station = open_all(only=["voltage_out"])
    station.visa_library.lab.faults.add({"device": "lockin", "kind": "no_reply", "match": "AUXV"})
    with pytest.raises(InstrumentTimeoutError, match="voltage_out at GPIB0::8::INSTR"):
        station["voltage_out"].read_setpoint()


@pytest.mark.parametrize(("match", "text"), [("AUXV", "1.2.3"), ("ESR", "?")])
def test_garbage_is_an_error_that_names_role_and_address(open_all, match, text):
    station = open_all()
    station.visa_library.lab.faults.add({"device": "lockin", "kind": "wrong_reply", "match": match, "text": text})
    output = station["voltage_out"]
    ask = output.read_setpoint if match == "AUXV" else output.raise_errors
    with pytest.raises(InstrumentError, match="voltage_out at GPIB0::8::INSTR: the reply"):
        ask()


# ac_source


def test_the_peak_current_is_root_two_of_the_rms_voltage_over_all_resistance(open_all, bench_of):
    station = open_all()
    source = station["ac_source"]
    source.set_wave(137.0, 1e-3)
    assert bench_of(station).told["sine"][0] == 137.0
    source.set_output(True)
    frequency_Hz, sine_V_rms = bench_of(station).told["sine"]
    assert frequency_Hz == 137.0
    assert math.sqrt(2) * sine_V_rms / (1050 + 950) == pytest.approx(1e-3, rel=1e-3)


def test_nothing_comes_out_before_the_output_is_on_and_a_running_one_follows(open_all, bench_of, model):
    station = open_all()
    source = station["ac_source"]
    source.set_output(False)
    lowest_V = {"SR830": 0.004, "SR865A": 0.0}[model]
    source.set_wave(137.0, 1e-3)
    assert bench_of(station).told["sine"][1] == pytest.approx(lowest_V)
    source.set_output(True)
    source.set_wave(200.0, 0.5e-3)
    assert bench_of(station).told["sine"] == pytest.approx((200.0, 0.5e-3 * 2000 / math.sqrt(2)), abs=1e-3)
    source.make_safe()
    source.make_safe()
    assert bench_of(station).told["sine"][1] == pytest.approx(lowest_V)


@pytest.mark.parametrize("amplitude_A_peak", [-1e-6, 1.21e-3])
def test_a_current_beyond_the_stations_limit_is_refused_below_and_above(open_all, amplitude_A_peak):
    station = open_all()
    with pytest.raises(LimitError, match=r"ac_source: peak amplitude of .* allowed 0 A to 1\.2 mA"):
        station["ac_source"].set_wave(137.0, amplitude_A_peak)


@pytest.mark.parametrize("frequency_Hz", [1e-4, 5e6])
def test_a_frequency_beyond_the_oscillator_is_refused_below_and_above(open_all, frequency_Hz):
    station = open_all()
    with pytest.raises(LimitError, match="ac_source: frequency of"):
        station["ac_source"].set_wave(frequency_Hz, 1e-3)


def test_a_current_that_the_steps_of_the_output_would_change_is_refused(open_station):
    source = open_station(ROLES.format(model="SR830", aux=""))["ac_source"]
    for amplitude_A_peak in (1e-6, 4.3e-6):  # 1.4 mV is below the output's minimum, 6.08 mV lies between its steps
        with pytest.raises(LimitError, match=r"ac_source at GPIB0::8::INSTR: .*0\.004 to 5 V in steps of 0\.002 V"):
            source.set_wave(137.0, amplitude_A_peak)


def test_a_current_beyond_the_output_is_refused(open_station):
    roles = ROLES.format(model="SR830", aux="").replace('"1.2 mA"', "1.0")
    with pytest.raises(LimitError, match=r"to 0\.003536 A peak"):
        open_station(roles)["ac_source"].check(amplitude_A_peak=0.01)


def test_an_output_without_a_wave_is_not_switched_on(open_station):
    roles = ROLES.format(model="SR865A", aux="")
    source = open_station(roles, "SR865A")["ac_source"]
    with pytest.raises(InstrumentError, match="no wave was set"):
        source.set_output(True)


def test_an_external_reference_is_refused(open_station, model):
    roles = ROLES.format(model=model, aux="").replace('reference = "internal"', "")
    source = open_station(roles, model)["ac_source"]
    with pytest.raises(InstrumentError, match=r"ac_source at GPIB0::8::INSTR: the reference is external"):
        source.set_wave(137.0, 1e-3)


def test_a_current_without_a_stated_limit_is_refused(open_station, model):
    with pytest.raises(StationError, match="amplitude_A_peak is missing"):
        open_station(ROLES.format(model=model, aux="").replace('amplitude_A_peak = [0, "1.2 mA"]', ""), model)
