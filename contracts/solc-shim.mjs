#!/usr/bin/env node
// npm's solc under the command line of the native one, as far as forge uses it: forge then works offline.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import solc from "solc";

const HERE = dirname(fileURLToPath(import.meta.url));
const words = process.argv.slice(2);

function values(name) {
  return words.flatMap((word, place) => (words[place - 1] === name ? [word] : []));
}

function read(path) {
  for (const base of ["", ...values("--base-path"), ...values("--include-path"), HERE, join(HERE, "node_modules")]) {
    const file = resolve(base, path);
    if (existsSync(file)) return { contents: readFileSync(file, "utf8") };
  }
  return { error: `${path} is not there` };
}

if (words.includes("--version")) {
  const version = solc.version().replace("Emscripten.clang", "Linux.g++");
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (words.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8"), { import: read }));
} else {
  process.stderr.write("this stands for solc only where forge calls it: --version, --standard-json\n");
  process.exit(2);
}
