"""The simulated 2182A over the wire."""

import numpy as np
import pytest
import pyvisa


@pytest.fixture
def clock(manager):
    return manager.visalib.clock


@pytest.fixture
def bench(manager):
    return manager.visalib.lab.bench


@pytest.fixture
def meter(manager):
    meter = manager.open_resource("GPIB0::7::INSTR", read_termination="\n", write_termination="\n", timeout=10000)
    meter.write("*RST")
    return meter


def put_on_resonance(bench, clock):
    bench.rf.set(frequency_Hz=7e9, power_dBm=15.0, on=True)
    bench.magnet.set_current(clock.now(), 3.3)
    clock.sleep(20.0)
    return bench.voltage_V("voltmeter", clock.now())


def test_identity_says_simulated(meter):
    maker, model, serial, _ = meter.query("*IDN?").split(",")
    assert (maker, model) == ("KEITHLEY INSTRUMENTS INC.", "MODEL 2182A")
    assert serial.startswith("SIM")


def test_reading_is_the_voltage_of_the_sample(meter, bench, clock):
    expected_V = put_on_resonance(bench, clock)
    assert abs(expected_V) > 1e-6
    assert float(meter.query("READ?")) == pytest.approx(expected_V, abs=0.51e-9)  # 1 nV resolution on 10 mV


@pytest.mark.parametrize(
    ("setup", "seconds"),
    [
        ("VOLT:NPLC 5", 0.2),
        ("VOLT:NPLC 1", 0.04),
        ("VOLT:NPLC 5;:SYST:AZER OFF", 0.1),
        ("VOLT:APER 0.5", 1.0),
        ("VOLT:NPLC 1;:VOLT:CHAN1:DFIL:COUN 10;STAT ON", 0.4),
        ("VOLT:NPLC 1;:TRIG:DEL 0.3", 0.34),
        ("VOLT:NPLC 1;:SAMP:COUN 5", 0.2),
    ],
)
def test_reading_takes_its_integrations(meter, clock, setup, seconds):
    meter.write(setup)
    start_s = clock.now()
    meter.query("READ?")
    overheads_s = 5e-3 * (5 if "SAMP" in setup else 1)
    wire_s = 5e-3  # 2 ms + 2 us/byte for each of the two transfers
    assert clock.now() - start_s == pytest.approx(seconds + overheads_s + wire_s, abs=2e-3)


def test_slow_reading_times_out_and_its_reply_can_still_be_read(meter, clock, manager):
    meter.write("VOLT:NPLC 50")  # 1 s, twice
    meter.timeout = 1000
    with pytest.raises(pyvisa.VisaIOError) as caught:
        meter.query("READ?")
    assert caught.value.error_code == pyvisa.constants.StatusCode.error_timeout
    clock.sleep(2.0)
    assert float(meter.read()) == 0.0


def test_reading_is_the_mean_over_its_window_while_the_field_moves(meter, bench, clock):
    put_on_resonance(bench, clock)
    meter.write("VOLT:NPLC 50;:SYST:AZER OFF")
    bench.magnet.set_current(clock.now(), 3.1)
    start_s = clock.now()
    reading_V = float(meter.query("READ?"))
    times_s = np.linspace(start_s, start_s + 1.0, 4001) + 2e-3  # the query needs 2 ms on the wire
    voltages_V = np.array([bench.voltage_V("voltmeter", t) for t in times_s])
    assert reading_V == pytest.approx(voltages_V.mean(), rel=0.02)
    assert abs(reading_V - voltages_V[-1]) > 0.1 * abs(voltages_V[-1])


@pytest.mark.parametrize(
    ("expected_V", "range_V"), [("5e-3", 0.01), ("0.011", 0.01), ("0.05", 0.1), ("1", 1.0), ("5", 10.0), ("120", 100.0)]
)
def test_range_is_the_most_sensitive_one_that_takes_the_voltage(meter, expected_V, range_V):
    meter.write(f":SENS:VOLT:CHAN1:RANG {expected_V}")
    assert float(meter.query(":SENS:VOLT:CHAN1:RANG?")) == range_V
    assert meter.query(":SENS:VOLT:CHAN1:RANG:AUTO?") == "0"
    meter.write(":SENS:VOLT:RANG:AUTO 1")
    assert meter.query(":SENS:VOLT:CHAN1:RANG:AUTO?") == "1"
    assert float(meter.query(":SENS:VOLT:CHAN1:RANG?")) == 0.01


