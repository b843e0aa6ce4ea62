"""The IMAP engine's store over the cell's database: `accounts` (login), `account` (folders), `folder` (messages),
`flagging` and `moving` (changes inside a transaction), `views` (what bytes a message is served as)."""
