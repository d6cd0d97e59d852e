"""What a replica may be, what each does under the traffic, and the one that serves for least."""
