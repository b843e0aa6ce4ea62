"""The DNS of a hosted domain: what it should say, what it says, and what programs find by it."""
