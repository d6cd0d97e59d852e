"""Measurements, traces and bills as tools write them: one file a format, chosen by what a file holds.

`registry.read` is the way in. A format is a module of `serving`, `training`, `traces` or `bills` with one `READER`;
adding one touches that module and its test, nothing else.
"""
