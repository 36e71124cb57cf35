"""The papers' theory panels, from the models: ``python examples/model_panels.py [PANEL] [FOLDER]``.

PANEL is one of 002-fig1, 002-fig3, 000-fig4, 003-fig4 (the default), and says which paper (seed) and figure it stands
beside; what agrees and what does not is in docs/models.md. 002-fig3 takes a minute or two, the others seconds.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the threads below go over wave vectors

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sotlab.analysis.models.bisb_models import (
    BilayerMapSettings,
    BiSbMap,
    InverseEdelsteinSeries,
    SeriesSettings,
)
from sotlab.analysis.models.chunks import Work
from sotlab.analysis.models.graded_torque import graded_torque, hibino_case
from sotlab.analysis.models.mixing_conductance import mixing_conductance
from sotlab.analysis.models.sarpes_map import SarpesMap, SarpesMapSettings

PER_ANGSTROM = 1e10  # of wave vectors in 1/m


def surface_map(work):
    """Seed 002, Fig. 1c-e: spin along y of 5 nm at x = 0.15, sharp (d), as measured (c), and as a vector field (e)."""
    sharp = BiSbMap().run(BilayerMapSettings(points=181), work).arrays
    smeared = SarpesMap().run(SarpesMapSettings(points=91), work).arrays
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    for axes, arrays, spin, title in (
        (left, smeared, smeared["polarisation_y"].values, "c: P_y, resolution 0.048 1/Å, 25 meV"),
        (middle, sharp, sharp["spin_y"].values, "d: s_y of the first bilayer (1/eV)"),
    ):
        k = arrays["kx"].values / PER_ANGSTROM
        top = np.quantile(np.abs(spin), 0.99)
        image = axes.pcolormesh(k, k, spin, cmap="RdBu_r", vmin=-top, vmax=top, rasterized=True)
        figure.colorbar(image, ax=axes)
        axes.set_title(title)
    k = smeared["kx"].values / PER_ANGSTROM
    bright = np.sqrt(smeared["intensity"].values)
    right.pcolormesh(k, k, bright, cmap="Greys", rasterized=True)
    step = slice(None, None, 3)
    shown = bright[step, step] > 0.25 * bright.max()
    arrows = [np.where(shown, smeared[f"polarisation_{a}"].values[step, step], np.nan) for a in "xy"]
    right.quiver(k[step], k[step], *arrows, color="tab:red", pivot="mid", scale=10, width=0.005)
    right.set_title("e: √intensity, in-plane spin")
    for axes in (left, middle, right):
        axes.set_xlabel("k_x, Γ-M (1/Å)")
        axes.set_ylabel("k_y (1/Å)")
        axes.set_aspect("equal")
    return figure


def edelstein_length(work):
    """Seed 002, Fig. 3c-d: length against energy, over thickness at x = 0.21 and over x at 5 nm."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    model = InverseEdelsteinSeries()
    thickness = model.run(SeriesSettings(x=(0.21,), bilayers=(6, 13, 38), start=-0.6, stop=0.6), work).arrays
    for n, nm, curve in zip((6, 13, 38), ("2.5", "5", "15"), thickness["lambda"].values[0], strict=True):
        left.plot(thickness["energy"].values, curve * 1e9, label=f"{nm} nm ({n} bilayers)")
    left.set_title("c: Bi0.79Sb0.21")
    content = model.run(SeriesSettings(start=-0.6, stop=0.6), work).arrays
    for x, curves in zip(content["x"].values, content["lambda"].values, strict=True):
        right.plot(content["energy"].values, curves[0] * 1e9, label=f"x = {x:g}")
    right.set_title("d: Bi1-xSbx, 5 nm")
    for axes in (left, right):
        axes.axvline(0, color="0.7", lw=0.8)
        axes.set_xlabel("energy above the Fermi level (eV)")
        axes.set_ylabel("Λ (nm), whole-slab density of states")
        axes.legend()
    return figure


