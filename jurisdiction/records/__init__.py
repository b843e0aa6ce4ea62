"""Writing to the ledger and the tables beside it, and reading them back.

Functions here take a `Notary`, the moment and plain values. Whatever appends does so inside the caller's
transaction: the act and its entry are there together or not at all.
"""
