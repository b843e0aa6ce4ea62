"""Where the parts are put together: one module a daemon, settings in, running until SIGTERM.

Everything below takes its clock, keys, limits and ports as arguments; this is the place that hands them over. A
daemon binds its own sockets with SO_REUSEPORT, so that N processes share a port, tells its supervisor that it is
ready only when it can serve, and stops in order: no new connections, answers to what is in hand, the writer's queue
committed, then out. Each daemon's module imports only what that daemon runs: memory and start are paid a process.
"""
