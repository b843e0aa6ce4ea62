"""What a cell does by itself: kinds of periodic work, and the work."""
