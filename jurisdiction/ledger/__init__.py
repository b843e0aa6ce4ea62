"""An append-only log per cell, which its tenants check without trusting the cell.

Every policy, placement, key and session leaves an entry. The entries are the leaves of a Merkle tree (RFC 6962); its
root, signed, is a checkpoint. With a proof of a few hashes a tenant checks that an entry is in the log (inclusion)
and that the log of today continues the log of yesterday (consistency). Witnesses elsewhere sign the checkpoints they
have seen to be consistent, so that a cell cannot show different logs to different people.

No entry holds personal data in clear: addresses, sessions and assets appear as keyed hashes.
Formats: C2SP tlog-checkpoint, signed-note and tlog-cosignature, all with Ed25519.
"""
