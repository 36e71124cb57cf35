"""The harmonic Hall resistances of a uniaxial film, and the direction of its magnetisation.

Conventions (those of the whole of sotlab): current I sin wt along +x, z is the growth direction, the field has a polar
angle from z and an azimuth from x. B_eff,SOT = B_FL y + B_DL (m x y). V_xy = I [R_A m_z + 2 R_P m_x m_y], R_A and R_P
half of the full swings. B_K > 0 is an easy axis along z (B_K = -mu0*M_eff). R_2w is the coefficient of cos 2wt over I.

With m at (theta, phi) under a field at (theta_H, phi), linear response to the current's effective field gives::

    d theta = (B_FL cos theta sin phi - B_DL cos phi) / [B cos(theta_H - theta) + B_K cos 2 theta]
    d phi   = (B_FL cos phi + B_DL cos theta sin phi) / (B sin theta_H)
    R_2w    = -1/2 [dR_xy/d theta * d theta + dR_xy/d phi * d phi] - (R_ANE sin theta + R_ONE B sin theta_H) cos phi

At phi = 0 this is the out-of-plane form, at theta = 90 deg the in-plane one: R_ANE and R_ONE have one sign in all
geometries.

References
----------
Hayashi et al., Phys. Rev. B 89, 144425 (2014), for the method; its resistances are full swings.
"""

from __future__ import annotations

import numpy as np

__all__ = ["TERMS", "UNITS", "field_without_sign", "magnetisation_angle", "second_harmonic_columns"]

#: The parameters of R_2w, which is linear in them.
TERMS = ("b_dl", "b_fl", "r_ane", "r_one")
UNITS = {"b_dl": "T", "b_fl": "T", "r_ane": "ohm", "r_one": "ohm/T"}
_STEPS = 60


def field_without_sign(field_T: np.ndarray, polar_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return |B| and the polar angle that has with it: a negative field is one turned by 180 deg."""
    field, polar = np.asarray(field_T, float), np.asarray(polar_rad, float)
    return np.abs(field), np.where(field < 0, polar + np.pi, polar)


def magnetisation_angle(field_T: np.ndarray, polar_rad: np.ndarray, b_k_T: float) -> np.ndarray:
    """Return the polar angle of the magnetisation [rad], from the torque balance.

    B sin(theta_H - theta) = 1/2 B_K sin 2 theta, solved for the lowest energy. It lies between the field and the
    nearest easy direction, where it is the only equilibrium, and is found by bisection and Newton. Hysteresis is not
    followed.

    Parameters
    ----------
    field_T : (N,) float
        Field, above 0 [T].
    polar_rad : (N,) float
        Its polar angle, of any number of turns; the result keeps to it.
    b_k_T : float
        Anisotropy field; below 0 for an easy plane.
    """
    field, polar = np.broadcast_arrays(np.asarray(field_T, float), np.asarray(polar_rad, float))
    # Fold into the first quadrant, where theta lies in [0, theta_H] for an easy axis, in [theta_H, 90 deg] for a plane.
    quarter = np.floor(polar / (np.pi / 2))
    odd = quarter % 2 == 1
    folded = polar - quarter * (np.pi / 2)
    folded = np.where(odd, np.pi / 2 - folded, folded)
    low, high = (np.zeros_like(folded), folded) if b_k_T >= 0 else (folded, np.full_like(folded, np.pi / 2))
    theta = np.where(field > 0, folded, (low + high) / 2)
    for _ in range(_STEPS):
        torque = field * np.sin(folded - theta) - 0.5 * b_k_T * np.sin(2 * theta)
        low, high = np.where(torque > 0, theta, low), np.where(torque > 0, high, theta)
        slope = -field * np.cos(folded - theta) - b_k_T * np.cos(2 * theta)
        with np.errstate(divide="ignore", invalid="ignore"):
            stepped = theta - torque / slope
        inside = (stepped >= low) & (stepped <= high)
        new = np.where(inside, stepped, (low + high) / 2)
        settled = np.abs(new - theta) <= 1e-15
        theta = new
        if settled.all():
            break
    theta = np.where(odd, np.pi / 2 - theta, theta)
    return theta + quarter * (np.pi / 2)


def second_harmonic_columns(
    field_T: np.ndarray,
    polar_rad: np.ndarray,
    azimuth_rad: np.ndarray | float,
    theta_rad: np.ndarray,
    *,
    r_a_ohm: float,
    r_p_ohm: float,
    b_k_T: float,
) -> dict[str, np.ndarray]:
    """Return what each of `TERMS` adds to R_2w per unit.

    Parameters
    ----------
    field_T, polar_rad, azimuth_rad : (N,) float
        Field, above 0, and its direction.
    theta_rad : (N,) float
        Polar angle of the magnetisation, of `magnetisation_angle`.
    r_a_ohm, r_p_ohm : float
        Anomalous and planar Hall resistance, half swings, with their signs.
    b_k_T : float
        Anisotropy field.
    """
    sin, cos = np.sin(theta_rad), np.cos(theta_rad)
    sin_phi, cos_phi = np.sin(azimuth_rad), np.cos(azimuth_rad)
    sin_2phi, cos_2phi = np.sin(2 * np.asarray(azimuth_rad)), np.cos(2 * np.asarray(azimuth_rad))
    polar_stiffness = field_T * np.cos(polar_rad - theta_rad) + b_k_T * np.cos(2 * theta_rad)
    by_theta = -r_a_ohm * sin + 2 * r_p_ohm * sin * cos * sin_2phi
    # d phi has sin theta_H below; with the sin^2 theta of the planar Hall effect the ratio stays finite at the pole.
    sin_h = np.sin(polar_rad)
    near_pole = np.abs(sin_h) < 1e-9
    ratio = np.where(near_pole, field_T / (field_T + b_k_T), sin / np.where(near_pole, 1.0, sin_h))
    by_phi = 2 * r_p_ohm * cos_2phi * sin * ratio / field_T
    return {
        "b_dl": -0.5 * (-by_theta * cos_phi / polar_stiffness + by_phi * cos * sin_phi),
        "b_fl": -0.5 * (by_theta * cos * sin_phi / polar_stiffness + by_phi * cos_phi),
        "r_ane": -sin * cos_phi,
        "r_one": -field_T * sin_h * cos_phi,
    }
