"""Runs over whole corpora, on demand: `python -m tests.disclose.corpora COMMAND PATH`, and their samples in tests.

Nothing is downloaded here. PATH is a folder, an NDJSON file or an npm package that somebody has fetched.
"""
