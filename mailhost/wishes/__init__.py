"""What the owner of a mailbox wants done with what arrives: filed, answered, forwarded, sent back the way it came."""
