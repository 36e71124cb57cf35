"""The Landau-Lifshitz-Gilbert equation integrated in time: what the ST-FMR analysis is held against.

Nothing of the analysis is used, and nothing is linearised: m precesses under an alternating current I sin wt with the
effective fields F + m x D, and the voltage I R(m) is averaged over whole periods.
"""

import numpy as np

GAMMA = 2 * np.pi * 13.996244936e9  # per g factor [rad/s/T]


def cross(a, b):
    return np.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def stepped(slope, m, h, drive):
    """Return m after a step of Runge and Kutta, of unit length; ``drive`` is that at its start, middle and end."""
    k1 = slope(m, drive[0])
    k2 = slope(m + h / 2 * k1, drive[1])
    k3 = slope(m + h / 2 * k2, drive[1])
    k4 = slope(m + h * k3, drive[2])
    m = m + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return m / np.sqrt((m * m).sum(axis=0))


def rectified(
    field_T, angle_rad, frequency_Hz, *, current_A, delta_resistance, mu0_meff_T, alpha, g=2.0, field_like=(0, 0, 0),
    damping_like=(0, 0, 0), periods=2, steps=24,
):  # fmt: skip
    """Return the mean voltage (N,) of fields, angles and frequencies (N,), R = dR m_x^2; m begins along the field."""
    field_T, angle, frequency = np.broadcast_arrays(*(np.asarray(a, float) for a in (field_T, angle_rad, frequency_Hz)))
    direction = np.stack([np.cos(angle), np.sin(angle), np.zeros(len(field_T))])
    applied, gamma = field_T * direction, g * GAMMA
    fl = np.broadcast_to(np.asarray(field_like, float).reshape(3, -1), applied.shape)
    dl = np.broadcast_to(np.asarray(damping_like, float).reshape(3, -1), applied.shape)

    def slope(m, drive):
        b = applied + drive * (fl + cross(m, dl))
        b[2] -= mu0_meff_T * m[2]
        torque = cross(m, b)
        return -gamma / (1 + alpha**2) * (torque + alpha * cross(m, torque))

    m = direction * np.sign(field_T)
    h = 1 / frequency / steps
    # Transients decay with alpha gamma (B + M/2): they must be gone to 1e-5 before the average is taken.
    rate = alpha * gamma * (np.abs(field_T) + mu0_meff_T / 2)
    settling = int(np.ceil((12 / rate * frequency).max())) * steps
    wave = np.sin(np.pi * np.arange(2 * steps + 2) / steps)  # at whole and half steps of a period
    total = np.zeros(len(field_T))
    for k in range(settling + periods * steps):
        start, half, end = wave[2 * (k % steps) : 2 * (k % steps) + 3]
        if k >= settling:
            total += start * m[0] ** 2
        m = stepped(slope, m, h, (start, half, end))
    return current_A * delta_resistance * total / (periods * steps)


def hall_harmonics(
    field_T, polar_rad, azimuth_rad, *, r_a, r_p, b_k, b_dl=0.0, b_fl=0.0, r_ane=0.0, r_one=0.0, alpha=0.7, slow=4e-4,
    steps=4000,
):  # fmt: skip
    """Return R_1w and R_2w (N,) of a slow current I sin wt; m begins along the field.

    Time is in units of 1/(gamma 1 T), ``slow`` the frequency in them. That m lags behind shows in the quadratures that
    are not asked for, and in these by (w/alpha gamma B)^2.
    """
    field_T, polar, azimuth = np.broadcast_arrays(*(np.asarray(a, float) for a in (field_T, polar_rad, azimuth_rad)))
    direction = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)])
    applied, y = field_T * direction, np.array([0.0, 1.0, 0.0])[:, None]

    def slope(m, drive):
        b = applied + drive * (b_fl * y + b_dl * cross(m, y + 0 * m))
        b[2] += b_k * m[2]
        torque = cross(m, b)
        return -(torque + alpha * cross(m, torque)) / (1 + alpha**2)

    m, h, settling = direction.copy(), 1 / slow / steps, steps // 4
    first, second, heat = np.zeros((3, len(field_T)))
    for k in range(-settling, steps):
        start, half, end = np.sin(2 * np.pi * (k + np.array([0.0, 0.5, 1.0])) / steps)
        if k >= 0:
            hall = start * (r_a * m[2] + 2 * r_p * m[0] * m[1])
            # The gradient of the temperature goes with the power of the current: 2 sin^2 = 1 - cos 2wt.
            heat = 2 * start**2 * (r_ane * m[0] + r_one * applied[0])
            first += start * (hall + heat)
            second += np.cos(4 * np.pi * k / steps) * (hall + heat)
        m = stepped(slope, m, h, (start, half, end))
    return 2 * first / steps, 2 * second / steps
