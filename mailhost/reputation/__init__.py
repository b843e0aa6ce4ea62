"""Is this sender to be trusted with a place in somebody's inbox? What is known about it, weighed into a ruling.

Authentication (`mailauth`) says who sent a message; it does not say whether that is somebody one wants mail from.
Here everything is put together, once a message is complete:

* `sources`    the client: its address, its network, what it claims to be in HELO;
* `blocklists` what others say about it: DNS block lists, its own reverse name;
* `memory`     what this cell remembers, as keyed hashes with an expiry: who was written to, who came before;
* `weighing`   each finding with its weight, and the bands of their sum;
* `judge`      the use-case: asks all of them at the same time within one budget, and gives a `Ruling`.

A ruling is a value: take it (for each tenant into the inbox or Junk), not now (4yz), or never (5yz), with the reason.
DNS, content filter, memory and tenants' policies are ports; nothing here knows a socket, a table or a clock.
"""
