"""Mail messages as values: bytes in, offsets and texts out.

Everything a mail host must know about a message without keeping it: who it is from, where its parts begin
and end (RFC 2045, RFC 2046), what IMAP says about it (RFC 9051 §7.5), which trace fields it gets.

Whatever arrives from the internet is *content*, and content never raises here: a broken header, an unknown
charset or ten thousand nested parts give a poorer answer, not an error.  Every scan takes time linear in
the size of its input, and every limit has a name.  No Django, no files, no sockets, no clock.
"""
