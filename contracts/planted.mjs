// Plants one bug at a time and demands that a test notices: `npm run planted`. A few minutes on two cores.
//
// Each entry: what it breaks, the file, the text to find (exactly once), what stands there instead, and which tests
// must notice: invariants of `Invariants`, or unit tests.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const FUZZED = "Invariants";

const BUGS = [
  // Solvency.
  ["claims are not remembered", "Settlement.sol", "claimant.claimed += uint128(amount);", "", FUZZED],
  ["refunds are not remembered", "Settlement.sol", "account.refunded += uint128(due);", "", FUZZED],
  ["a returned stake stays", "Settlement.sol", "staker.stake = 0;", "", FUZZED],
  ["a slashed stake stays", "Agreements.sol", "subject.stake = 0;", "", FUZZED],
  ["the bounty is paid on top", "Agreements.sol", "_divide(agreement, account, subject, amount - bounty);", "_divide(agreement, account, subject, amount);", FUZZED],
  ["a leaver is paid for all rounds", "Settlement.sol", "return claimant.rounds < account.releasedRounds ? claimant.rounds : account.releasedRounds;", "return account.releasedRounds;", FUZZED],
  ["what leavers forfeit is counted twice", "Settlement.sol", "account.freshShares = 0;", "", "Settlement"],
  ["the pool is not remembered", "Settlement.sol", "claimant.poolClaimed = payout.amount;", "", "Pool"],
  ["what leavers would have had stays", "Settlement.sol", "released(agreement) + _forfeited(agreement) - account.refunded", "released(agreement) - account.refunded", "Settlement"],
  ["a cheater has a part of its own stake", "Agreements.sol", "subject.unshared += subject.basisPoints * perPoint;", "", FUZZED],
  ["who joins later has a part of earlier stakes", "Membership.sol", "joining.unshared = party.basisPoints * _accounts[agreement].compensationPerPoint;", "", "Slashing"],
  ["a stake is divided without the pool's part", "Membership.sol", "_shareSum[agreement] = terms.pool;", "", FUZZED],
  // Budget and rounds.
  ["epsilon above the budget", "Rounds.sol", "made.epsilon > current.epsilonBudget || ", "", FUZZED],
  ["epsilon shrinks", "Rounds.sol", " || made.epsilon < current.epsilon", "", "Rounds"],
  ["more rounds than agreed", "Rounds.sol", "made.round != next || next > current.maxRounds", "made.round != next", FUZZED],
  ["rounds out of order", "Rounds.sol", "made.round != next || next", "next", "Rounds"],
  ["anybody anchors", "Rounds.sol", "if (msg.sender != current.coordinator) revert NotCoordinator();", "", "Rounds"],
  ["anchored before all joined", "Rounds.sol", "if (current.joined != current.partyCount) revert NotAllJoined();", "", "Rounds"],
  ["too few owners", "Rounds.sol", "if (current.owners < current.minOwners) revert TooFewOwners();", "", "Rounds"],
  ["anchored after the expiry", "Membership.sol", "if (block.timestamp >= current.expiry) revert Expired();", "", "Rounds"],
  ["opened in the past", "Rounds.sol", "made.opened < current.opened || ", "", "Rounds"],
  // Revocation.
  ["the version does not tell of a revocation", "Membership.sol", "        current.owners -= 1;\n        current.version += 1;", "        current.owners -= 1;", "Rounds"],
  ["evidence of a revoked owner is refused", "Agreements.sol", "proof.anchor.opened <= leaver.revokedAt", "proof.anchor.opened >= leaver.revokedAt", FUZZED],
  ["two ledgers of different sizes are no evidence", "Agreements.sol", "if (one.size == other.size && one.root == other.root) revert NoEvidence();", "if (one.size != other.size || one.root == other.root) revert NoEvidence();", "Slashing"],
  ["checkpoints of two rounds are evidence", "Agreements.sol", "if (one.round != other.round || one.version != other.version) revert NoEvidence();", "if (one.version != other.version) revert NoEvidence();", "Slashing"],
  ["checkpoints of two memberships are evidence", "Agreements.sol", "if (shown.round != made.round || shown.version != made.version) revert NoEvidence();", "if (shown.round != made.round) revert NoEvidence();", "Slashing"],
  ["a wrong time hides all later rounds", "Agreements.sol", "proof.anchor.round > uint256(leaver.rounds) + 1;", "proof.anchor.round == 0;", FUZZED],
  ["the round under way is evidence", "Agreements.sol", "uint256(leaver.rounds) + 1;", "uint256(leaver.rounds);", "Slashing"],
  ["one revokes twice", "Membership.sol", "if (leaving.revokedAt != 0) revert RevokedAlready();", "", "Membership"],
  ["anybody revokes for anybody", "Membership.sol", "        _checkSignature(owner, keccak256(abi.encode(REVOCATION, agreement, owner)), signature);\n", "", FUZZED],
  ["an anchor is not part of the chain", "Rounds.sol", "if (head != _known(agreement).head) revert NotAnchored();", "head;", "Slashing"],
  // Claims within releases.
  ["a payout table without limit", "Settlement.sol", "if (account.poolClaimed > released(agreement) * pool / BASIS_POINTS + compensation) revert ExceedsReleased();", "compensation;", FUZZED],
  ["released before it is anchored", "Settlement.sol", "if (what.rounds != current.rounds) revert WrongRound(current.rounds);", "", "Settlement"],
  ["no quorum", "Quorum.sol", "if (approvals.length < needed) revert TooFewApprovals(needed);", "", "Settlement"],
  ["one signature counts twice", "Quorum.sol", "if (account <= last) revert ApprovalsNotSorted();", "", "Settlement"],
  ["strangers approve", "Quorum.sol", "account == excluded || !isMember(agreement, account)", "account == excluded", "Settlement"],
  ["nobody checks approvals", "Quorum.sol", "_checkSignature(account, said, approvals[i].signature);", "", "Settlement"],
  ["one judges oneself", "Quorum.sol", "account == excluded || ", "", "Slashing"],
  ["stakes leave early", "Settlement.sol", "if (block.timestamp < stakesUntil(agreement)) revert NotOver();", "", FUZZED],
  ["a late release lengthens the time for evidence", "Settlement.sol", "block.timestamp < expiry ? uint64(block.timestamp) : expiry;", "uint64(block.timestamp); expiry;", "Slashing"],
  ["nobody can be rejected if all must sign", "Quorum.sol", "if (excluded != address(0) && needed == current.partyCount && needed > 1) --needed;", "", "Slashing"],
  ["refund before the time", "Settlement.sol", "if (block.timestamp < uint256(current.expiry) + current.challenge) revert NotOver();", "", "Settlement"],
  ["shares above the whole", "Membership.sol", "if (sum > BASIS_POINTS) revert SharesExceedWhole();", "", "Membership"],
  ["shares below the whole", "Membership.sol", "if (current.joined == current.partyCount && sum != BASIS_POINTS) revert SharesBelowWhole();", "", "Membership"],
  ["more join than agreed", "Membership.sol", "if (current.joined == current.partyCount) revert AllJoined();", "", "Membership"],
  // Model shares.
  ["more units than there are", "ModelShares.sol", "if (totalSupply() + units > unitsInAll) revert MoreThanAll();", "", "ModelShares"],
  ["a payout table gives units without limit", "Settlement.sol", "if (account.poolUnits > MODEL_UNITS * pool / BASIS_POINTS) revert ExceedsReleased();", "", "Pool"],
  ["units are minted twice", "Settlement.sol", "claimant.minted = true;", "", "Settlement"],
  ["royalties are not settled when shares move", "ModelShares.sol", "if (from != address(0)) _settle(from);", "", "ModelShares"],
  ["a receiver earns from before it held", "ModelShares.sol", "            _settle(to);\n", "", FUZZED],
  ["royalties are paid again", "ModelShares.sol", "_owed[holder] = 0;", "", FUZZED],
  ["parents are paid from the holders' part", "ModelShares.sol", "(amount - forParents) * SCALE", "amount * SCALE", "ModelShares"],
  ["strangers hold shares", "ModelShares.sol", "from != address(0) && !freeTransfer", "from == address(0) && !freeTransfer", "ModelShares"],
  ["parents of no part", "Membership.sol", "parent.basisPoints == 0 || ", "", "ModelShares"],
  ["a token that keeps a part pays", "ModelShares.sol", "if (money.balanceOf(address(this)) != before + amount) revert TokenKeepsAPart();", "before;", "ModelShares"],
  // Vouchers.
  ["anybody signs vouchers", "ModelShares.sol", "if (!SignatureChecker.isValidSignatureNow(buyer, said, signature)) revert BadSignature();", "said;", FUZZED],
  ["a voucher pays its total again", "ModelShares.sol", "uint256 amount = total - redeemed[buyer];", "uint256 amount = total;", FUZZED],
  ["an old voucher pays", "ModelShares.sol", "redeemed[buyer] = total;", "", FUZZED],
  ["a deposit is not reduced", "ModelShares.sol", "deposits[buyer] -= amount;", "", FUZZED],
  ["a deposit leaves at once", "ModelShares.sol", "if (at == 0 || block.timestamp < at) revert NotYet();", "", "ModelShares"],
  ["a withdrawn deposit stays", "ModelShares.sol", "delete deposits[msg.sender];", "", "ModelShares"],
];

