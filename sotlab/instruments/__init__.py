"""Drivers, roles and the station: what is on the bench, in which units, within which limits.

* ``roles.py``: what a procedure may ask for, in SI units.
* one file per model: the instrument in PyMeasure's style, and the driver that fills a role with it.
* ``driver.py``: what drivers have in common. ``station.py``: the bench described in one TOML file.
* ``stations/``: the stations of the shipped virtual benches, in the same shape as any other.
"""
