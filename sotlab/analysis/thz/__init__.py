"""Terahertz emission by delay scan: delay axis, averaging, noise, spectra, ratios, and what they say of the emitter.

Fourier transforms follow F(f) = integral S(t) exp(-2 pi i f t) dt, as numpy's: a trace that comes later by d has
F exp(-2 pi i f d), a passive response has its phase lag as a negative phase, and an absorbing medium n - i k.
"""
