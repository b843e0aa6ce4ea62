"""The two errors of sealing.

Whoever can make us say *why* something did not open has an oracle: wrong key, wrong padding and wrong checksum
must look the same, in the text, in the type and in what is chained to the exception. So opening anything raises
`CannotOpen` and nothing else, it carries no reason, and it is raised `from None`.

A key or a phrase that a person typed is another matter: nothing has been decrypted yet, and the person has to be
told what to correct. That is `InvalidKey`. Its text never repeats what was typed, but it may help to guess it (a
position, words of a public list that come near): it belongs on that person's screen and in no log.
"""

from typing import final


@final
class CannotOpen(Exception):
    """What was sealed could not be opened: wrong key, damaged, or not a sealed thing at all."""

    def __init__(self) -> None:
        super().__init__("cannot open")


class InvalidKey(ValueError):
    """The text is not a key of the expected kind; the message says what is wrong with it."""
