"""What becomes of a message that leaves: where it may go, how it gets there, and what its author is told."""
