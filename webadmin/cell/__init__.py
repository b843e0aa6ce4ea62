"""What one cell is and has: its identity and keys, its place, its notary and witnesses, its side of the house."""
