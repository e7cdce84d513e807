"""Mathematical programs over plain arrays: numbers in, choice and proof out."""
