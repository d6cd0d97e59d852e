"""Measurements, traces and bills as tools write them: one file a format, chosen by what a file holds.

`registry.read` is the way in. A format is a module with one `READER`, in `serving`, `training`, `traces` or `bills` or
a folder of theirs; adding one touches that module and its test, nothing else.
"""
