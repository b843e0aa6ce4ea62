"""SMTP at the edge: octets in, values to the use-cases, replies out.

`serve` opens the door, `server` is one session on a socket, `dialogue` its rules; `commands` and `content` read what
a client sends, `replies` is all that is ever said; `floor` and `budget` are what sessions share.
"""
