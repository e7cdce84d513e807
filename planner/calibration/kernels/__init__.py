"""Fitting the kernel curves to tables of operator timings: reading, counting the work, fitting, writing."""
