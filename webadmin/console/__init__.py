"""The operator's console: how the cell is, what waits, whose it is, and the few things an operator may do about it."""
