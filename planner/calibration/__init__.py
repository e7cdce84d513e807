"""Fitting the cost source to measurements, and saying how well it does on measurements it has not seen."""
