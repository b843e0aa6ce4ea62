"""Messages nobody wrote by hand: generated header fields and bodies with CRLF line ends, for the oracles."""

from hypothesis import strategies as st

_WORDS = st.text(st.sampled_from("abc XYZ\t.;:=\"'()<>@=%é"), max_size=30)
_LINE = _WORDS.map(lambda text: text.encode())
_FOLDED = st.lists(_LINE, min_size=1, max_size=3).map(
    lambda lines: b"\r\n\t".join(line.strip() or b"x" for line in lines)
)
_NAMES = st.sampled_from(
    [b"Subject", b"to", b"CC", b"Date", b"Message-ID", b"X-Other", b"List-Id", b"Received", b"Content-Type"]
)
_FIELD = st.tuples(_NAMES, st.sampled_from([b":", b": ", b":  "]), _FOLDED).map(b"".join)
_BODY_LINE = st.one_of(_LINE, st.sampled_from([b"", b" ", b"\t", b"  word  ", b"."]))

MESSAGES = st.builds(
    lambda before, after, body, end: b"\r\n".join(
        [*before, b"From: Ada <ada@example.is>", *after, b"", b"\r\n".join(body) + end]
    ),
    st.lists(_FIELD, max_size=4),
    st.lists(_FIELD, max_size=4),
    st.lists(_BODY_LINE, max_size=6),
    # SMTP ends every body with a line end (RFC 5321 §4.1.1.4); without one, readers of RFC 6376 §3.4.4 differ.
    st.sampled_from([b"\r\n", b"\r\n\r\n", b" \r\n\r\n"]),
)