/// Runs the tests over a copy with one bug; returns the names of the tests that noticed.
function noticedBy([name, file, found, instead, tests]) {
  const folder = mkdtempSync(join(tmpdir(), "cotrain-planted-"));
  for (const part of ["src", "test", "foundry.toml", "solc-shim.mjs"]) {
    cpSync(join(HERE, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(HERE, "node_modules"), join(folder, "node_modules"));
  const path = join(folder, "src", file);
  const text = readFileSync(path, "utf8");
  if (text.split(found).length !== 2) throw new Error(`${name}: ${file} does not hold this text exactly once: ${found}`);
  writeFileSync(path, text.replace(found, () => instead));
  const words = ["test", "--match-contract", `^${tests}(Test)?$`];
  const env = { ...process.env, FOUNDRY_PROFILE: "fast", NO_COLOR: "1" };
  return new Promise((resolve) => {
    const forge = join(HERE, "node_modules", ".bin", "forge");
    execFile(forge, words, { cwd: folder, env, maxBuffer: 1 << 28 }, (error, out, complaints) => {
      rmSync(folder, { recursive: true });
      const failed = [...out.matchAll(/^\[FAIL[^\]]*\]?.*?(test_\w+|invariant_\w+|setUp)/gms)].map((match) => match[1]);
      if (error && failed.length === 0) throw new Error(`${name}: it does not compile or run\n${out}${complaints}`);
      resolve([...new Set(failed)]);
    });
  });
}

let missed = 0;
const waiting = process.argv[2] ? BUGS.filter((bug) => bug[0].includes(process.argv[2])) : [...BUGS];
async function work() {
  for (let bug = waiting.shift(); bug; bug = waiting.shift()) {
    const tests = await noticedBy(bug);
    if (tests.length === 0) missed += 1;
    console.log(`${bug[0].padEnd(50)} ${tests.length === 0 ? "NOT NOTICED" : tests.slice(0, 2).join(", ")}`);
  }
}
await Promise.all(Array.from({ length: Math.max(1, availableParallelism()) }, work));
console.log(`${missed} bugs passed, 0 wanted`);
process.exit(missed === 0 ? 0 : 1);
