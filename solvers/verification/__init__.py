"""Checks an answer against its certificate in exact arithmetic, apart from the code that made both."""
