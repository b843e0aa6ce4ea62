"""Demo data: a cell that looks as if people had lived in it, so that every page can be looked at and measured.

`houses` makes tenants, domains whose DNS is right, wrong or unseen, and mailboxes; `happenings` what happened to them:
sealed mail, a queue with every reason, reports, jobs, operators' acts, decisions, tokens. The same seed makes the same
cell. Tenants are called `demo-…`, their domains end in `.test` (RFC 6761 §6.2: never on the internet), and none is
claimed at the directory. The first mailboxes of a tenant have keys and can be signed in to; the others are invited.
"""
