"""The leaks: a folder a family, and in it a file an Expectation. How they are found: :mod:`gx_leakage.families`."""
