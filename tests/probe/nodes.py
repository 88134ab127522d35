"""Real nodes for tests: anvil and geth in development mode, started here, ended here."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
WEI = 10**21


def find_tool(variable: str, name: str, *places: str) -> str | None:
    """Return the path of a program: from the environment, from places in this tree, or from PATH."""
    named = os.environ.get(variable)
    if named:
        return named
    for place in places:
        if (ROOT / place).is_file():
            return str(ROOT / place)
    return shutil.which(name)


ANVIL = find_tool("COTRAIN_ANVIL", "anvil", "contracts/node_modules/.bin/anvil")
GETH = find_tool("COTRAIN_GETH", "geth", ".venv-evm/bin/geth")


def ask(url: str, method: str, *arguments: Any) -> Any:
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": arguments}
    header = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(asked).encode(), header)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        value = json.load(answer)
    assert "error" not in value, value
    return value["result"]


@contextmanager
def anvil(*more: str) -> Iterator[str]:
    """Run anvil (chain 31337); yields its URL."""
    assert ANVIL is not None
    port = _free_port()
    command = [ANVIL, "--port", str(port), "--silent", "--hardfork", "cancun", *more]
    with _running(command, port) as url:
        yield url


@contextmanager
def geth(folder: Path) -> Iterator[str]:
    """Run geth in development mode (chain 1337), one block a transaction; yields its URL."""
    assert GETH is not None
    port = _free_port()
    options = ["--http", "--http.port", str(port), "--http.api", "eth,web3,net"]
    options += ["--datadir", str(folder), "--nodiscover", "--maxpeers", "0", "--ipcdisable"]
    options += ["--authrpc.port", str(_free_port()), "--verbosity", "1"]
    with _running([GETH, "--dev", *options], port) as url:
        yield url


def give_money(url: str, address: str) -> None:
    """Give an account the chain's own money to pay fees with."""
    if "anvil" in ask(url, "web3_clientVersion"):
        ask(url, "anvil_setBalance", address, hex(WEI))
        return
    rich = ask(url, "eth_accounts")[0]
    sent = {"from": rich, "to": address, "value": hex(WEI)}
    ask(url, "eth_sendTransaction", sent)
    wait_until(lambda: int(ask(url, "eth_getBalance", address, "latest"), 16) > 0)


def wait_until(done: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.05)


@contextmanager
def _running(command: list[str], port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=nowhere, stderr=nowhere) as process:
        try:
            wait_until(lambda: process.poll() is not None or _answers(url))
            assert process.poll() is None, f"{command[0]} did not start"
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        ask(url, "eth_chainId")
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def started(name: str, folder: Path) -> Iterator[str]:
    """Run "anvil" or "geth", whose files go to `folder`; yields its URL. Skips the test if it is not there."""
    if (ANVIL if name == "anvil" else GETH) is None:
        wanted = "npm ci in contracts/" if name == "anvil" else "make geth"
        pytest.skip(f"no {name}: {wanted}, or name it in COTRAIN_{name.upper()}")
    with anvil() if name == "anvil" else geth(folder / "geth") as url:
        yield url
