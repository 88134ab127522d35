"""The documents hold together: links resolve, examples run, no machine's paths, no unfinished words."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users|tmp)/\w")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|TBD|[Ll]orem ipsum)\b")
BINARY = {".gz", ".png", ".npy", ".parquet", ".db"}


def committed() -> list[Path]:
    """Return the files under version control; skip where there is no working copy."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - the developer's own git
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a working copy")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def documents() -> list[Path]:
    return [path for path in committed() if path.suffix == ".md"]


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in kept}


def page_text(file: Path) -> str:
    """Return the text of a page; of a folder, that of its README."""
    page = file / "README.md" if file.is_dir() else file
    return page.read_text(encoding="utf-8")


def broken_links(path: Path, text: str) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    broken = []
    for link in LINK.findall(FENCE.sub("", text)):
        target, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        file = path if not target else (path.parent / target).resolve()
        missing = not file.exists() or not file.is_relative_to(ROOT)
        if missing or (anchor and anchor not in anchors(page_text(file) if target else text)):
            broken.append(link)
    return broken


def test_links_resolve() -> None:
    broken = {
        str(path.relative_to(ROOT)): found
        for path in documents()
        if (found := broken_links(path, path.read_text(encoding="utf-8")))
    }
    assert not broken


def test_a_broken_link_is_noticed() -> None:
    text = "# A b\n[x](nowhere.md) [y](#a-b) [z](#c) [w](https://example.org/a) [v](../../../etc)"
    assert broken_links(ROOT / "README.md", text) == ["nowhere.md", "#c", "../../../etc"]


EXAMPLES = Sybil(
    parsers=[PythonCodeBlockParser()], path=str(ROOT), patterns=["docs/**/*.md", "*.md"]
)


def pages_with_examples() -> list[Path]:
    folders = [ROOT / "docs" / "spec", ROOT / "docs" / "concepts", ROOT / "docs" / "adr"]
    pages = [page for folder in folders for page in sorted(folder.glob("*.md"))]
    return [page for page in pages if "```python" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", pages_with_examples(), ids=lambda page: page.stem)
def test_examples_run(page: Path) -> None:
    examples = list(EXAMPLES.parse(page))
    assert examples
    for example in examples:
        example.evaluate()


def test_a_wrong_example_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nassert 1 + 1 == 3\n```\n", encoding="utf-8")
    (example,) = EXAMPLES.parse(page)
    with pytest.raises(AssertionError):
        example.evaluate()


def test_no_committed_file_names_a_machine_or_is_unfinished() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in committed()
        if path.suffix not in BINARY and path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line) or UNFINISHED.search(line)
    ]
    assert not found


def test_machine_paths_and_unfinished_words_are_noticed() -> None:
    assert MACHINE_PATH.search("see /home/someone")
    assert UNFINISHED.search("TODO: later")
    assert not MACHINE_PATH.search("a/home/someone and home/someone")
    assert not UNFINISHED.search("what to do, a list of todos, todo = 1")


def test_the_odds_of_drawn_committees_are_those_of_their_script() -> None:
    folder = ROOT / "docs" / "adr"
    spec = importlib.util.spec_from_file_location("committee_odds", folder / "committee_odds.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (folder / "0011-rounds-and-complaints.md").read_text(encoding="utf-8")
    assert script.table() in page
