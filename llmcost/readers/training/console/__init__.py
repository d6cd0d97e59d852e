"""Logs that trainers print: records found by a pattern, or blocks of figures."""
