"""The page of a secure link: its reader's browser turns words into keys, opens the message and sends an answer.

The words never come here. What comes is the auth key, which proves them and opens the link's record; the message leaves
this host sealed, as it lay here.

Beside it stands the other page for people without an account: where an address elsewhere agrees to take what a mailbox
here forwards to it.
"""