def mixing(work):
    """Seed 000, Fig. 4b-c: |Im G|/Re G over J and delta t, and Re G against delta t, at low filling."""
    exchange, difference = np.linspace(0.02, 1.0, 50), np.linspace(0.0, 2.0, 51)
    pairs = [(j, dt, -5.0, 200) for j in exchange for dt in difference]
    g = np.array([each.g for each in work.map(mixing_conductance, pairs)]).reshape(len(exchange), -1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    ratio = np.log10(np.maximum(np.abs(g.imag) / g.real, 1e-2))
    image = left.pcolormesh(difference, exchange, ratio, cmap="viridis", rasterized=True)
    figure.colorbar(image, ax=left, label="log10 |Im G| / Re G")
    left.set(xlabel="δt / t0", ylabel="J / t0", title="b: E = -5 t0")
    for j in (0.1, 0.2, 0.5, 1.0):
        right.semilogy(difference, g[np.argmin(np.abs(exchange - j))].real, label=f"J = {j:g} t0")
    right.set(xlabel="δt / t0", ylabel="Re G (e²/h per cell)", title="c")
    right.legend()
    return figure


def graded(work):
    """Seed 003, Fig. 4b-h: accumulation and local torques of II-A, III-A, IV-A, the totals of all cases, the measured.

    Measured are 32,700 and -46,800 1/(ohm m); the sign is turned, the unit by the mean M_s and slabs of 0.5 nm.
    """
    measured = {"II-A": -4485, "II-B": 6419}
    figure, axes = plt.subplots(2, 4, figsize=(15, 6.5), layout="constrained")
    closure = "scaled"  # the one of four under which case IV does what the paper says
    for column, case in enumerate(("II-A", "III-A", "IV-A")):
        solved = graded_torque(hibino_case(case), closure=closure)
        axes[0, column].plot(solved.z_m * 1e9, solved.accumulation_m.real * 1e9, label="μ_y / E")
        axes[0, column].plot(solved.z_m * 1e9, solved.accumulation_m.imag * 1e9, label="μ_z / E")
        axes[1, column].plot(
            solved.slab_z_m * 1e9, solved.slab_torque.real, "o-", color="tab:red", label="damping-like"
        )
        axes[1, column].plot(solved.slab_z_m * 1e9, solved.slab_torque.imag, "s-", color="k", label="field-like")
        axes[0, column].set(title=f"{'bcd'[column]}: {case}", xlabel="z (nm)", ylabel="accumulation / E (nm)")
        axes[1, column].set(title=f"{'efg'[column]}: {case}", xlabel="z (nm)", ylabel="t / E (rad/s per V/m)")
    cases = ("I", "II-A", "II-B", "III-A", "III-B", "IV-A", "IV-B")
    for row, which in enumerate((closure, "fixed")):
        totals = [graded_torque(hibino_case(case), closure=which).total for case in cases]
        place = np.arange(len(cases))
        axes[row, 3].bar(place - 0.2, [t.real for t in totals], 0.4, color="tab:red", label="damping-like")
        axes[row, 3].bar(place + 0.2, [t.imag for t in totals], 0.4, color="k", label="field-like")
        at = [cases.index(case) for case in measured]
        axes[row, 3].plot(at, list(measured.values()), "D", mfc="w", color="tab:blue", label="measured")
        axes[row, 3].set_xticks(place, cases, rotation=60)
        axes[row, 3].set(title=f"h: totals, closure '{which}'", ylabel="T / E (rad/s per V/m)", ylim=(-6000, 11000))
    for each in axes.ravel():
        each.legend(fontsize=8)
        each.axhline(0, color="0.7", lw=0.8)
    return figure


PANELS = {"002-fig1": surface_map, "002-fig3": edelstein_length, "000-fig4": mixing, "003-fig4": graded}


def main() -> int:
    name, folder = ([*sys.argv[1:], "003-fig4", "."] if len(sys.argv) < 2 else [*sys.argv[1:], "."])[:2]
    if name not in PANELS or len(sys.argv) > 3:
        print(f"usage: python examples/model_panels.py [{'|'.join(PANELS)}] [FOLDER]", file=sys.stderr)
        return 2
    with ThreadPoolExecutor() as pool:
        figure = PANELS[name](Work(pool))
    picture = Path(folder) / f"{name}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=80)
    print(picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