def test_channel_two_has_three_ranges_and_takes_twelve_volts(meter):
    meter.write(":SENS:VOLT:CHAN2:RANG 1E-3")
    assert float(meter.query(":SENS:VOLT:CHAN2:RANG?")) == 0.1
    meter.write(":SENS:VOLT:CHAN2:RANG 13")
    assert meter.query("SYST:ERR?").startswith("-222,")


@pytest.mark.parametrize("sign", [1, -1])
def test_voltage_beyond_the_range_reads_overflow(meter, manager, bench, monkeypatch, sign):
    monkeypatch.setattr(bench, "voltmeter_V", lambda name, start_s, stop_s, density: sign * 0.0121)
    meter.write("VOLT:RANG 0.01")
    assert float(meter.query("READ?")) == sign * 9.9e37
    monkeypatch.setattr(bench, "voltmeter_V", lambda name, start_s, stop_s, density: sign * 0.0119)
    assert float(meter.query("READ?")) == pytest.approx(sign * 0.0119)


def test_reading_while_measuring_continuously_reads_with_error_213(meter):
    meter.write("INIT:CONT ON")
    assert float(meter.query("READ?")) == 0.0
    assert meter.query("SYST:ERR?").startswith("-213,")
    meter.write("INIT")
    assert meter.query("SYST:ERR?").startswith("-213,")
    assert float(meter.query("FETC?")) == 0.0


def test_after_power_on_it_measures_continuously_and_after_reset_it_does_not(manager):
    meter = manager.open_resource("GPIB0::7::INSTR", read_termination="\n", write_termination="\n")
    assert meter.query("INIT:CONT?") == "1"
    meter.write("*RST")
    assert meter.query("INIT:CONT?") == "0"


@pytest.mark.parametrize("asked", ["FETC?", "SENS:DATA:FRES?"])
def test_there_is_nothing_to_fetch_before_a_reading(meter, asked):
    meter.write(asked)
    assert meter.query("SYST:ERR?").startswith("-230,")


def test_last_reading_is_fetched_again_but_is_fresh_only_once(meter, bench, clock):
    put_on_resonance(bench, clock)
    first = meter.query("READ?")
    assert meter.query("FETC?") == first
    meter.write("DATA:FRES?")
    assert meter.query("SYST:ERR?").startswith("-230,")
    meter.write("INIT;*WAI")
    assert meter.query("DATA:FRES?") == first


def test_bus_trigger_starts_the_reading_that_waits_for_it(meter, clock):
    meter.write("*TRG")
    assert meter.query("SYST:ERR?").startswith("-211,")
    meter.write("TRIG:SOUR BUS")
    meter.write("READ?")
    assert meter.query("SYST:ERR?").startswith("-214,")
    meter.write("INIT")
    meter.write("*TRG")
    start_s = clock.now()
    assert meter.query("*OPC?") == "1"
    assert clock.now() - start_s > 0.19
    assert float(meter.query("FETC?")) == 0.0


def test_relative_reading_is_without_the_acquired_reference(meter, bench, clock):
    put_on_resonance(bench, clock)
    offset_V = float(meter.query("READ?"))
    meter.write("VOLT:CHAN1:REF:ACQ")
    meter.write("VOLT:CHAN1:REF:STAT ON")
    assert float(meter.query("VOLT:CHAN1:REF?")) == pytest.approx(offset_V)
    assert float(meter.query("READ?")) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("VOLT:NPLC 51", -222),  # at 50 Hz
        ("VOLT:NPLC 0.001", -222),
        ("SENS:FUNC 'RES'", -224),
        ("SENS:CHAN 3", -222),
        ("VOLT:CHAN3:RANG 1", -114),
        ("VOLT:CHAN1:DFIL:TCON MOV", -224),
        ("CALC2:IMM?", -221),
    ],
)
def test_what_the_model_does_not_do_is_an_error(meter, sent, code):
    meter.write(sent)
    assert meter.query("SYST:ERR?").startswith(f"{code},")


