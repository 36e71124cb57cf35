"""Lets PyVISA find the virtual lab: ``pyvisa.ResourceManager("stfmr@sotlab")``."""

from sotlab.simulated.visa import VirtualLabLibrary as WRAPPER_CLASS

__all__ = ["WRAPPER_CLASS"]
