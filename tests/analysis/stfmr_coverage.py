"""Many laboratories that measure one strip, for the coverage of the ST-FMR analysis' sigmas.

Each laboratory has its own microwave level, gaussmeter and rotator, and is told of its strip what is true and a draw of
the stated sigma. The lines are those of the virtual lab's physics, fitted all in one go; the rest is reduced laboratory
by laboratory, as ``sotlab analyse stfmr`` does it.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.constants import e, hbar

from sotlab.analysis.amr import AMR, AMRSettings, Turn
from sotlab.analysis.lineshape import fit_lineshape
from sotlab.analysis.stfmr import STFMR, Spectrum, STFMRSettings
from sotlab.analysis.values import Value

from .macrospin import autoregressive
from .stfmr_labs import CURRENT_A, SAMPLE, TOLD, TRUE_SETTINGS, settings, spectra, the_sample

#: Lag-1 autocorrelation of the noise: a lock-in amplifier of 6 dB/octave that is read once in a time constant.
NOISES = {"white": 0.0, "lock-in": float(np.exp(-1.0))}
#: What the noise is of the largest line.
NOISE = 0.02
#: A source's level in dB, which nobody knows; the currents' common and own relative sigmas; gaussmeter and rotator.
LEVEL_DB, SCALE, OWN, ZERO_T, FIELD_SCALE, ROTATOR_DEG, G = 0.5, 0.01, 0.005, 3e-5, 2e-3, 1.0, 0.01
POLARISED = {"xi_dl_x_E": 6e4, "xi_dl_z_E": -5e4, "xi_fl_x_E": 3e4, "xi_fl_z_E": 8e4}
#: The direct current of R(phi), and what it heats.
SENSE_A, HEATING = 0.5e-3, 900.0


def series(count, rho):
    """Return pulls by name of ``count`` laboratories with a frequency series at 45 deg and both signs of field."""
    return _pulls(the_sample(), [5e9, 7e9, 9e9, 11e9], [45.0], count, rho)


def angles(count, rho):
    """Return pulls by name of ``count`` laboratories with an angle series of spins that are not along y only."""
    return _pulls(the_sample(**POLARISED), [7e9], [20.0, 45.0, 70.0, 110.0, 155.0], count, rho)


def magnetoresistance(count, rho):
    """Return pulls of R(phi)'s swing and offset, of a strip that its own current heats."""
    pulls = {"delta_resistance": [], "angle_offset": []}
    angle = np.repeat(np.linspace(0.0, 180.0, 25), 2)  # as AMRAngleScan has it
    for seed in range(count):
        rng = np.random.default_rng(seed)
        zero, heating = rng.normal(0.0, ROTATOR_DEG), Value(rng.normal(HEATING, 20.0), 20.0, "1/A**2")
        cold = SAMPLE["resistance_ohm"] + SAMPLE["amr_ohm"] * np.cos(np.radians(angle + zero)) ** 2
        read = cold / (1 - HEATING * SENSE_A**2) + 2e-3 * autoregressive(rng, len(angle), rho)
        found = AMR().reduce([Turn(angle, read, 0.1, current_A=SENSE_A)], AMRSettings(heating=heating)).results
        for name, truth in (("delta_resistance", SAMPLE["amr_ohm"]), ("angle_offset", zero)):
            pulls[name].append((found[name].value - truth) / found[name].sigma)
    return {name: np.array(each) for name, each in pulls.items()}


@dataclass
class Laboratory:
    """What one laboratory is like, and what it reads and is told."""

    level: float
    zero_T: float
    scale: float
    rotator_deg: float
    current_A: np.ndarray
    noise: np.ndarray
    told: STFMRSettings

    @classmethod
    def of(cls, seed, frequencies, shape, rho):
        rng = np.random.default_rng(seed)
        level = 10 ** (rng.normal(0.0, LEVEL_DB) / 20)  # of the current; voltages go with its square
        wrong = (1 + rng.normal(0.0, SCALE)) * (1 + rng.normal(0.0, OWN, frequencies))
        zero_T, scale, rotator_deg = rng.normal((0.0, 1.0, 0.0), (ZERO_T, FIELD_SCALE, ROTATOR_DEG))
        noise = autoregressive(rng, int(np.prod(shape)), rho).reshape(shape)
        return cls(level, zero_T, scale, rotator_deg, CURRENT_A * level * wrong, noise, _told(rng))


