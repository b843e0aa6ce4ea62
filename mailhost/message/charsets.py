"""Bytes and the charset somebody claims for them, turned into text that is safe to show.

Mail names charsets freely, and Python's codec registry is wider than mail: it holds codecs that are slow on
purpose-made input (`punycode`), that warn (`unicode_escape`) or that are no charsets at all (`rot13`).  So
only the names below are honoured; everything else, and everything mislabelled, is read as UTF-8 and failing
that as windows-1252, which is what unlabelled mail nearly always is.

In: bytes and a charset name or None.  Out: a `str` without lone surrogates.  Never raises.
Refuses: UTF-7 (it hides markup from filters) and any charset not in the table.
"""

import re

_NAMES = (
    "utf-8 utf-16 utf-16le utf-16be utf-32 big5 big5hkscs gb18030 hz euc-jp euc-jis-2004 cp949 johab "
    "iso-2022-jp iso-2022-jp-1 iso-2022-jp-2 iso-2022-jp-3 iso-2022-kr koi8-r koi8-u koi8-t cp437 cp737 cp775 "
    "cp850 cp852 cp855 cp857 cp858 cp860 cp861 cp862 cp863 cp864 cp865 cp866 cp869 cp874 ptcp154 kz1048 "
    "tis-620"
)
_SAME_NAME = frozenset(_NAMES.split())
_WINDOWS = {name: f"cp{n}" for n in range(1250, 1259) for name in (f"windows-{n}", f"cp{n}", f"cp-{n}")}
_LATIN = {
    name: f"iso8859-{n}"
    for n in (*range(2, 12), *range(13, 17))
    for name in (f"iso-8859-{n}", f"iso8859-{n}", f"iso_8859-{n}")
}
_OTHER = {
    "utf8": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "x-sjis": "cp932",
    "shift-jis": "cp932",
    "shift_jis": "cp932",  # the label is used for Microsoft's superset
    "windows-31j": "cp932",
    "cp932": "cp932",
    "ms_kanji": "cp932",
    "x-euc-jp": "euc-jp",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "gb2312": "gb18030",  # mail labelled with the small set regularly uses the large one
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cn-gb": "gb18030",
    "windows-874": "cp874",
    "iso-8859-1": "cp1252",  # WHATWG Encoding Standard, "Names and labels": Latin-1 in practice is windows-1252
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-8-e": "iso8859-8",
    "macintosh": "mac_roman",
    "x-mac-roman": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
}
_CODECS: dict[str, str] = {name: name for name in _SAME_NAME} | _WINDOWS | _LATIN | _OTHER

# Charsets in which bytes below 128 mean something other than ASCII: an all-ASCII body is not ASCII text.
_NOT_ASCII = {"hz", "utf-16", "utf-16le", "utf-16be", "utf-32"} | {n for n in _SAME_NAME if n.startswith("iso-2022")}

# Controls become spaces; marks that only turn or hide text (zero width, direction overrides, byte order)
# vanish, so that a subject or file name cannot read as something it is not.
_INVISIBLE = (
    *(0x00AD, 0x034F, 0x061C, 0x180E, 0xFEFF),
    *(*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
)
_CONTROLS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_VISIBLE = dict.fromkeys(_INVISIBLE) | dict.fromkeys(_CONTROLS, " ")
_HIDDEN = re.compile("[" + "".join(re.escape(chr(code)) for code in sorted(_VISIBLE)) + "]")


def decode_text(data: bytes, charset: str | None = None) -> str:
    """The text in `data`; what cannot be decoded becomes U+FFFD."""
    name = "" if charset is None else charset.strip("\"' \t").lower()
    if data.isascii() and name not in _NOT_ASCII:
        return data.decode("ascii")
    codec = _CODECS.get(name)
    if codec is not None and codec != "utf-8":
        return data.decode(codec, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        # A text labelled UTF-8 that breaks somewhere was cut or damaged: keep what is well.
        return data.decode("utf-8" if codec else "cp1252", "replace")


# Printable ASCII with single spaces is its own visible form; that is most of all header text.
_ORDINARY = re.compile(r"[!-~]*+(?: [!-~]++)*+").fullmatch


def visible(text: str) -> str:
    """One line of `text`: no controls, no invisible or direction-changing marks, single spaces."""
    if _ORDINARY(text):
        return text
    if _HIDDEN.search(text):
        text = text.translate(_VISIBLE)
    return " ".join(text.split())
