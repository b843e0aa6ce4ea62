"""Provisioning: making, listing and removing tenants, domains, mailboxes, aliases and app passwords.

These are the use-cases behind the operator's command line, the demo tenant and, later, the web pages. They write
the ORM's rows plainly and take everything else as an argument: the moment, the cell's id, the key files' bytes,
the source of randomness and the `Claims` on the directory. What a person typed is checked here and nowhere
else (`names`); every refusal is a `CannotProvision` whose text says what to do about it.

Functions open their own transaction. A row that is counted or numbered (UIDVALIDITY, key serial, usage) is made
in the same transaction as the row that it counts, so that a crash leaves all of it or none.
"""
