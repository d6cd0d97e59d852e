"""Formats of bills and usage exports, one a module with a `READER`."""
