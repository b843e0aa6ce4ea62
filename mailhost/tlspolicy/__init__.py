"""May this host have our mail over this connection? MTA-STS, DANE and what is reported about both.

SMTP encrypts when both sides happen to be able to, and anyone on the path can make them unable. Two protocols let a
domain demand more: DANE (`dane`) by signed records in the DNS, MTA-STS (`mtasts`) by a file on its web site. TLS-RPT
(`tlsrpt`) tells a domain how often that worked.

Everything here is pure: records, files and certificates in, values out. Who connects asks `dane` first and `mtasts`
only where there is no DANE (RFC 8461 §2).
"""
