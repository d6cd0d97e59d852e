"""Formats of logs of requests, one a module with a `READER`."""
