"""What changed between two agreements, term by term: what a party reads before it accepts a counter-offer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cotrain.agreement.document import Agreement

ABSENT: Final = "-"
"""What is shown for a term that one of the two does not have."""


@dataclass(frozen=True)
class Change:
    """One term that differs.

    Attributes:
        term: Where it stands, in dotted words, e.g. ``privacy.epsilon``.
        before: Its value in the earlier agreement; `ABSENT` if it had none.
        after: Its value in the later one.
    """

    term: str
    before: str
    after: str


def list_changes(earlier: Agreement, later: Agreement) -> list[Change]:
    """Return every term that differs; parties and shares are compared by identity, columns by name."""
    before, after = dict(_leaves(earlier.terms, "")), dict(_leaves(later.terms, ""))
    names = [*before, *(name for name in after if name not in before)]
    return [
        Change(name, before.get(name, ABSENT), after.get(name, ABSENT))
        for name in names
        if before.get(name) != after.get(name)
    ]


def _leaves(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{where}.{name}" if where else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for place, item in enumerate(value):
            key = item.get("did") or item.get("name") or item.get("model") or str(place)
            yield f"{where}[{key}].place", str(place + 1)
            yield from _leaves(item, f"{where}[{key}]")
    elif isinstance(value, list):
        yield where, ", ".join(map(str, value)) or "none"
    else:
        yield where, str(value)
