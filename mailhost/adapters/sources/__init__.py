"""Places that mail is imported from: `imap`, `mbox`, `maildir`, `eml`; each is an `importing.source.Source`."""
