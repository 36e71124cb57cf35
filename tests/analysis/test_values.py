"""Values and reductions as JSON."""

import json

import numpy as np
import pytest

from sotlab.analysis.values import Reduction, Value


def test_a_value_is_written_with_its_sigma_and_unit():
    assert Value(0.57, 0.01, "T").to_json() == {"value": 0.57, "sigma": 0.01, "unit": "T"}


@pytest.mark.parametrize(("value", "sigma"), [(np.nan, 1.0), (1.0, np.inf), (1.0, np.nan)])
def test_what_is_not_finite_is_not_determined_not_half_determined(value, sigma):
    assert Value.of(value, sigma, "V") == Value(None, None, "V")


def test_a_reduction_is_plain_json_without_nan():
    spectra = [{"lag1": np.float64(np.nan), "points": np.int64(3), "row": np.array([1.0, np.inf])}]
    reduction = Reduction("stfmr", 1, {"alpha": Value(None, None, "")}, spectra, ["why"], True, ["a.csv"])
    text = json.dumps(reduction.to_json(), allow_nan=False)
    back = json.loads(text)
    assert {"kind", "schema", "results", "spectra", "flags", "simulated", "inputs"} <= set(back)
    assert back["spectra"] == [{"lag1": None, "points": 3, "row": [1.0, None]}]
    assert back["results"] == {"alpha": {"value": None, "sigma": None, "unit": ""}}
