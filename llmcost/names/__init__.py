"""Names as people type them, and what they mean for certain."""
