"""The simulated E8257D over the wire."""

import pytest

from sotlab.simulated.instruments.e8257d import E8257D


@pytest.fixture
def source(manager):
    return manager.open_resource("GPIB0::19::INSTR", read_termination="\n", write_termination="\n")


@pytest.fixture
def state(manager):
    """What reaches the bench."""
    return lambda: manager.visalib.lab.bench.rf.state


def test_identity_says_simulated(source):
    maker, model, serial, version = source.query("*IDN?").split(",")
    assert (maker, model) == ("Agilent Technologies", "E8257D")
    assert serial.startswith("SIM")
    assert version


def test_reset_switches_the_microwave_off_and_the_level_down(source, state):
    source.write(":FREQ 7 GHZ;:POW 15 DBM;:OUTP ON")
    assert state().on
    source.write("*RST")
    assert not state().on
    assert source.query("OUTP?") == "0"
    assert float(source.query("POW?")) == -135.0


@pytest.mark.parametrize(
    ("sent", "frequency_Hz"),
    [
        (":FREQ 7.000000e+09 Hz;", 7e9),  # PyMeasure
        ("FREQ 7GHZ", 7e9),
        ("sour:freq:cw 7.25 ghz", 7.25e9),
        (":SOURce:FREQuency:FIXed 9123.456789 MHZ", 9.123456789e9),
        ("FREQ MAX", 40e9),
        ("FREQ MIN", 250e3),
    ],
)
def test_frequency_is_taken_in_every_spelling_and_read_back_to_the_last_digit(source, state, sent, frequency_Hz):
    source.write(sent)
    assert float(source.query(":FREQ?;")) == frequency_Hz
    assert state().frequency_Hz == frequency_Hz


def test_frequency_reply_has_fourteen_digits(source):
    source.write("FREQ 5GHZ")
    assert source.query("FREQ?") == "+5.0000000000000E+09"
    assert source.query("FREQ? MAX") == "+4.0000000000000E+10"


def test_level_reply_has_the_three_digit_exponent_of_the_manual(source):
    source.write("POW 12.5")
    assert source.query("POW?") == "+1.25000000E+001"
    assert source.query("POW? MIN") == "-1.35000000E+002"


@pytest.mark.parametrize(
    ("sent", "asked", "limit", "word"),
    [
        ("FREQ 90 GHZ", "FREQ?", 40e9, "upper"),
        ("FREQ 1 HZ", "FREQ?", 250e3, "lower"),
        ("POW 60", "POW?", 25.0, "upper"),
    ],
)
def test_value_out_of_range_is_clipped_with_error_222(source, sent, asked, limit, word):
    source.write(sent)
    assert float(source.query(asked)) == limit
    assert source.query("SYST:ERR?") == f'-222,"Data out of range;value clipped to {word} limit"'
    assert source.query("SYST:ERR?") == '+0,"No error"'


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("FREQ 7 V", -131),
        ("FREQ", -109),
        ("FREQU 7e9", -113),
        ("FREQ:MODE SWE", -224),  # sweeps are not modelled
        ("OUTP MAYBE", -104),
        ("FREQ 1,2", -108),
    ],
)
def test_what_the_model_does_not_know_is_an_error_and_changes_nothing(source, state, sent, code):
    before = state()
    source.write(sent)
    assert source.query("SYST:ERR?").startswith(f"{code},")
    assert state() == before


def test_level_above_what_can_be_levelled_is_flagged_and_not_reached(source, state):
    source.write("FREQ 7GHZ;POW 25;:OUTP ON")
    assert float(source.query("POW?")) == 25.0
    assert state().power_dBm == 20.0
    assert source.query("STAT:QUES:POW:COND?") == "2"
    source.write("POW 15")
    assert source.query("STAT:QUES:POW:COND?") == "0"


@pytest.mark.parametrize(
    ("sent", "mean_square"),
    [
        ("AM:DEPT 100;:AM:INT:FUNC:SHAP SQU;:AM:STAT ON", 2.0),
        ("AM:DEPT 50;:AM:INT:FUNC:SHAP SINE;:AM:STAT ON", 1.125),
        ("AM:DEPT 100;:AM:STAT ON;:OUTP:MOD OFF", 1.0),
        ("AM:DEPT 100;:AM:SOUR EXT;:AM:STAT ON", 1.0),
        ("PULM:SOUR INT;SOUR:INT SQU;:PULM:STAT ON", 0.5),
        ("PULM:INT:PER 100e-6;PWID 10us;:PULM:SOUR:INT FRUN;:PULM:STAT ON", 0.1),
        ("PULM:SOUR EXT;STAT ON", 0.0),
    ],
)
def test_modulation_changes_the_mean_power_at_the_strip(source, state, sent, mean_square):
    source.write(sent)
    assert state().mean_square == pytest.approx(mean_square)


def test_centre_moves_start_and_stop(source):
    source.write("FREQ:STAR 4GHZ;STOP 6GHZ;CENT 7GHZ")
    assert float(source.query("FREQ:STAR?")) == 6e9
    assert float(source.query("FREQ:STOP?")) == 8e9
    assert float(source.query("FREQ:CENT?")) == 7e9


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI")
def test_stock_pymeasure_driver_sets_and_reads_everything_but_sweeps(manager, state):
    from pymeasure.instruments.agilent import Agilent8257D

    driver = Agilent8257D("GPIB0::19::INSTR", visa_library=str(manager.visalib.library_path) + "@sotlab")
    driver.frequency, driver.power = 7e9, 12.5
    driver.enable()
    assert (driver.frequency, driver.power, driver.is_enabled) == (7e9, 12.5, True)
    assert state().on
    driver.start_frequency, driver.stop_frequency, driver.start_power, driver.stop_power = 1e9, 2e9, -10, 5
    assert driver.center_frequency == 1.5e9
    driver.config_amplitude_modulation(1e3, 100.0, "square")
    assert (driver.amplitude_depth, driver.amplitude_source, driver.internal_shape) == (100.0, "internal", "square")
    driver.config_pulse_modulation(1e3, "square")
    assert driver.pulse_input == "square"
    driver.disable_pulse_modulation()
    driver.enable_modulation()
    assert driver.low_freq_out_amplitude == 2.0
    driver.config_low_freq_out("internal", 3)
    driver.dwell_time, driver.step_points = 0.01, 11
    assert (driver.dwell_time, driver.step_points) == (0.01, 11)
    assert driver.check_errors() == []
    driver.shutdown()
    assert not state().on


def test_every_command_names_its_source():
    table = E8257D.command_table()
    assert "[SOURce]:FREQuency[:CW|:FIXed]?" in dict(table)
    assert all(source for _, source in table)
