"""What a terminal shows: tables that fit it, and pictures made of characters."""
