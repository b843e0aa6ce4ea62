"""A tenant's own pages: its domains and their DNS, its mailboxes, its law, and what is on record about it.

Views read a form, call a use-case of `mailhost.provision` or `jurisdiction.records`, and lead on; they write no rows
themselves. Everything is looked up through the tenant of the address, which the gate has compared with the caller's.
"""