def test_second_channel_reads_a_short(meter, bench, clock):
    put_on_resonance(bench, clock)
    meter.write("SENS:CHAN 2")
    assert float(meter.query("READ?")) == 0.0


@pytest.mark.parametrize("nplc", [1, 5])
def test_noise_falls_with_the_square_root_of_the_integration_time(nplc):
    manager = pyvisa.ResourceManager("stfmr?clock=virtual@sotlab")
    meter = manager.open_resource("GPIB0::7::INSTR", read_termination="\n", write_termination="\n")
    meter.write(f"*RST;:VOLT:NPLC {nplc}")
    readings_V = np.array([float(meter.query("READ?")) for _ in range(1500)])
    manager.close()
    # 20 nV/rtHz of pick-up, 3.5 of the meter and 2.2 of Johnson noise
    expected_V = 20.4e-9 / np.sqrt(2 * nplc / 50)
    assert readings_V.std() == pytest.approx(expected_V, rel=5 / np.sqrt(2 * readings_V.size) + 0.01)
    lagged = np.corrcoef(readings_V[1:], readings_V[:-1])[0, 1]
    assert abs(lagged) < 5 / np.sqrt(readings_V.size)


def test_stock_pymeasure_driver_measures_and_fills_the_buffer(manager, bench, clock):
    from pymeasure.instruments.keithley import Keithley2182

    driver = Keithley2182(
        "GPIB0::7::INSTR", visa_library=str(manager.visalib.library_path) + "@sotlab", read_termination="\n"
    )
    expected_V = put_on_resonance(bench, clock)
    driver.reset()
    driver.ch_1.setup_voltage(auto_range=True, nplc=5)
    assert driver.voltage == pytest.approx(expected_V, abs=1e-9)
    driver.auto_line_frequency()
    assert (driver.line_frequency, driver.auto_zero_enabled, driver.active_channel) == (50, True, 1)
    assert driver.channel_function == "voltage"
    driver.ch_1.voltage_range = 0.1
    assert (driver.ch_1.voltage_range, driver.ch_1.voltage_range_auto_enabled) == (0.1, False)
    driver.voltage_nplc = 1
    driver.config_buffer(10)
    assert not driver.is_buffer_full()
    start_s = clock.now()
    driver.start_buffer()
    driver.wait_for_buffer()
    assert 0.4 < clock.now() - start_s < 0.8
    np.testing.assert_allclose(driver.buffer_data, np.full(10, expected_V), atol=1e-8)
    assert driver.mean == pytest.approx(expected_V, abs=1e-8)
    assert driver.maximum >= driver.minimum
    assert driver.standard_dev < 1e-8
    assert driver.check_errors() == []


def test_a_temperature_is_that_of_a_thermocouple_with_the_voltage(meter, bench, clock):
    voltage_V = put_on_resonance(bench, clock)
    meter.write("SENS:FUNC 'TEMP';:SENS:TEMP:TC K;RJUN:RSEL SIM;SIM 30")
    warmer_K = voltage_V / 40.96e-6  # type K has 4.096 mV at 100 deg C (IEC 60584-1)
    assert float(meter.query("READ?")) == pytest.approx(30.0 + warmer_K, abs=1e-3)
    meter.write("SENS:TEMP:RJUN:RSEL INT")
    assert float(meter.query("READ?")) == pytest.approx(float(meter.query("SENS:TEMP:RTEM?")) + warmer_K, abs=1e-3)
    meter.write("SENS:CHAN 2")  # shorted
    assert float(meter.query("READ?")) == pytest.approx(23.0, abs=1e-3)


def test_a_voltage_is_no_reference_for_temperatures(meter):
    meter.query("READ?")
    meter.write("SENS:TEMP:CHAN1:REF:ACQ")
    assert meter.query("SYST:ERR?").startswith("-230,")
    meter.write("SENS:FUNC 'TEMP';:INIT;:SENS:TEMP:CHAN1:REF:ACQ;STAT ON")
    assert float(meter.query("READ?")) == pytest.approx(0.0, abs=1e-3)
