"""Every analysis that is installed keeps to the contract of docs/adding_an_analysis.md."""

from importlib.metadata import entry_points

import numpy as np
import pytest
from pydantic import BaseModel

from sotlab.analysis.values import Reduction, Value, rows_of
from sotlab.errors import SotlabError
from sotlab.units import convert

INSTALLED = sorted(entry_points(group="sotlab.analyses"), key=lambda entry: entry.name)
#: What an analysis cannot do without.
NEEDED = {
    "harmonic-hall": {"geometry": "in-plane"},
    "thickness": {"rho": Value(1e-6, 0.0, "ohm*m")},
    "fm-thickness": {"mu0_ms": Value(1.0, 0.0, "T"), "nm_thickness": Value(5e-9, 0.0, "m")},
}


@pytest.mark.parametrize("entry", INSTALLED, ids=lambda entry: entry.name)
def test_an_installed_analysis_says_of_itself_what_the_contract_asks(entry):
    analysis = entry.load()()
    assert analysis.kind == entry.name
    assert analysis.title
    assert isinstance(analysis.schema, int)
    assert issubclass(analysis.settings, BaseModel)
    assert not set(analysis.columns) & set(analysis.axes)
    for unit in {**analysis.columns, **analysis.axes}.values():
        assert convert(1.0, unit, unit) == 1.0
    assert analysis.required
    for alternative in analysis.required:
        assert set(alternative) <= {*analysis.columns, *analysis.axes}
    for name, field in analysis.settings.model_fields.items():
        assert field.description, name
        unit = (field.json_schema_extra or {}).get("unit")
        assert unit is None or convert(1.0, unit, unit) == 1.0


@pytest.mark.parametrize("entry", INSTALLED, ids=lambda entry: entry.name)
def test_noise_gives_a_reduction_or_is_refused_and_never_a_traceback(entry):
    analysis = entry.load()()
    rng = np.random.default_rng(0)
    roles = analysis.required[0]
    columns = {role: np.abs(rng.normal(size=64)) for role in roles if role in analysis.columns}
    axes = {axis: 7e9 if axis == "frequency" else 1.0 for axis in analysis.axes}
    settings = analysis.settings(**NEEDED.get(entry.name, {}))
    try:
        dataset = analysis.dataset(columns, axes, name="noise", simulated=False)
        reduction = analysis.reduce([dataset], settings)
    except SotlabError:
        return
    assert isinstance(reduction, Reduction)
    told = reduction.to_json()
    assert told["inputs"] == ["noise"]
    assert len(reduction.parts) <= max(len(rows_of(told)), 1)
    for row in rows_of(told):
        assert row["name"]
        assert isinstance(row["flags"], list)
    for name, value in told["results"].items():
        assert set(value) == {"value", "sigma", "unit"}, name
