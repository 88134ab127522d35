// Compiles src/*.sol with the pinned solc and writes one artifact for each contract that is deployed.
//
//     node build.mjs           write ../src/cotrain/settlement/artifacts/*.json
//     node build.mjs --check   compare with what is there; exit 1 if anything differs
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const HERE = dirname(fileURLToPath(import.meta.url));
const OUT = join(HERE, "..", "src", "cotrain", "settlement", "artifacts");
const DEPLOYED = ["Agreements", "ModelShares", "Registry", "Credits"];
// Neither paths nor a hash of the metadata enter the bytecode, so it is the same on every machine.
const SETTINGS = {
  evmVersion: "cancun",
  viaIR: true,
  optimizer: { enabled: true, runs: 1000 },
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};

function read(path) {
  for (const base of [HERE, join(HERE, "node_modules")]) {
    const file = join(base, path);
    if (existsSync(file)) return { contents: readFileSync(file, "utf8") };
  }
  return { error: `${path} is not there: run npm ci in contracts/` };
}

function compile() {
  const names = readdirSync(join(HERE, "src")).filter((name) => name.endsWith(".sol")).sort();
  const sources = Object.fromEntries(
    names.map((name) => [`src/${name}`, { content: readFileSync(join(HERE, "src", name), "utf8") }]),
  );
  const input = { language: "Solidity", sources, settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  const ours = (problem) => problem.severity === "error" || problem.sourceLocation?.file.startsWith("src/");
  const problems = (output.errors ?? []).filter(ours);
  for (const problem of problems) process.stderr.write(problem.formattedMessage);
  if (problems.length > 0) process.exit(1);
  return output.contracts;
}

function artifact(contracts, name) {
  const made = contracts[`src/${name}.sol`][name];
  const code = made.evm.deployedBytecode.object;
  return {
    contract: name,
    compiler: solc.version(),
    settings: { ...SETTINGS, outputSelection: undefined },
    abi: made.abi,
    bytecode: `0x${made.evm.bytecode.object}`,
    deployed: `0x${code}`,
    deployed_size: code.length / 2,
    deployed_sha256: createHash("sha256").update(Buffer.from(code, "hex")).digest("hex"),
  };
}

const check = process.argv.includes("--check");
const contracts = compile();
let differs = false;
mkdirSync(OUT, { recursive: true });
for (const name of DEPLOYED) {
  const made = artifact(contracts, name);
  const text = `${JSON.stringify(made, null, 1)}\n`;
  const file = join(OUT, `${name}.json`);
  const same = existsSync(file) && readFileSync(file, "utf8") === text;
  if (check && !same) {
    process.stderr.write(`${file} is not what the sources compile to: run npm run build in contracts/\n`);
    differs = true;
  }
  if (!check && !same) writeFileSync(file, text);
  process.stdout.write(`${name.padEnd(12)} ${made.deployed_size} bytes ${made.deployed_sha256.slice(0, 16)}\n`);
}
process.exit(differs ? 1 : 0);
