"""Formats of training logs, one a module with a `READER`."""
