"""Unit constants: multiply on the way in, divide on the way out; inside, SI base units only."""

KB, MB, GB, TB = 1e3, 1e6, 1e9, 1e12  # decimal: bandwidths and vendor figures
KIB, MIB, GIB = 2.0**10, 2.0**20, 2.0**30  # binary: allocator and device-capacity figures
TFLOP = 1e12
US, MS = 1e-6, 1e-3
HOUR_S = 3600.0
