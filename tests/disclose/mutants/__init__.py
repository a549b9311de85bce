"""A mutation test of deciding, redacting and proving: `python -m tests.disclose.mutants [PACKAGE...] [--sample N]`.

One small thing in one module is changed (a comparison, a connection, a constant, what is returned), and the tests of
that package are run on it. A change that no test notices survives, and is listed: it may be a missing test, or mean
the same. No file is written: the changed module is compiled in a process of its own.
"""
