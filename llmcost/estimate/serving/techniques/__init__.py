"""What techniques change in a question and add to its answer."""
