"""Reports about mail that domains send each other: ours counted and written, theirs read (RFC 9990, RFC 8460)."""
