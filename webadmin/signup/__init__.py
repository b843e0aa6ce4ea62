"""Signup: from three questions to a tenant with a first mailbox, whose keys the founder's browser made.

Nothing of a signup is stored before its end but a reservation of the name, as a keyed hash. The answers travel in a
signed cookie of this host, so that a closed window or a second tab loses nothing; passphrase and recovery words never
leave the page. Against abuse stand vouchers and proof of work, and a hold on young tenants' outbound mail.
"""
