"""Where things lie on disk: paths and nothing else.

A *home* belongs to one party and is private. A *run* folder holds what is public about one run; when all parties
are simulated on one machine, their homes lie below it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HomeLayout:
    """A party's private folder."""

    path: Path

    @property
    def identity(self) -> Path:
        """The secret seed of the party's keys: back it up, show it to nobody."""
        return self.path / "identity"

    @property
    def budget(self) -> Path:
        """The owner's privacy budget book, across runs."""
        return self.path / "budget.db"

    def journal(self, run: str) -> Path:
        """What the party must remember of one run."""
        return self.path / f"journal-{run[:16]}.db"

    def purchases(self, run: str) -> Path:
        """What the party must remember of its paid uses of one run's model."""
        return self.path / f"purchases-{run[:16]}.db"

    def rows(self, run: str) -> Path:
        """The encoded rows registered for one run: secret, exactly what the commitment commits to."""
        return self.path / f"rows-{run[:16]}.npy"


@dataclass(frozen=True)
class RunLayout:
    """A run's folder."""

    path: Path

    @property
    def agreement(self) -> Path:
        """The agreement, canonical JSON."""
        return self.path / "agreement.json"

    @property
    def ledger(self) -> Path:
        """The ledger: all that an auditor needs."""
        return self.path / "ledger.db"

    @property
    def chain(self) -> Path:
        """The run's own chain, if the agreement moves money: state and blocks."""
        return self.path / "chain.db"

    @property
    def use(self) -> Path:
        """What the server of the model must remember: the newest voucher and receipt of each buyer."""
        return self.path / "use.db"

    @property
    def buyer(self) -> "HomeLayout":
        """The home of a simulated buyer of the model."""
        return HomeLayout(self.path / "parties" / "buyer")

    @property
    def model(self) -> Path:
        """The released model, canonical JSON."""
        return self.path / "model.json"

    @property
    def report(self) -> Path:
        """Figures for programs (schema: docs/spec/report.md)."""
        return self.path / "report.json"

    @property
    def page(self) -> Path:
        """The report for people, one HTML file."""
        return self.path / "report.html"

    @property
    def request(self) -> Path:
        """What an experiment was asked to do: with it a second command is compared."""
        return self.path / "request.json"

    @property
    def lock(self) -> Path:
        """Held by the process that carries out the run."""
        return self.path / "lock"

    def homes(self, names: Iterable[str]) -> dict[str, HomeLayout]:
        """Return the homes of parties that are simulated on this machine, one folder for each name."""
        taken: set[str] = set()
        homes = {}
        for name in names:
            folder = base = slug(name)
            number = 2
            while folder in taken:
                folder, number = f"{base}-{number}", number + 1
            taken.add(folder)
            homes[name] = HomeLayout(self.path / "parties" / folder)
        return homes


def slug(name: str) -> str:
    """Return `name` as a folder name; several names may have the same."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "party"
