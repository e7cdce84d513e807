"""Nouns and pure costs: what exists, how big it is and how long it takes."""
