"""Who sent this message, and may they? SPF, DKIM, ARC and DMARC, both ways, and what they add up to.

A name in From proves nothing. Four protocols let a domain say in the DNS how to tell its mail from forgeries:

* SPF (`spf`): which addresses may send with this envelope sender;
* DKIM (`dkim`): a signature over header and body, whose key is in the DNS;
* ARC (`arc`): what a forwarder saw before it changed the message, sealed hop by hop;
* DMARC (`dmarc`): that SPF or DKIM must speak for the domain in From, and what to do if neither does.

`verdict` turns their results into what becomes of the message, with reasons; `results` writes them into its header.
For our own mail: `dkim_signing`, `selectors` (rotation of keys), `arc` (sealing forwards), `srs` (their envelopes).

Everything here is pure: no I/O and no clock. DNS is asked through `resolver.Resolver`, time comes as an argument,
and every result is a value; hostile records and messages end in a result, never in an exception.
"""
