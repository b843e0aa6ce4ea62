"""Figures of past hours, for the graphs of the console: counts of the whole cell, about nobody. Kept for eight days."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models

from jurisdiction.disclosure import Disclosure, Scope


class HourFigure(models.Model):
    """One figure of one hour: how much happened in it, or how long the queue was at its longest."""

    KEPT: ClassVar[timedelta] = timedelta(days=8)  # a week, to hold today against the same day of the last

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="hour name value")

    hour = models.DateTimeField()
    name = models.CharField(max_length=20)  # of `webadmin.console.hours.FIGURES`
    value = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["hour", "name"], name="figure_once_an_hour")]

    def __str__(self) -> str:
        return f"{self.name} of an hour"


class CounterTotal(models.Model):
    """How far a counter of the cell's processes was when it was last read."""

    scope: ClassVar[Scope] = Scope.CELL
    disclosure: ClassVar[Disclosure] = Disclosure(clear="name total")

    name = models.CharField(max_length=20, primary_key=True)
    total = models.BigIntegerField()

    def __str__(self) -> str:
        return f"total of {self.name}"
