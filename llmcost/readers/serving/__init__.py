"""Formats of serving benchmarks, one a module with a `READER`."""
