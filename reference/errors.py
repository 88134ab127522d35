"""Refusals, with the codes of the specification."""


class Refused(Exception):  # noqa: N818 - the word of the specification
    """The statement is not accepted; `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
