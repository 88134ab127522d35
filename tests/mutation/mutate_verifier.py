"""Take the verifier apart, statement by statement, and see whether a Rust test notices.

Not part of `make test`: it takes half an hour and more. Run from the root of the repository:

    python tests/mutation/mutate_verifier.py [--scratch DIRECTORY] [--only PATTERN] [--list]

It copies the crates into a scratch directory and rewrites the files in `TARGETS` there, so that each
mutant is a branch of the one program, chosen by the environment variable `COTRAIN_MUTANT`; all mutants
share one build. Then it runs the tests of `cotrain-argument` and `cotrain-statements` for each mutant
until the first one fails, and writes those that no test noticed to `tests/mutation/survivors.md`.
Reasons in that file for a survivor that is known are kept.

What is altered: a statement is left out; a check is never made; a sign is turned.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORT = Path(__file__).with_name("survivors.md")
ARGUMENT = ("verifier", "reader", "nodes", "openings", "expansion", "equations", "committed")
STATEMENTS = (
    "contribution",
    "dataset",
    "gradient",
    "linear",
    "logistic",
    "margin",
    "ranges",
    "removal",
    "segment",
    "softmax",
    "table",
    "update",
)
TARGETS = {"argument": ARGUMENT, "statements": STATEMENTS}
PACKAGES = ("cotrain-argument", "cotrain-statements")
SWITCH = """
pub(crate) fn mutant(number: u32) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
    let read = || std::env::var("COTRAIN_MUTANT").ok().and_then(|text| text.parse().ok());
    *CHOSEN.get_or_init(read) == Some(number)
}
"""
BUILD = {
    "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
    "CARGO_PROFILE_DEV_DEBUG": "0",
    "CARGO_INCREMENTAL": "0",
}
TIMEOUT = 240

# A statement that can be left out: a call, an assignment, a `?` of its own. Not `let`, `return`, a last expression.
STATEMENT = re.compile(
    r"^\s*(?:\*?[a-z_][\w.]*(?:\(\))?\s*(?:[-+*]?=)\s|"
    r"(?:[a-z_][\w.]*\.)?(?:absorb\w*|push|extend|insert|resize|truncate|retain|add_multiple|add|scale|zero|"
    r"for_each|multiply|add_ranges|add_kinds|close_padding|check\w*)\(|"
    r"[a-z_][\w.]*\.iter\(\).*for_each\(|absorb\(|require\($|require\(|self\.read_\w+\(|"
    r"[a-z_][\w.]*\.(?:par_)?iter(?:_mut)?\(\)$)"
)
CHECK = re.compile(r"^(\s*)if (?!let )([^{]*) \{$")
SIGNS = re.compile(r"(?<=[(,=] )-(?=[A-Za-z(*])|(?<=\()-(?=[A-Za-z(*])")


@dataclass(frozen=True)
class Mutant:
    """One alteration."""

    number: int
    file: str
    line: int
    rule: str
    text: str

    @property
    def key(self) -> str:
        """What names it in the report, whatever its number and line."""
        return f"`{self.file}`: {self.rule}: `{self.text}`"


class Rewriter:
    """Puts switches into a file."""

    def __init__(self, file: str, first: int) -> None:
        self.file = file
        self.next = first
        self.mutants: list[Mutant] = []

    def rewrite(self, source: str) -> str:
        """Return the file with all its mutants."""
        code, mark, tests = source.partition("#[cfg(test)]\nmod tests")
        lines = code.split("\n")
        out: list[str] = []
        index = 0
        while index < len(lines):
            end = self._statement_end(lines, index)
            if end is not None:
                out.append(self._left_out(lines[index : end + 1], index))
                index = end + 1
            else:
                out.append(self._line(lines[index], index, lines[index + 1 : index + 2]))
                index += 1
        return "\n".join(out) + mark + tests

    def _add(self, line: int, rule: str, text: str) -> int:
        short = " ".join(text.split())
        self.mutants.append(Mutant(self.next, self.file, line + 1, rule, short[:110]))
        self.next += 1
        return self.next - 1

    def _statement_end(self, lines: list[str], start: int) -> int | None:
        if not STATEMENT.match(lines[start]):
            return None
        depth = 0
        for index in range(start, min(start + 40, len(lines))):
            text = re.sub(r'b?"[^"]*"', '""', lines[index])
            depth += sum(text.count(c) for c in "([{") - sum(text.count(c) for c in ")]}")
            if depth < 0:
                return None
            if depth == 0 and text.rstrip().endswith(";"):
                return index
            if depth == 0 and index > start and not lines[index + 1].lstrip().startswith("."):
                return None
        return None

    def _left_out(self, lines: list[str], start: int) -> str:
        text = "\n".join(lines)
        number = self._add(start, "left out", text)
        return f"if !crate::mutant({number}) {{ {self._signs(text, start)}\n}}"

    def _line(self, line: str, index: int, after: list[str]) -> str:
        stripped = line.lstrip()
        if stripped.startswith(("//", "use ", "fn ", "pub", "#", "const ", "static ", "impl")):
            return line
        check = CHECK.match(line)
        if check and after and "return Err" in after[0]:
            number = self._add(index, "never checked", check[2])
            return f"{check[1]}if !crate::mutant({number}) && ({check[2]}) {{"
        return self._signs(line, index)

    def _signs(self, text: str, index: int) -> str:
        """Turn each sign `-operand` into a choice."""
        parts: list[str] = []
        rest = text
        while found := SIGNS.search(rest):
            operand = _operand(rest[found.end() :])
            number = self._add(index, "sign turned", f"-{operand} in {rest.strip()[:60]}")
            parts.append(rest[: found.start()])
            parts.append(f"(if crate::mutant({number}) {{ {operand} }} else {{ -{operand} }})")
            rest = rest[found.end() + len(operand) :]
        return "".join(parts) + rest


def _operand(text: str) -> str:
    """The operand of a sign: a path with calls, or what stands in parentheses."""
    depth = 0
    for index, letter in enumerate(text):
        if letter in "([":
            depth += 1
        elif letter in ")]":
            depth -= 1
            if depth < 0:
                return text[:index]
        elif depth == 0 and letter in ",; ":
            return text[:index]
    return text


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def instrument(scratch: Path) -> list[Mutant]:
    """Copy the crates and put the switches in."""
    shutil.rmtree(scratch / "crates", ignore_errors=True)
    scratch.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "crates", scratch / "crates")
    for name in ("Cargo.toml", "Cargo.lock", "clippy.toml"):
        shutil.copy(ROOT / name, scratch / name)
    mutants: list[Mutant] = []
    for crate, files in TARGETS.items():
        folder = scratch / "crates" / crate / "src"
        for name in files:
            path = folder / f"{name}.rs"
            rewriter = Rewriter(f"{crate}/{name}.rs", len(mutants) + 1)
            path.write_text(rewriter.rewrite(path.read_text()))
            mutants += rewriter.mutants
        with (folder / "lib.rs").open("a") as library:
            library.write(SWITCH)
    return mutants


@dataclass(frozen=True)
class Program:
    """A test program: of the crate in whose tests it is."""

    path: Path
    crate: str

    def concerns(self, mutant: Mutant) -> bool:
        """Whether the mutant is part of it: the argument is part of every program."""
        return mutant.file.startswith("argument/") or self.crate == "statements"


def build(scratch: Path) -> list[Program]:
    """Build the tests once; return the programs, those that take the least time first."""
    packages = [part for package in PACKAGES for part in ("-p", package)]
    fast = ('"*"', "cotrain-commitment")
    settings = [
        part for name in fast for part in ("--config", f"profile.dev.package.{name}.opt-level=3")
    ]
    command = ["cargo", *settings, "test", "--no-run", "--message-format=json", *packages]
    done = subprocess.run(
        command, cwd=scratch, env=os.environ | BUILD, stdout=subprocess.PIPE, check=False
    )
    programs = []
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-message" and message["message"]["level"] == "error":
            sys.stderr.write(message["message"]["rendered"])
        if message.get("executable") and message["profile"]["test"]:
            crate = "statements" if "/statements#" in message["package_id"] else "argument"
            programs.append(Program(Path(message["executable"]), crate))
    if done.returncode:
        raise SystemExit("the mutants do not build")
    times = {program: _time(program) for program in programs}
    for program in sorted(times, key=times.__getitem__):
        _say(f"{program.path.name}: {times[program]:.1f} s")
    return sorted(times, key=times.__getitem__)


def _time(program: Program) -> float:
    begun = time.monotonic()
    if _fails(program, 0):
        raise SystemExit(f"{program.path.name} fails without any mutant")
    return time.monotonic() - begun


def _fails(program: Program, mutant: int) -> str | None:
    environment = os.environ | {"COTRAIN_MUTANT": str(mutant), "RUST_BACKTRACE": "0"}
    try:
        done = subprocess.run(
            [str(program.path)], env=environment, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return "timeout"
    if done.returncode == 0:
        return None
    failed = re.search(rb"^test (\S+) \.\.\. FAILED", done.stdout, re.MULTILINE)
    return failed[1].decode() if failed else "abort"


def survivors(mutants: list[Mutant], programs: list[Program]) -> Iterator[Mutant]:
    """Run the tests for each mutant; yield those that none notices."""
    for mutant in mutants:
        begun = time.monotonic()
        relevant = [program for program in programs if program.concerns(mutant)]
        killer = next(filter(None, (_fails(program, mutant.number) for program in relevant)), None)
        place = f"{mutant.file}:{mutant.line}"
        verdict = f"noticed by {killer}" if killer else "SURVIVES"
        _say(
            f"{mutant.number}/{mutants[-1].number} {place} {mutant.rule} [{mutant.text[:70]}]: "
            f"{verdict}, {time.monotonic() - begun:.0f} s"
        )
        if killer is None:
            yield mutant


def known_reasons() -> dict[str, str]:
    """Reasons that an earlier report gives."""
    if not REPORT.exists():
        return {}
    pattern = re.compile(r"^- (`[^\n]+`)\n  (\S[^\n]*)$", re.MULTILINE)
    return dict(pattern.findall(REPORT.read_text()))


def write_report(mutants: list[Mutant], left: list[Mutant]) -> None:
    """Write the survivors, with the reasons that are known."""
    reasons = known_reasons()
    lines = [
        "# Mutants of the verifier that no test notices",
        "",
        f"Written by `tests/mutation/mutate_verifier.py`: {len(mutants)} mutants, {len(left)} survivors.",
        "Below each one stands why it may live; a line is kept from run to run.",
        "",
    ]
    for mutant in left:
        lines += [
            f"- {mutant.key}",
            f"  {reasons.get(mutant.key, 'UNEXPLAINED: write the missing test')}",
        ]
    REPORT.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--scratch", type=Path, default=ROOT / "target" / "mutation")
    parser.add_argument("--only", default="", help="regular expression on file, rule and text")
    parser.add_argument("--list", action="store_true", help="list the mutants and stop")
    arguments = parser.parse_args()
    mutants = instrument(arguments.scratch)
    chosen = [mutant for mutant in mutants if re.search(arguments.only, mutant.key)]
    if arguments.list:
        for mutant in chosen:
            _say(f"{mutant.number} {mutant.file}:{mutant.line} {mutant.rule}: {mutant.text}")
        return
    programs = build(arguments.scratch)
    left = list(survivors(chosen, programs))
    _say(f"{len(chosen)} mutants, {len(left)} survivors")
    if not arguments.only:
        write_report(chosen, left)


if __name__ == "__main__":
    main()
