"""The campaign over temperature of seed 000: rehearsed as an overnight one, and settled before each point."""

import csv
from pathlib import Path

import numpy as np
import pytest

from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.jobs import list_jobs
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.rehearse import rehearse

from .campaigns import blank_pages, follow, load, shortened

EXAMPLES = Path(__file__).parents[3] / "examples"
TEMPERATURES = 'temperature = ["300 K", "250 K", "200 K", "150 K", "100 K", "50 K", "20 K"]'


def example(folder, *changes):
    """Copy the angle scans of the example, with changes."""
    text = (EXAMPLES / "gao_hall.toml").read_text(encoding="utf-8")
    text = text[: text.index("[items.loop]")] + text[text.index("[items.angles]") : text.index("[items.planar]")]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "gao_hall.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """Rehearse the example at its first and last temperature: a dozen rows of each."""
    path = example(tmp_path_factory.mktemp("night"), (TEMPERATURES, 'temperature = ["300 K", "20 K"]'))
    file = CampaignFile.load(path)
    return rehearse(file, list_jobs(file), path.parent / "rehearsals", follow, None, 24)


def test_the_night_is_predicted_and_breaks_nothing(night):
    assert night["limits"] == night["problems"] == []
    warm, cold = night["jobs"]
    assert warm["rows"] == cold["rows"] == 144
    # Of 144 settings, with the filters' 4 s, a turn of 10 deg and two readings: a quarter of an hour and more; and the
    # cold one has to be cooled first.
    assert warm["duration_s"] > 144 * 4
    assert cold["duration_s"] > warm["duration_s"] + 300
    assert night["on_s"]["ac_source"] < night["duration_s"]
    assert not any("is read" in warning["warning"] for warning in night["warnings"])  # before its filter has settled


def test_no_point_is_taken_before_temperature_and_field_have_settled(night):
    for job in night["jobs"]:
        rows = read_run(Path(job["folder"])).rows
        off_K = np.abs(rows["Temperature (K)"] - rows["Temperature Set (K)"])
        assert off_K.max() < 0.06  # the tolerance of 0.05 K, and the sensor's noise of 2 mK
        assert rows["Time (s)"].iloc[0] > 30.0  # held within the tolerance for so long


def test_the_night_ends_with_an_efficiency_at_each_temperature_and_r_p_of_both_ends(tmp_path):
    few = {"points": 12, "fields": 2, "stop": "335 deg", "temperature": "300 K"}
    text = shortened("gao_hall.toml", loop={"points": 5}, angles=few, planar={"points": 8, "stop": "315 deg"})
    with blank_pages():
        night = load(tmp_path, text.replace(TEMPERATURES, 'temperature = ["300 K", "20 K"]'))
        assert night.run() == "finished", night.summary()
    (temperature,) = night.analyses
    rows = list(csv.DictReader(temperature.table.read_text(encoding="utf-8").splitlines()))
    assert [row["temperature (K)"] for row in rows] == ["300.0", "20.0"]
    for row in rows:
        xi, sigma = (float(row[f"{name}xi_dl_E (1/(ohm*m))"]) for name in ("", "sigma_"))
        # Planted are 27170 and 25000; one of two values is beyond 4.5 sigma in one of 70,000 perfect programs.
        assert abs(xi - 26100) < 4.5 * sigma + 1100
        assert (
            0.05 < float(row["sigma_r_p (ohm)"]) / float(row["r_p (ohm)"]) < 0.3
        )  # half of what lies between the ends
