"""Real servers that tests start for themselves, in temporary folders and on loopback, and end again."""
