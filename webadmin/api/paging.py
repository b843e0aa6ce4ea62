"""Lists a page at a time: `after` is the number of the last row of the page before, `limit` how many rows.

Rows are found by their number, so that a page costs the same wherever it is in the list, and a row that comes or goes
meanwhile moves no other onto a page twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final

from django.db.models import Model, QuerySet
from ninja import Query, Schema
from pydantic import Field

LIMIT: Final = 50
MOST: Final = 200  # rows of one page
LARGEST: Final = 2**63 - 1  # a row's number


class PageIn(Schema):
    """Which part of a list."""

    after: Annotated[int, Field(ge=0, le=LARGEST)] = 0
    limit: Annotated[int, Field(ge=1, le=MOST)] = LIMIT


Paged = Query[PageIn]


def page[Row: Model](rows: QuerySet[Row], wanted: PageIn, shown: Callable[[Row], Any]) -> dict[str, Any]:
    """The page of rows in the order of their numbers."""
    return _page(rows.filter(pk__gt=wanted.after).order_by("pk"), wanted, shown)


def newest[Row: Model](rows: QuerySet[Row], wanted: PageIn, shown: Callable[[Row], Any]) -> dict[str, Any]:
    """The page of a log: the newest first, so `after` leads to older ones."""
    older = rows.filter(pk__lt=wanted.after) if wanted.after else rows
    return _page(older.order_by("-pk"), wanted, shown)


def _page[Row: Model](rows: QuerySet[Row], wanted: PageIn, shown: Callable[[Row], Any]) -> dict[str, Any]:
    found = list(rows[: wanted.limit + 1])
    return {"items": [shown(row) for row in found[: wanted.limit]], "next": following(found, wanted)}


def following(found: Iterable[Model], wanted: PageIn) -> int | None:
    """The next page's `after`, of one row more than the page has; None at the end."""
    rows = list(found)
    return rows[wanted.limit - 1].pk if len(rows) > wanted.limit else None
