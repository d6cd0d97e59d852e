"""What load generators write: the file or the block of a client that asked a server."""
