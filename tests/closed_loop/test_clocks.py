"""The same campaign in virtual, scaled and real time, from the command line, each run in a process of its own.

What is asked of two clocks is not the same bytes: a transaction costs bench time by its length in virtual time and by
the computer otherwise, so that a reading comes some milliseconds earlier or later after the field has settled. Hence:

- everything that was set, and the indices, are equal;
- without noise a field differs by one count of the gaussmeter at most in each of the two readings that a row averages
  (what is left of settling decays through one), and a voltage by its own count and by what that field does to it;
- with noise both runs draw the same random streams in the same order, and a row differs by less than the noise.

In virtual time the same seed gives the same rows to the last digit, times included.
"""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

COUNT_T, COUNT_V = 1e-6, 1e-9  # a count of the gaussmeter (range of 0.35 T) and of the voltmeter (10 mV)
#: Noise of a row's field, two readings of 2 uT rms each; and of its voltage, 20 nV/rtHz over 0.1 s [T, V].
NOISE_T, NOISE_V = 2e-6 / np.sqrt(2), 20e-9 / np.sqrt(2 * 0.1)
SET = ("Index", "Repeat", "Field Set (T)", "Frequency (Hz)", "Power (dBm)", "Angle (deg)")


@pytest.fixture
def sweep(tmp_path):
    """Runs a sweep by sotlab run in a process of its own and returns its rows."""

    def run(clock, noise, points=9, seed=3):
        environment = {name: value for name, value in os.environ.items() if name != "SOTLAB_CLOCK"}
        done = subprocess.run(
            [
                *(sys.executable, "-m", "sotlab.cli", "run", "STFMRFieldSweep", "--json", "--out", str(tmp_path)),
                *("--station", f"virtual:stfmr?clock={clock}&noise={noise}&seed={seed}", "--set", f"points={points}"),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=250,
            env=environment,
        )
        told = json.loads(done.stdout)
        assert (told["status"], told["rows"]) == ("finished", points)
        text = open(told["data"], encoding="utf-8").read()
        return list(csv.DictReader(text.split("#Data:\n")[1].splitlines()))

    return run


def column(rows, name):
    return np.array([float(row[name]) for row in rows])


def assert_alike(rows, others, field_T, voltage_V):
    """Assert that settings are equal, and readings within so much, beside what a field's difference does."""
    for name in SET:
        assert [row[name] for row in rows] == [row[name] for row in others], name
    fields, voltages = column(rows, "Field (T)"), column(rows, "Voltage (V)")
    assert np.abs(column(others, "Field (T)") - fields).max() <= field_T
    steepest = np.abs(np.diff(voltages) / np.diff(fields)).max() if len(rows) > 2 else 0.0
    assert np.abs(column(others, "Voltage (V)") - voltages).max() <= voltage_V + 3 * steepest * COUNT_T


@pytest.mark.slow
def test_same_seed_same_rows_in_every_process(sweep):
    first = sweep("virtual", "on")
    assert sweep("virtual", "on") == first
    other = sweep("virtual", "on", seed=4)
    assert column(other, "Voltage (V)").tolist() != column(first, "Voltage (V)").tolist()


@pytest.mark.slow
@pytest.mark.parametrize(("clock", "points"), [("50", 9), ("real", 3)])
def test_without_noise_virtual_time_gives_the_rows_of_real_time(sweep, clock, points):
    assert_alike(sweep("virtual", "off", points), sweep(clock, "off", points), COUNT_T + 1e-12, COUNT_V)


@pytest.mark.slow
def test_with_noise_virtual_time_differs_from_scaled_time_by_the_noise_at_most(sweep):
    # 6 sigma of the difference of two independent readings, which these need not be.
    assert_alike(
        sweep("virtual", "on"),
        sweep("50", "on"),
        6 * np.sqrt(2) * NOISE_T + COUNT_T,
        6 * np.sqrt(2) * NOISE_V + COUNT_V,
    )
