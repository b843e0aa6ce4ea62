"""How a machine runs a cell: prepared once, forked or started, supervised, named, backed up, stopped."""
