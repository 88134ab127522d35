// Writes probe.hex again from Probe.sol with the compiler of contracts/ (`npm ci` there first): node tests/probe/compile.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const here = new URL(".", import.meta.url);
const solc = createRequire(new URL("../../contracts/package.json", here))("solc");
const settings = {
  evmVersion: "cancun",
  optimizer: { enabled: true, runs: 200 },
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["evm.bytecode.object"] } },
};
const sources = { "Probe.sol": { content: readFileSync(new URL("Probe.sol", here), "utf8") } };
const made = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
if (made.errors) throw new Error(made.errors.map((error) => error.formattedMessage).join("\n"));
writeFileSync(new URL("probe.hex", here), made.contracts["Probe.sol"].Probe.evm.bytecode.object + "\n");
