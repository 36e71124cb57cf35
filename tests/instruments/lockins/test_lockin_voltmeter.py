"""A lock-in as voltmeter of what a modulated microwave rectifies, against the Fourier sum of its envelope."""

import pytest

from sotlab.errors import InstrumentError, LimitError, StationError
from sotlab.instruments.roles import Voltmeter

ROLES = """
[roles.microwave]
driver = "E8257D"
resource = "GPIB0::19::INSTR"
[roles.microwave.options]
modulation = "{modulation}"
modulation_Hz = 137.0
{depth}
[roles.microwave.limits]
power_dBm = [-20, 10]

[roles.lockin]
driver = "{model}"
resource = "GPIB0::8::INSTR"
[roles.lockin.options]
time_constant_s = 0.03
sensitivity_V = 0.01
{phase}

[roles.voltmeter]
driver = "LockinVoltmeter"
[roles.voltmeter.options]
lockin = "lockin"
modulation = "{modulation}"
{depth}
"""


@pytest.fixture
def wired(open_station, bench_of, device_of):
    def open_one(modulation="square_am", depth="", phase="", model="SR830"):
        station = open_station(ROLES.format(modulation=modulation, depth=depth, phase=phase, model=model), model)
        bench_of(station).source = device_of(station, "GPIB0::19::INSTR")
        return station

    return open_one


@pytest.mark.parametrize("model", ["SR830", "SR865A"])
@pytest.mark.parametrize(
    ("modulation", "depth"),
    [("square_am", ""), ("sine_am", "depth = 1.0"), ("sine_am", "depth = 0.8"), ("sine_am", "depth = 0.1")],
)
@pytest.mark.parametrize("dc_V", [1e-3, -1e-3])
def test_it_reads_the_voltage_that_the_carrier_makes_without_modulation(
    wired, bench_of, device_of, modulation, depth, dc_V, model
):
    station = wired(modulation, depth, model=model)
    station["microwave"].set_power(0.0)
    station["microwave"].set_output(True)
    bench_of(station).dc_V = dc_V
    assert isinstance(station["voltmeter"], Voltmeter)
    # 0.1 % is left of a step after the settling; full scale over 30000 is a step of the reading
    assert station["voltmeter"].read_voltage() == pytest.approx(dc_V, rel=1.3e-3)


def test_a_reading_does_not_remember_what_was_before(wired, bench_of):
    station = wired()
    station["microwave"].set_output(True)
    for dc_V in (5e-3, -5e-3, 0.0):
        bench_of(station).dc_V = dc_V
        bench_of(station).before_change(station.clock.now())
        started = station.clock.now()
        assert station["voltmeter"].read_voltage() == pytest.approx(dc_V, abs=2e-5)
        taken_s = station.clock.now() - started
        assert taken_s == pytest.approx(station["voltmeter"].reading_time_s, abs=0.03)


def test_the_sign_is_that_of_the_lockins_phase(wired, bench_of):
    station = wired(phase="phase_deg = 180")
    station["microwave"].set_output(True)
    bench_of(station).dc_V = 2e-3
    assert station["voltmeter"].read_voltage() == pytest.approx(-2e-3, rel=2e-3)


def test_with_the_microwave_off_there_is_no_voltage(wired, bench_of):
    station = wired()
    bench_of(station).dc_V = 2e-3
    assert abs(station["voltmeter"].read_voltage()) < 1e-6


def test_what_spoils_the_lockins_reading_spoils_the_voltage(wired, bench_of):
    station = wired()
    station["microwave"].set_output(True)
    bench_of(station).dc_V = 0.1
    with pytest.raises(InstrumentError, match=r"lockin at GPIB0::8::INSTR: .*overloaded"):
        station["voltmeter"].read_voltage()


def test_its_identity_is_the_lockins(wired):
    assert "SR830" in wired()["voltmeter"].identify()


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('lockin = "lockin"', 'lockin = "lockin_2w"', "works through the role 'lockin_2w'"),
        ('modulation = "square_am"\n\n', 'modulation = "pulse"\n', "modulation"),
        ('modulation = "square_am"\n\n', "depth = 0\n", "depth"),
        ('modulation = "square_am"\n\n', "depth = 1.1\n", "depth"),
    ],
)
def test_wrong_options_are_named(open_station, old, new, named):
    roles = ROLES.format(modulation="square_am", depth="", phase="", model="SR830") + "\n"
    head, marker, tail = roles.partition("[roles.voltmeter]")
    assert old in tail
    with pytest.raises(StationError, match=named):
        open_station(head + marker + tail.replace(old, new))


# the source's side of it


def test_square_modulation_is_made_by_the_pulse_modulator_and_never_exceeds_the_level(wired, device_of):
    station = wired()
    source = device_of(station, "GPIB0::19::INSTR")
    assert (source.modulation, source.pulse, source.am, source.pulse_source, source.pulse_input) == (
        True, True, False, "INT", "SQU",
    )  # fmt: skip
    assert source.pulse_frequency == 137.0
    station["microwave"].check(power_dBm=10.0)


def test_the_reference_comes_with_the_output_stays_when_it_is_off_and_goes_when_it_is_made_safe(wired, device_of):
    station = wired()
    source = device_of(station, "GPIB0::19::INSTR")
    assert (source.output, source.lf_output) == (False, False)
    station["microwave"].set_output(True)
    assert (source.output, source.lf_output, source.lf_amplitude, source.lf_source) == (True, True, 1.0, "INT")
    assert source.am_frequency == 137.0
    station["microwave"].set_output(False)
    assert (source.output, source.lf_output) == (False, True)
    station["microwave"].make_safe()
    station["microwave"].make_safe()
    assert (source.output, source.lf_output) == (False, False)


@pytest.mark.parametrize(("depth", "highest_dBm"), [(1.0, 3.9794), (0.5, 6.4782)])
def test_the_crest_of_a_sine_modulation_is_what_the_limit_limits(wired, depth, highest_dBm):
    microwave = wired("sine_am", f"depth = {depth}")["microwave"]
    microwave.set_power(highest_dBm - 1e-3)
    with pytest.raises(LimitError, match=r"microwave: power of .* has crests .* Ask for .* at most"):
        microwave.set_power(highest_dBm + 1e-3)
    with pytest.raises(LimitError, match="allowed -20 dBm"):
        microwave.set_power(-21.0)


def test_a_source_that_is_on_is_not_modulated_beyond_the_limit(wired, device_of, open_station):
    import pyvisa

    station = open_station(ROLES.format(modulation="sine_am", depth="", phase="", model="SR830"), only=[])
    raw = pyvisa.ResourceManager(station.config.station.visa_library).open_resource(
        "GPIB0::19::INSTR", write_termination="\n", read_termination="\n"
    )
    raw.write("OUTP:MOD OFF;:POW 8 DBM;:OUTP ON")
    raw.close()
    with pytest.raises(LimitError, match="has crests 6"):
        station.open_role("microwave")
    assert not device_of(station, "GPIB0::19::INSTR").am


def test_without_modulation_the_source_is_a_continuous_wave(wired, device_of, open_station):
    roles = ROLES.format(modulation="off", depth="", phase="", model="SR830").partition("[roles.lockin]")[0]
    station = open_station(roles)
    source = device_of(station, "GPIB0::19::INSTR")
    station["microwave"].set_output(True)
    station["microwave"].make_safe()
    assert (source.modulation, source.lf_output, source.output) == (False, False, False)
