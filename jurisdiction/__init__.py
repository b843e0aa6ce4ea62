"""Where mail may lie, who may reach it there, and how both are proved.

Facts about countries are data (`data/*.toml`), read once into an `Atlas`. A tenant's wishes are a `Policy`. Every
place that acts (homing, storage, task, route, operator session, legal desk) asks `decide` and gets a `Decision`: a
verdict with its reasons, never a bare yes. What was decided is written to an append-only `ledger` that a tenant
checks offline.

Everything here except the data loader is pure: no database, no network, no clock. Time is an argument.
Nothing in this package is legal advice.
"""
