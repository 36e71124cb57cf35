"""The simulated Kepco BOP 50-20MG over the wire."""

import math

import pytest

from sotlab.simulated.instruments.kepco_bop import scientific


@pytest.fixture
def supply(manager):
    return manager.open_resource("GPIB0::6::INSTR", read_termination="\n", write_termination="\n")


@pytest.fixture
def clock(manager):
    return manager.visalib.clock


READBACK_A = 40 / 2**16


def in_current_mode(supply, current_A):
    supply.write(f"FUNC:MODE CURR;:VOLT 50;:CURR {current_A};:OUTP 1")


def test_identity_says_simulated(supply):
    assert supply.query("*IDN?").split(",")[0:2] == ["KEPCO", "BOP 50-20MG"]
    assert supply.query("*IDN?").split(",")[2].startswith("SIM")


def test_numbers_are_sent_in_scientific_notation():
    assert scientific(27.1) == "2.71E1"
    assert scientific(-0.05) == "-5E-2"
    assert scientific(0.0) == "0E0"
    assert float(scientific(12.3456789)) == pytest.approx(12.3456789, rel=1e-6)


@pytest.mark.parametrize(("mode", "reply"), [("CURR", "1"), ("VOLT", "0"), ("current", "1")])
def test_mode_is_answered_as_a_number(supply, mode, reply):
    supply.write(f"FUNC:MODE {mode}")
    assert supply.query("FUNC:MODE?") == reply


def test_programmed_and_measured_current_differ_while_the_coil_lags(supply, clock):
    in_current_mode(supply, 2)
    clock.sleep(0.2)
    assert float(supply.query("CURR?")) == 2.0
    assert 0.0 < float(supply.query("MEAS:CURR?")) < 1.5
    clock.sleep(5.0)
    assert float(supply.query("MEAS:CURR?")) == pytest.approx(2.0, abs=READBACK_A)
    assert float(supply.query("MEAS:VOLT?")) == pytest.approx(4.0, abs=100 / 2**16)


def test_nothing_flows_before_the_output_is_on(supply, clock):
    supply.write("FUNC:MODE CURR;:VOLT 50;:CURR 2")
    clock.sleep(5.0)
    assert float(supply.query("MEAS:CURR?")) == 0.0
    assert supply.query("OUTP?") == "0"


def test_output_switched_off_lets_the_current_decay(supply, clock, manager):
    in_current_mode(supply, 10)
    clock.sleep(10.0)
    supply.write("OUTP OFF")
    assert float(supply.query("MEAS:VOLT?")) == 0.0
    switched_off_A = float(supply.query("MEAS:CURR?"))
    clock.sleep(0.15)
    assert float(supply.query("MEAS:CURR?")) == pytest.approx(switched_off_A / math.e, rel=0.05)
    clock.sleep(5.0)
    assert float(supply.query("MEAS:CURR?")) == 0.0
    assert manager.visalib.lab.bench.field_T(clock.now()) == pytest.approx(2e-3, rel=1e-3)  # remanence


def test_voltage_is_the_compliance_in_current_mode(supply, clock):
    supply.write("FUNC:MODE CURR;:VOLT 6;:CURR 5;:OUTP 1")
    clock.sleep(5.0)
    assert float(supply.query("CURR?")) == 5.0
    assert float(supply.query("MEAS:CURR?")) == pytest.approx(3.0, abs=READBACK_A)  # 6 V into 2 ohm
    supply.write("VOLT 20")
    clock.sleep(5.0)
    assert float(supply.query("MEAS:CURR?")) == pytest.approx(5.0, abs=READBACK_A)


def test_current_is_the_limit_in_voltage_mode(supply, clock):
    supply.write("FUNC:MODE VOLT;:CURR 20;:VOLT -8;:OUTP 1")
    clock.sleep(5.0)
    assert float(supply.query("MEAS:CURR?")) == pytest.approx(-4.0, abs=READBACK_A)
    supply.write("CURR 1.5")
    clock.sleep(5.0)
    assert float(supply.query("MEAS:CURR?")) == pytest.approx(-1.5, abs=READBACK_A)


@pytest.mark.parametrize("sent", ["CURR 20.1", "CURR -21", "VOLT 50.5"])
def test_value_out_of_range_is_refused_with_error_222(supply, sent):
    supply.write("CURR 1;:VOLT 2")
    supply.write(sent)
    assert supply.query("SYST:ERR?").startswith("-222,")
    assert (float(supply.query("CURR?")), float(supply.query("VOLT?"))) == (1.0, 2.0)


def test_software_limit_narrows_the_range(supply):
    supply.write("CURR:LIM 5;:CURR 6")
    assert supply.query("SYST:ERR?").startswith("-222,")
    assert supply.query("CURR? MAX") == "5E0"
    supply.write("CURR MIN")
    assert supply.query("CURR?") == "-5E0"


def test_reset_switches_the_output_off(supply, clock):
    in_current_mode(supply, 5)
    clock.sleep(5.0)
    supply.write("*RST")
    clock.sleep(5.0)
    assert supply.query("OUTP?") == "0"
    assert float(supply.query("MEAS:CURR?")) == 0.0
    assert supply.query("CURR?") == "0E0"


def test_output_mode_is_answered_in_full(supply):
    supply.write("OUTP:MODE RESISTIVE")
    assert supply.query("OUTP:MODE?") == "RESISTIVE"


def test_compound_path_and_leading_colon_follow_the_manual(supply):
    # BOP HIPWR manual, 3.6.6: meas:volt?;curr? measures both, meas:volt?;:curr? asks for the programmed current
    supply.write("CURR 3")
    assert supply.query("meas:volt?;curr?") == "0E0;0E0"
    assert supply.query("meas:volt?;:curr?") == "0E0;3E0"


def test_stock_pymeasure_driver_works(manager, clock):
    from pymeasure.instruments.kepco import KepcoBOP3612

    driver = KepcoBOP3612("GPIB0::6::INSTR", visa_library=str(manager.visalib.library_path) + "@sotlab")
    driver.operating_mode = "CURR"
    driver.voltage_setpoint, driver.current_setpoint, driver.output_enabled = 36, -2.5, True
    clock.sleep(10.0)
    assert (driver.operating_mode, driver.current_setpoint, driver.output_enabled) == ("CURR", -2.5, True)
    assert driver.current == pytest.approx(-2.5, abs=READBACK_A)
    assert driver.voltage == pytest.approx(-5.0, abs=100 / 2**16)
    assert (driver.confidence_test, driver.bop_test) == (0, 0)
    driver.beep()
    driver.wait_to_continue()
    assert driver.check_errors() == []
