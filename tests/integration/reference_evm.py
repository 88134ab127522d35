"""Run a chain's blocks on another EVM by its `t8n` tool, each on the state that it made itself of the block before.

The tool is `ethereum-spec-evm` of the Ethereum execution specifications, or go-ethereum's `evm`; `make reference-evm`
and `make geth` install them. Neither shares code with py-evm, on which the run's own chain stands.
"""

import json
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlp

from cotrain.settlement.chain.engine import GAS_LIMIT


@dataclass(frozen=True)
class Outcome:
    """What the other EVM says of a block: state root (hex), whether its transaction succeeded, gas."""

    state_root: str
    succeeded: bool
    gas: int


def run_blocks(tool: str, chain_id: int, steps: Iterable[tuple[int, bytes]]) -> Iterator[Outcome]:
    """Run one transaction a block, each on the state that the block before left."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "alloc.json").write_text("{}")
        for number, (time, raw) in enumerate(steps, 1):
            (folder / "env.json").write_text(json.dumps(_surroundings(number, time)))
            (folder / "txs.rlp").write_text(json.dumps("0x" + rlp.encode([raw]).hex()))
            _transition(tool, folder, chain_id)
            result = json.loads((folder / "result.json").read_text())
            if result.get("rejected"):
                raise AssertionError(f"block {number} is refused: {result['rejected']}")
            (receipt,) = result["receipts"]
            succeeded = receipt.get("succeeded", receipt.get("status") == "0x1")
            gas = int(str(result["gasUsed"]), 0)
            yield Outcome(result["stateRoot"].removeprefix("0x"), succeeded, gas)


def _transition(tool: str, folder: Path, chain_id: int) -> None:
    inputs = {"alloc": "alloc.json", "env": "env.json", "txs": "txs.rlp"}
    options = [f"--input.{name}={folder / file}" for name, file in inputs.items()]
    options += [f"--output.basedir={folder}", "--output.result=result.json"]
    options += ["--output.alloc=alloc.json", "--state.fork=Cancun", f"--state.chainid={chain_id}"]
    done = subprocess.run([tool, "t8n", *options], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{tool} failed: {done.stderr[-2000:]}")


def _surroundings(number: int, time: int) -> dict[str, Any]:
    zero = "0x" + "00" * 32
    return {
        "currentCoinbase": "0x" + "00" * 20,
        "currentDifficulty": "0x0",
        "currentRandom": zero,
        "currentGasLimit": hex(GAS_LIMIT),
        "currentNumber": hex(number),
        "currentTimestamp": hex(time),
        "currentBaseFee": "0x0",
        "currentExcessBlobGas": "0x0",
        "parentBeaconBlockRoot": zero,
        "blockHashes": {},
        "ommers": [],
        "withdrawals": [],
    }