def _pulls(sample, frequencies_Hz, angles_deg, count, rho):
    f, angle, field, voltage = spectra(sample, frequencies_Hz, angles_deg, points=101)
    sign, place = np.sign(field[:, 0]), np.searchsorted(frequencies_Hz, f)
    labs = [Laboratory.of(seed, len(frequencies_Hz), voltage.shape, rho) for seed in range(count)]
    largest = np.abs(voltage).max()
    noisy = [lab.level**2 * voltage + NOISE * largest * lab.noise for lab in labs]
    shown_T = [lab.scale * field + lab.zero_T for lab in labs]
    fit = fit_lineshape([b for each in shown_T for b in each], [v for each in noisy for v in each])
    lines = [sample.line(one, CURRENT_A, a + (180 if s < 0 else 0)) for one, a, s in zip(f, angle, sign, strict=True)]
    pulls = {}

    def take(name, value, sigma, truth):
        pulls.setdefault(name, []).extend(np.atleast_1d((value - truth) / sigma))

    for k, lab in enumerate(labs):
        rotator_deg = lab.rotator_deg if len(angles_deg) > 1 else 0.0  # one angle does not tell the rotator's zero
        of_lab = slice(k * len(f), (k + 1) * len(f))
        part = replace(fit, **{one.name: getattr(fit, one.name)[of_lab] for one in fields(fit)})
        measured = [
            Spectrum(b, v, one, angle_deg=a - rotator_deg, current_A=i, current_sigma_A=OWN * i)
            for b, v, one, a, i in zip(shown_T[k], noisy[k], f, angle, lab.current_A[place], strict=True)
        ]
        found, _ = STFMR()._over_frequency(measured, part, lab.told, [])
        for name, truth in _truth(sample, lab.level, rotator_deg).items():
            if name in found and found[name].sigma:
                take(name, found[name].value, found[name].sigma, truth)
        for name, unit in (("v_sym", "V"), ("v_asym", "V"), ("field_res", "T"), ("width", "T")):
            truth = np.array([getattr(line, f"{name}_{unit}") for line in lines])
            value, sigma = getattr(part, name), getattr(part, f"{name}_sigma")
            if unit == "V":
                truth = truth * lab.level**2
            else:  # the gaussmeter's scale and zero are those of all lines of a laboratory: not of this sigma
                value = (value - (name == "field_res") * sign * lab.zero_T) / lab.scale
            take(name, value[part.good], sigma[part.good], truth[part.good])
    return {name: np.array(each) for name, each in pulls.items()}


def _told(rng):
    """Return what a laboratory is told: the truth and a draw of the stated sigma; currents come with the spectra."""
    sigmas = {name: part * TRUE_SETTINGS[name] for name, part in TOLD.items()}
    drawn = {name: rng.normal(TRUE_SETTINGS[name], sigma) for name, sigma in sigmas.items()} | {"current": None}
    g = {"g": rng.normal(SAMPLE["g"], G), "g_sigma": G}
    known = {"field_offset_sigma": ZERO_T, "field_scale_sigma": FIELD_SCALE, "current_scale_sigma": SCALE}
    return settings(drawn | g | known, sigmas)


def _truth(sample, level, rotator_deg):
    """Return what should be found at a level of the current."""
    t, rho = sample.torques(CURRENT_A * level), sample.nm_resistivity_ohm_m
    b_fl, e_field = t.field_like_T + t.oersted_T, CURRENT_A * level * sample.resistance_ohm / sample.length_m
    moment = sample.mu0_ms_T * sample.fm_thickness_m
    return {
        "mu0_meff": sample.mu0_meff_T, "g": sample.g, "alpha": sample.alpha, "width_0": sample.width_0_T,
        "current_rf": CURRENT_A * level, "e_field": e_field, "b_oe": t.oersted_T, "b_dl": t.damping_like_T,
        "b_fl": b_fl, "xi_dl_E": sample.xi_dl_E, "xi_fl_E": sample.xi_fl_E, "xi_dl_j": sample.xi_dl_E * rho,
        "xi_fl_j": sample.xi_fl_E * rho, "b_dl_per_j": t.damping_like_T * rho / e_field,
        "xi_fmr": t.damping_like_T / b_fl * e / hbar * moment * sample.nm_thickness_m,
        "b_dl_y": t.damping_like_T, "b_dl_x": t.damping_like_x_T, "b_dl_z": t.damping_like_z_T, "b_fl_y": b_fl,
        "b_fl_x": t.field_like_x_T, "b_fl_z": t.field_like_z_T, "angle_offset": np.radians(rotator_deg),
    }  # fmt: skip
