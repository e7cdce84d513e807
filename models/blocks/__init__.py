"""The kinds of layers a model is made of: shapes, parameters, cache."""
