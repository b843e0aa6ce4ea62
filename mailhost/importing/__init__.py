"""Bringing mail in from elsewhere: another IMAP host, mbox files, a Maildir, a folder of messages.

`source` says what a place that mail comes from must give, `target` what the mailbox must take, `places` which folder
goes where, `bring` does the work. Reading files and sockets is the adapters' business (`mailhost.adapters.sources`).
Each message is sealed as it arrives, by the same path as an IMAP APPEND, and is never on a disk in clear.
"""
