"""Keys of the cast, made of fixed seeds, and a summary to seal with; shared by the tests of sealing."""

from mailhost.seal import Address, HybridIdentity, Summary

ADA = HybridIdentity(bytes(range(32)))
BEN = HybridIdentity(bytes(range(32, 64)))
CLEO = HybridIdentity(bytes(range(64, 96)))

SUMMARY = Summary(
    size=5000,
    internaldate=1_780_000_000,
    from_=(Address("Ben", "ben@demo.test"),),
    to=(Address("Ada Lovelace", "ada@example.is"),),
    subject="Grüße — and 日本語",
    date="Mon, 1 Jun 2026 10:00:00 +0000",
    message_id="<1@demo.test>",
    references=("<0@demo.test>",),
    attachments=("résumé.pdf",),
    preview="Dear Ada, ",
    verdict="dmarc=pass header.from=demo.test",
    envelope='("Mon, 1 Jun 2026 10:00:00 +0000" "Hi" NIL NIL NIL NIL NIL NIL NIL "<1@demo.test>")',
    body='("TEXT" "PLAIN" NIL NIL NIL "7BIT" 9 1)',
    bodystructure='("TEXT" "PLAIN" NIL NIL NIL "7BIT" 9 1 NIL NIL NIL NIL)',
)
