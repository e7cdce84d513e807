"""Solvers behind one port: plain arrays in, result out."""
