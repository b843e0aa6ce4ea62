"""Date fields: `Thu, 2 Jan 2025 10:00:00 +0000` (RFC 5322 §3.3), written strictly and read forgivingly.

In: header text, or an aware `datetime`.  Out: an aware `datetime` or None, or the text.  Obsolete zones and
two-digit years (RFC 5322 §4.3) are understood; an impossible date is None, never an exception.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}

# What nearly every message has; anything else goes through the standard library's patient parser.
_PLAIN = re.compile(
    r"(?:[A-Za-z]{3}, ?)?(\d{1,2}) ([A-Za-z]{3}) (\d{4}) (\d\d):(\d\d)(?::(\d\d))? ([+-])(\d\d)(\d\d)(?: ?\([^()]*\))?"
)
# No date is longer, whatever its comments say.
MAX_DATE = 200


def format_date(moment: datetime) -> str:
    """RFC 5322 §3.3 `date-time` in the zone `moment` carries; a naive `moment` is a programming error."""
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError("a date field needs an aware datetime")
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    hours, minutes = divmod(abs(minutes), 60)
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year:04} "
        f"{moment.hour:02}:{moment.minute:02}:{moment.second:02} {sign}{hours:02}{minutes:02}"
    )


def parse_date(text: str) -> datetime | None:
    """The moment a Date field names, None where it names none.  Without a zone it is taken as UTC."""
    text = text[:MAX_DATE].strip()
    plain = _PLAIN.fullmatch(text)
    try:
        if plain and (month := _MONTH.get(plain[2].lower())):
            day, _, year, hour, minute, second, sign, zone_hours, zone_minutes = plain.groups()
            zone = _zone((int(zone_hours) * 60 + int(zone_minutes)) * (-60 if sign == "-" else 60))
            # RFC 5322 §3.3 allows the leap second :60, which `datetime` does not know.
            seconds = min(int(second or 0), 59)
            return datetime(int(year), month, int(day), int(hour), int(minute), seconds, tzinfo=zone)
        found = parsedate_tz(text)
        if found is None:
            return None
        return datetime(*found[:5], min(found[5], 59), tzinfo=_zone(found[9] or 0))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _zone(seconds: int) -> timezone:
    return UTC if seconds == 0 else timezone(timedelta(seconds=seconds))
