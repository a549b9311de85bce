"""Codes, code systems and the words for them: data with its source, read from this package alone."""
