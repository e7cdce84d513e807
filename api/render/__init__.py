"""Answers as text for people: tables, progress, error messages, quantities with units."""
