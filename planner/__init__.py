"""Verbs: from a scenario to ranked, explained plans."""
