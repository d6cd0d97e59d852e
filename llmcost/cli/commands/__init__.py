"""One file per command: `register(app, full)` adds it, its options only where it is the one that runs."""
