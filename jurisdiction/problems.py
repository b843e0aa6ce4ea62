"""What is wrong with a data file, said once and completely.

A reader of data collects every `Problem` it finds and raises them together, because a person who repairs a file
wants the whole list and not the first line of it. Each problem names the file, the thing in it, what is wrong and
what to do.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    file: str
    id: str  # of the fact, bloc, policy or case; "" when the whole file is meant
    what: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}: {self.id}" if self.id else self.file
        return f"{where}: {self.what}. {self.remedy}"


class ProblemsError(Exception):
    """Raised with every problem found, sorted by file and id."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
