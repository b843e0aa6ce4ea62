"""Who signs in on the web, how that is proven, and how long it counts.

Two kinds of account that never mix. An *operator* has a name and a password of their own and no mailbox. A *mailbox
owner* is the mailbox's address and proves themselves with the `auth_key` that their browser derives from the account
password; the password never comes here. Operators and tenants' admins need a second factor, always.
"""
