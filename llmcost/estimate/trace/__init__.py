"""A log of requests as traffic: its lengths, its hours, its bursts, its growth, what its prompts share, its users."""
