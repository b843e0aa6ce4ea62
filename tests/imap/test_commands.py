"""Commands as values: what is read, what is refused, and that nothing else is ever raised."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailhost.imap import commands as c
from mailhost.imap import commands_folders as cf
from mailhost.imap import commands_messages as cm
from mailhost.imap import search_keys as k
from mailhost.imap.commands import parse, tag_of
from mailhost.imap.fetch_items import Binary, Plain, Section
from mailhost.imap.sequence import SequenceSet, parse_set
from mailhost.imap.store import FlagOp
from mailhost.imap.tokens import MAX_DEPTH, BadCommand, write_date_time
from mailhost.imap.wire import Literal, LiteralAsked, Request, Splitter
from mailhost.message.section import Section as Part
from mailhost.message.section import What

ONE = SequenceSet(((1, 1),))


def request(line: bytes) -> Request:
    """A line, with literals where `{n+}` CRLF says so."""
    splitter = Splitter()
    splitter.logged_in(1_000_000)
    splitter.feed(line + b"\r\n")
    while True:
        event = splitter.next_event()
        if isinstance(event, LiteralAsked):
            splitter.accept()
            continue
        assert isinstance(event, Request), event
        return event


def read(line: bytes) -> object:
    return parse(request(b"tag " + line))[2]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"NOOP", c.Noop()),
        (b"noop", c.Noop()),
        (b"ID NIL", c.Id()),
        (b'ID ("name" "x" "version" NIL)', c.Id()),
        (b"LOGIN ada open", c.Login(b"ada", b"open")),
        (b'LOGIN "ada \\"x\\"" "o\\\\p"', c.Login(b'ada "x"', b"o\\p")),
        (b"LOGIN {3+}\r\nada {0+}\r\n", c.Login(b"ada", b"")),
        (b"LOGIN ada]x p", c.Login(b"ada]x", b"p")),
        (b"AUTHENTICATE plain", c.Authenticate("PLAIN", None)),
        (b"AUTHENTICATE PLAIN =", c.Authenticate("PLAIN", b"")),
        (b"AUTHENTICATE PLAIN AGEAYg==", c.Authenticate("PLAIN", b"\0a\0b")),
        (b"ENABLE CONDSTORE utf8=accept", c.Enable(("CONDSTORE", "UTF8=ACCEPT"))),
        (b"COMPRESS DEFLATE", c.Compress("DEFLATE")),
        (b"SELECT INBOX", cf.Select(b"INBOX", read_only=False)),
        (b'EXAMINE "My Work"', cf.Select(b"My Work", read_only=True)),
        (b"SELECT x (CONDSTORE)", cf.Select(b"x", read_only=False, condstore=True)),
        (
            b"SELECT x (QRESYNC (67890007 20050715194045000 41,43:211,214:541 (1:3 41:43)))",
            cf.Select(
                b"x",
                read_only=False,
                qresync=cf.Resync(
                    67890007,
                    20050715194045000,
                    parse_set(b"41,43:211,214:541"),
                    (parse_set(b"1:3"), parse_set(b"41:43")),
                ),
            ),
        ),
        (b"CREATE x", cf.Create(b"x")),
        (b"CREATE x (USE (\\Drafts))", cf.Create(b"x", ("\\Drafts",))),
        (b"RENAME a b", cf.Rename(b"a", b"b")),
        (b"UNSUBSCRIBE a", cf.Subscribe(b"a", on=False)),
        (b'LIST "" *', cf.List(b"", (b"*",))),
        (b'LIST "" "%"', cf.List(b"", (b"%",))),
        (b'LIST () "" (a b) RETURN ()', cf.List(b"", (b"a", b"b"), extended=True)),
        (
            b'LIST (SUBSCRIBED RECURSIVEMATCH) "" * RETURN (CHILDREN STATUS (MESSAGES UNSEEN))',
            cf.List(
                b"",
                (b"*",),
                frozenset({"SUBSCRIBED", "RECURSIVEMATCH"}),
                frozenset({"CHILDREN", "STATUS"}),
                ("MESSAGES", "UNSEEN"),
                extended=True,
            ),
        ),
        (b'LSUB "" %', cf.Lsub(b"", b"%")),
        (b"STATUS x (MESSAGES MESSAGES UIDNEXT)", cf.Status(b"x", ("MESSAGES", "UIDNEXT"))),
        (b"APPEND x {2+}\r\nhi", cf.Append(b"x", (cf.AppendMessage(b"hi", (), None, utf8=False),))),
        (
            b'APPEND x (\\Seen $a) " 1-Feb-2026 03:04:05 -0130" ~{2+}\r\n\0i (\\Draft) {1+}\r\nx',
            cf.Append(
                b"x",
                (
                    cf.AppendMessage(
                        b"\0i",
                        ("\\Seen", "$a"),
                        datetime(2026, 2, 1, 3, 4, 5, tzinfo=timezone(-timedelta(hours=1, minutes=30))),
                        utf8=False,
                    ),
                    cf.AppendMessage(b"x", ("\\Draft",), None, utf8=False),
                ),
            ),
        ),
        (b"APPEND x UTF8 (~{2+}\r\nhi)", cf.Append(b"x", (cf.AppendMessage(b"hi", (), None, utf8=True),))),
        (b"GETQUOTA {0+}\r\n", cf.GetQuota(b"")),
        (b"GETQUOTAROOT INBOX", cf.GetQuotaRoot(b"INBOX")),
        (b'SETQUOTA "" (STORAGE 512)', cf.SetQuota()),
        (b"EXPUNGE", cm.Expunge()),
        (b"UID EXPUNGE 1", cm.Expunge(ONE)),
        (b"FETCH 1 FLAGS", cm.Fetch(ONE, (Plain("FLAGS"),), uid=False)),
        (b"UID FETCH 1 (FLAGS UID)", cm.Fetch(ONE, (Plain("FLAGS"), Plain("UID")), uid=True)),
        (
            b"FETCH 1 FAST",
            cm.Fetch(ONE, (Plain("FLAGS"), Plain("INTERNALDATE"), Plain("RFC822.SIZE")), uid=False),
        ),
        (b"FETCH 1 BODY", cm.Fetch(ONE, (Plain("BODY"),), uid=False)),
        (b"FETCH 1 BODY[]", cm.Fetch(ONE, (Section(Part()),), uid=False)),
        (
            b"FETCH 1 (BODY.PEEK[1.2.HEADER.FIELDS (From To)]<0.100>)",
            cm.Fetch(ONE, (Section(Part((1, 2), What.FIELDS, (b"From", b"To")), (0, 100), peek=True),), uid=False),
        ),
        (b"FETCH 1 BODY[1.MIME]", cm.Fetch(ONE, (Section(Part((1,), What.MIME)),), uid=False)),
        (b"FETCH 1 BINARY.PEEK[1]<0.5>", cm.Fetch(ONE, (Binary((1,), (0, 5), peek=True),), uid=False)),
        (b"FETCH 1 BINARY.SIZE[1.2]", cm.Fetch(ONE, (Binary((1, 2), size_only=True),), uid=False)),
        (b"FETCH 1 (PREVIEW (LAZY))", cm.Fetch(ONE, (Plain("PREVIEW"),), uid=False)),
        (b"FETCH 1 FLAGS (CHANGEDSINCE 0)", cm.Fetch(ONE, (Plain("FLAGS"),), uid=False, changed_since=0)),
        (
            b"UID FETCH 1 (FLAGS) (CHANGEDSINCE 5 VANISHED)",
            cm.Fetch(ONE, (Plain("FLAGS"),), uid=True, changed_since=5, vanished=True),
        ),
        (b"STORE 1 +FLAGS (\\Seen)", cm.Store(ONE, FlagOp.ADD, ("\\Seen",), silent=False, uid=False)),
        (b"STORE 1 FLAGS ()", cm.Store(ONE, FlagOp.SET, (), silent=False, uid=False)),
        (b"STORE 1 -flags.silent \\Seen a", cm.Store(ONE, FlagOp.REMOVE, ("\\Seen", "a"), silent=True, uid=False)),
        (
            b"UID STORE 1 (UNCHANGEDSINCE 7) FLAGS (a)",
            cm.Store(ONE, FlagOp.SET, ("a",), silent=False, uid=True, unchanged_since=7),
        ),
        (b"COPY 1 x", cm.Copy(ONE, b"x", uid=False)),
        (b"UID MOVE 1 x", cm.Move(ONE, b"x", uid=True)),
        (b"SEARCH ALL", cm.Search(k.Program(k.All()), uid=False)),
        (b"SEARCH RETURN () 1", cm.Search(k.Program(k.Numbers(ONE, uid=False), frozenset()), uid=False)),
        (
            b"SEARCH CHARSET utf-8 NOT (OR SEEN KEYWORD x) FROM \xc3\xa9",
            None,
        ),
    ],
)
def test_commands_are_read(line: bytes, expected: object) -> None:
    if expected is None:
        with pytest.raises(BadCommand):
            read(line)
    else:
        assert read(line) == expected


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b"UNSEEN", k.Flag("\\Seen", on=False)),
        (b"UNSEEN 1", k.And((k.Flag("\\Seen", on=False), k.Numbers(ONE, uid=False)))),
        (b"(SEEN)", k.Flag("\\Seen", on=True)),
        (b"NOT SEEN", k.Not(k.Flag("\\Seen", on=True))),
        (b"OR SEEN (UID 1 ALL)", k.Or(k.Flag("\\Seen", on=True), k.And((k.Numbers(ONE, uid=True), k.All())))),
        (b"SINCE 1-Feb-2026", k.Day("INTERNAL", "SINCE", date(2026, 2, 1))),
        (b'SENTON "01-feb-2026"', k.Day("SENT", "ON", date(2026, 2, 1))),
        (b"SAVEDBEFORE 31-Dec-1999", k.Day("SAVED", "BEFORE", date(1999, 12, 31))),
        (b"LARGER 5000000000", k.Size(5_000_000_000, larger=True)),
        (b"YOUNGER 60", k.Age(60, older=False)),
        (b'HEADER X-Foo ""', k.Header("x-foo", "")),
        (b'FROM "ada"', k.Header("from", "ada")),
        (b"SUBJECT {6+}\r\nGr\xc3\xbc\xc3\x9f", k.Header("subject", "Grüß")),
        (b"TEXT NIL", k.Text("NIL", headers=True)),
        (b"KEYWORD $Junk", k.Flag("$Junk", on=True)),
        (b"UNKEYWORD x", k.Flag("x", on=False)),
        (b"EMAILID M1", k.ObjectId("EMAILID", "M1")),
        (b"MODSEQ 5", k.ModSeq(5)),
        (b'MODSEQ "/flags/\\\\draft" all 5', k.ModSeq(5)),
    ],
)
def test_search_keys_are_read(line: bytes, key: k.Key) -> None:
    command = read(b"SEARCH " + line)
    assert isinstance(command, cm.Search)
    assert command.program.key == key


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"FOO",
        b"UID",
        b"UID NOOP",
        b"NOOP x",
        b"LOGIN ada",
        b"LOGIN  ",
        b'LOGIN "ada',
        b'LOGIN "a\\b" x',
        b"LOGIN {2+}\r\n\0a x",
        b"AUTHENTICATE PLAIN !!!",
        b"ENABLE",
        b'ID ("a")',
        b"SELECT",
        b"SELECT x (FOO)",
        b"SELECT x (QRESYNC (0 1))",
        b"SELECT x (QRESYNC (1))",
        b"CREATE x (FOO (a))",
        b"LIST",
        b'LIST ""',
        b'LIST (FOO) "" *',
        b'LIST (RECURSIVEMATCH) "" *',
        b'LIST (RECURSIVEMATCH REMOTE) "" *',
        b'LIST "" () RETURN ()',
        b'LIST "" * RETURN (FOO)',
        b'LIST "" * FOO',
        b"STATUS x ()",
        b"STATUS x (FOO)",
        b"APPEND x",
        b'APPEND x "text"',
        b"APPEND x {2+}\r\n\0i",
        b'APPEND x "32-Jan-2026 00:00:00 +0000" {1+}\r\nx',
        b"FETCH 1",
        b"FETCH x FLAGS",
        b"FETCH 1 ()",
        b"FETCH 1 FOO",
        b"FETCH 1 (ALL)",
        b"FETCH 1 BODY.PEEK",
        b"FETCH 1 BODY[FOO]",
        b"FETCH 1 BODY[MIME]",
        b"FETCH 1 BODY[1.]",
        b"FETCH 1 BODY[0]",
        b"FETCH 1 BODY[]<0>",
        b"FETCH 1 BODY[]<0.0>",
        b"FETCH 1 BODY[HEADER.FIELDS ()]",
        b"FETCH 1 BODY[HEADER.FIELDS]",
        b"FETCH 1 BINARY[HEADER]",
        b"FETCH 1 FLAGS (VANISHED)",
        b"FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
        b"UID FETCH 1 FLAGS (VANISHED)",
        b"FETCH 1 BODY[" + b"1." * 200 + b"1]",
        b"STORE 1 FLAGS",
        b"STORE 1 FOO (a)",
        b"STORE 1 (FOO 1) FLAGS (a)",
        b"COPY 1",
        b"EXPUNGE 1",
        b"SEARCH",
        b"SEARCH FOO",
        b"SEARCH NOT",
        b"SEARCH OR SEEN",
        b"SEARCH ()",
        b"SEARCH BEFORE 31-Feb-2026",
        b"SEARCH BEFORE tomorrow",
        b"SEARCH LARGER x",
        b"SEARCH OLDER 0",
        b"SEARCH RETURN (FOO) ALL",
        b"SEARCH CHARSET X-NONE TEXT a",
        b"SEARCH " + b"(" * (MAX_DEPTH + 1) + b"ALL" + b")" * (MAX_DEPTH + 1),
        b"SEARCH " + b"NOT " * (MAX_DEPTH + 1) + b"ALL",
        b"SEARCH " + b"ALL " * 1001,
        b"REPLACE 1:2 x {1+}\r\nx",
        b"REPLACE 1 x {1+}\r\nx {1+}\r\nx",
    ],
)
def test_what_breaks_the_grammar_is_refused(line: bytes) -> None:
    with pytest.raises(BadCommand) as refused:
        read(line)
    assert refused.value.text


def test_the_tag_is_known_even_if_nothing_else_is() -> None:
    assert tag_of(request(b"a1 FOO BAR")) == b"a1"
    for line in (b"", b" NOOP", b"+ NOOP", b"* NOOP", b"\xff NOOP", b"(a) NOOP"):
        assert tag_of(request(line)) == b"*"


def test_an_unknown_charset_has_its_own_code() -> None:
    with pytest.raises(BadCommand) as refused:
        read(b"SEARCH CHARSET X-NONE TEXT a")
    assert refused.value.code.startswith("BADCHARSET")


def test_a_search_string_follows_its_charset() -> None:
    command = read(b"SEARCH CHARSET ISO-8859-1 SUBJECT {4+}\r\nGr\xfc\xdf")
    assert isinstance(command, cm.Search)
    assert command.program.key == k.Header("subject", "Grüß")


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14 * 60, 14 * 60))
def test_date_times_survive_the_wire(moment: datetime, offset: int) -> None:
    try:
        local = moment.replace(microsecond=0).astimezone(timezone(timedelta(minutes=offset)))
    except OverflowError:
        return
    command = read(b"APPEND x " + write_date_time(local) + b" {1+}\r\nx")
    assert isinstance(command, cf.Append)
    assert command.messages[0].date == local


WORDS = [
    b"FETCH", b"UID", b"SEARCH", b"STORE", b"1:*", b"(", b")", b"BODY[", b"]", b"HEADER.FIELDS", b"<0.5>", b'"', b"\\",
    b"NOT", b"OR", b"{3+}\r\nabc", b"NIL", b"RETURN", b"CHARSET", b"UTF-8", b"FLAGS", b"LIST", b"*", b"%", b"\xc3\xa9",
    b"APPEND", b"SELECT", b"QRESYNC", b"1", b"0", b"99999999999999999999", b" ", b"MODSEQ", b"ENABLE", b"ID", b"~{1+}\r\n\0",
]  # fmt: skip


@given(st.lists(st.sampled_from(WORDS), max_size=25))
def test_no_line_raises_anything_but_bad_command(words: list[bytes]) -> None:
    try:
        parse(request(b"a " + b" ".join(words)))
    except BadCommand as error:
        assert error.text  # noqa: PT017 the other outcome is a command


@given(st.lists(st.one_of(st.binary(max_size=30), st.builds(Literal, st.binary(max_size=30))), max_size=5))
def test_no_octets_raise_anything_but_bad_command(pieces: list[bytes | Literal]) -> None:
    parts: list[bytes | Literal] = []
    text = b"a "
    for piece in pieces:
        if isinstance(piece, Literal):
            parts += [text, piece]
            text = b""
        else:
            text += piece
    parts.append(text)
    try:
        parse(Request(tuple(parts)))
    except BadCommand as error:
        assert error.text  # noqa: PT017
