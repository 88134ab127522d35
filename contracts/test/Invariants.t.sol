// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Agreements} from "../src/Agreements.sol";
import {Credits} from "../src/Credits.sol";
import {ModelShares} from "../src/ModelShares.sol";
import {
    Account,
    Anchor,
    AnchorProof,
    Approval,
    BASIS_POINTS,
    Checkpoint,
    Live,
    MODEL_UNITS,
    Member,
    Party,
    Payout,
    Rejection,
    Release,
    STAKE_SCALE,
    Terms
} from "../src/Types.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// Everything that anybody may do, in any order, to three agreements that share one token: one that begins, one with a
/// pool that is divided by scores, and one that is over and whose model is in everybody's hands.
contract Handler is Base {
    uint256 public constant AGREEMENTS = 3;
    bytes32[AGREEMENTS] public ids;
    uint256 public constant BUYER = 40; // and the one after it

    // What the handler saw, to compare with what the contracts say.
    mapping(address shares => mapping(address buyer => uint256)) public vouchered; // total of the last voucher redeemed
    mapping(address shares => mapping(address buyer => uint256)) public drawn; // from deposits by vouchers
    mapping(bytes32 agreement => mapping(uint256 party => uint256)) public asked; // when, by its owner, to revoke
    uint256 public barred; // rounds anchored with an owner that had revoked before they were opened ...
    uint256 public punishable; // ... of which evidence was accepted, or no stake was left
    mapping(bytes32 agreement => mapping(uint256 party => uint256)) public hidden; // ... or whose time was misstated
    mapping(bytes32 agreement => uint256) private endedAt; // when the last release or a refund closed it
    uint128 private tableA; // the last payout table that was released for the second agreement
    uint128 private tableB;
    uint128 private tableUnits;
    uint256 public stakesOut; // stakes that left before their time without evidence

    function setUp() public override {
        super.setUp();
        ids[2] = agreements.open(_terms(3));
        joinAll(ids[2]);
        anchor(ids[2], 10);
        release(ids[2], true);
        endedAt[ids[2]] = block.timestamp;
        for (uint256 i; i < PARTIES; ++i) if (leafOf(i).basisPoints > 0) agreements.claim(ids[2], who(i));
        Terms memory short = _terms(4);
        (short.maxRounds, short.epsilonBudget) = (4, 200_000);
        ids[0] = agreements.open(short);
        joinAll(ids[0]);
        Terms memory second = _terms(2);
        (second.maxRounds, second.epsilonBudget) = (4, 200_000);
        second.pool = 2_500; // what would be the coordinator's by agreement
        second.parties = rootOf(_otherLeaves());
        ids[1] = agreements.open(second);
        for (uint256 i; i < PARTIES; ++i) _joinOther(i);
    }

    function contracts() external view returns (Agreements, Credits) {
        return (agreements, money);
    }

    function owner(uint256 party) external pure returns (address) {
        return who(party);
    }

    // Acts.

    function act_anchor(uint256 seed, uint64 epsilon, uint8 trick) external {
        bytes32 agreement = ids[seed % 3];
        Anchor memory made = nextAnchor(agreement);
        made.epsilon = agreements.live(agreement).epsilon + epsilon % 150_000;
        if (trick % 20 == 1) made.round += 1;
        if (trick % 20 == 2) made.version -= 1;
        _anchor(agreement, made);
    }

    /// A coordinator that states the earliest time of opening that is taken, twice.
    function act_anchor_as_if_earlier(uint256 seed) external {
        bytes32 agreement = ids[seed % 3];
        for (uint256 i; i < 2; ++i) {
            Anchor memory made = nextAnchor(agreement);
            (made.opened, made.epsilon) = (agreements.live(agreement).opened, agreements.live(agreement).epsilon);
            _anchor(agreement, made);
        }
    }

    function act_revoke(uint256 seed, uint256 party, bool bySignature) external {
        bytes32 agreement = ids[seed % 3];
        party %= 3;
        asked[agreement][party] = block.timestamp;
        if (bySignature) {
            bytes32 kind = keccak256("Revocation(bytes32 agreement,address owner)");
            bytes memory signature = signedBy(party, keccak256(abi.encode(kind, agreement, who(party))));
            agreements.revokeFor(agreement, who(party), signature);
        } else {
            revoke(agreement, party);
        }
    }

    function act_revoke_another(uint256 seed, uint256 party, uint256 thief) external {
        bytes32 kind = keccak256("Revocation(bytes32 agreement,address owner)");
        bytes32 agreement = ids[seed % 3];
        bytes memory signature = signedBy(3 + thief % 4, keccak256(abi.encode(kind, agreement, who(party % 3))));
        agreements.revokeFor(agreement, who(party % 3), signature);
    }

    function act_release(uint256 seed, uint8 end, uint128 a, uint128 b, uint128 units) external {
        bytes32 agreement = ids[seed % 3];
        bool last = end % 4 == 0;
        Payout[] memory table = _table(a % 1_500, b % 1_500, units);
        Release memory what = Release(
            agreements.live(agreement).rounds, _rootOf(table), last ? keccak256("model") : bytes32(0), last
        );
        agreements.release(agreement, what, approvalsOf(releaseHash(agreement, what), first(4)));
        if (last) endedAt[agreement] = block.timestamp;
        if (agreement == ids[1]) (tableA, tableB, tableUnits) = (a % 1_500, b % 1_500, units);
    }

    function act_claim(uint256 seed, uint256 party) external {
        agreements.claim(ids[seed % 3], who(party % PARTIES));
    }

    function act_claim_pool(uint256 place) external {
        Payout[] memory table = _table(tableA, tableB, tableUnits);
        agreements.claimPool(ids[1], table[place % 2], proofOf(_hashes(table), place % 2));
    }

    function act_refund(uint256 seed) external {
        agreements.refund(ids[seed % 3]);
        if (endedAt[ids[seed % 3]] == 0) endedAt[ids[seed % 3]] = block.timestamp;
    }

    function act_return_stake(uint256 seed, uint256 party) external {
        bytes32 agreement = ids[seed % 3];
        (uint256 ended, uint256 expiry) = (endedAt[agreement], agreements.termsOf(agreement).expiry);
        if (ended == 0 || ended > expiry) ended = expiry;
        bool early = block.timestamp < ended + CHALLENGE;
        agreements.returnStake(agreement, who(party % PARTIES));
        if (early) ++stakesOut;
    }

    function act_slash_split(uint256 seed, uint64 size, uint8 really) external {
        bytes32 agreement = ids[seed % 3];
        Checkpoint memory one = Checkpoint(1, 7, size, "a");
        Checkpoint memory other = Checkpoint(1, 7, size, really % 8 == 0 ? bytes32("b") : bytes32("a"));
        (bytes memory first_, bytes memory second) = (_shown(agreement, one), _shown(agreement, other));
        agreements.slashSplit(agreement, one, first_, other, second);
    }

    function act_reject(uint256 seed, uint256 subject) external {
        bytes32 agreement = ids[seed % 3];
        Rejection memory what = Rejection(who(subject % 3), 1, "record");
        bytes32 kind = keccak256("Rejection(bytes32 agreement,address subject,uint32 round,bytes32 evidence)");
        uint256[] memory judges = new uint256[](4);
        (judges[0], judges[1], judges[2], judges[3]) = (3, 4, 5, 6);
        bytes32 said = keccak256(abi.encode(kind, agreement, what.subject, what.round, what.evidence));
        agreements.slashRejected(agreement, what, approvalsOf(said, judges));
    }

    function act_pass_time(uint32 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 3 days);
    }

    function act_use(uint256 seed, uint96 amount, bool plainly) external {
        ModelShares shares = sharesOf(ids[seed % 3]);
        if (address(shares) == address(0)) return;
        uint256 paid = uint256(amount) % 1e12;
        if (plainly) {
            money.issue(address(shares), paid);
            shares.absorb();
            return;
        }
        money.issue(address(this), paid);
        money.approve(address(shares), paid);
        shares.pay(paid, "use");
    }

    function act_deposit(uint256 seed, uint64 amount) external {
        (ModelShares shares, address buyer,) = _sale(seed);
        money.issue(buyer, amount);
        vm.prank(buyer);
        money.approve(address(shares), amount);
        vm.prank(buyer);
        shares.deposit(amount);
    }

    function act_redeem(uint256 seed, uint64 total) external {
        (ModelShares shares, address buyer, uint256 number) = _sale(seed);
        uint256 before = shares.deposits(buyer);
        total = uint64(total % (shares.redeemed(buyer) + before + 2));
        bytes memory signature = _voucher(shares, number, total);
        shares.redeem(buyer, total, 1, 0, signature);
        drawn[address(shares)][buyer] += before - shares.deposits(buyer);
        if (total > vouchered[address(shares)][buyer]) vouchered[address(shares)][buyer] = total;
    }

    /// A voucher for another model, or of another buyer.
    function act_redeem_elsewhere(uint256 seed, uint64 total, bool otherModel) external {
        (ModelShares shares, address buyer, uint256 number) = _sale(seed);
        (ModelShares other,,) = _sale(otherModel ? seed + 1 : seed);
        if (otherModel && shares == other) return;
        bytes memory signature = _voucher(other, otherModel ? number : 2 * BUYER + 1 - number, total);
        shares.redeem(buyer, total, 1, 0, signature);
    }

    function act_withdraw(uint256 seed, bool announce) external {
        (ModelShares shares, address buyer,) = _sale(seed);
        vm.prank(buyer);
        if (announce) shares.announceWithdrawal();
        else shares.withdraw();
    }

    function act_move_shares(uint256 seed, uint256 from, uint256 to, uint256 units) external {
        ModelShares shares = sharesOf(ids[seed % 3]);
        if (address(shares) == address(0)) return;
        uint256 held = shares.balanceOf(who(from % PARTIES));
        vm.prank(who(from % PARTIES));
        shares.transfer(who(to % PARTIES), held == 0 ? 0 : units % (held + 1));
    }

    function act_royalty(uint256 seed, uint256 party) external {
        ModelShares shares = sharesOf(ids[seed % 3]);
        if (address(shares) != address(0)) shares.claim(who(party % PARTIES));
    }

    // What belongs to it.

    function _anchor(bytes32 agreement, Anchor memory made) private {
        bytes32 before = agreements.live(agreement).head;
        vm.prank(who(COORDINATOR_));
        agreements.anchor(agreement, made);
        _judge(agreement, made, before);
    }

    /// Whoever sees a barred owner in a round can have the coordinator slashed, as long as it has a stake. Rounds are
    /// opened when they are anchored, whatever the coordinator says of it.
    function _judge(bytes32 agreement, Anchor memory made, bytes32 before) private {
        for (uint256 party; party < 3; ++party) {
            Member memory leaver = agreements.member(agreement, who(party));
            if (leaver.revokedAt == 0 || block.timestamp <= leaver.revokedAt) continue;
            ++barred;
            if (agreements.member(agreement, who(COORDINATOR_)).stake == 0) {
                ++punishable;
                continue;
            }
            AnchorProof memory proof = AnchorProof(made, before, new bytes32[](0));
            try agreements.slashRevoked(agreement, who(party), proof, proofOf(participants(), party)) {
                ++punishable;
            } catch {
                if (made.opened > leaver.revokedAt) continue;
                ++hidden[agreement][party];
                ++punishable;
            }
        }
    }

    /// One of the models that are out, and one of two buyers.
    function _sale(uint256 seed) private view returns (ModelShares shares, address buyer, uint256 number) {
        number = BUYER + (seed >> 8) % 2;
        shares = sharesOf(ids[seed % 3]);
        if (address(shares) == address(0)) shares = sharesOf(ids[2]);
        buyer = who(number);
    }

    function _shown(bytes32 agreement, Checkpoint memory shown) private view returns (bytes memory) {
        bytes32 kind = keccak256(
            "Checkpoint(bytes32 agreement,uint32 round,uint32 version,uint64 size,bytes32 root)"
        );
        bytes32 said = keccak256(abi.encode(kind, agreement, shown.round, shown.version, shown.size, shown.root));
        return signedBy(COORDINATOR_, said);
    }

    function _voucher(ModelShares shares, uint256 number, uint64 total) private view returns (bytes memory) {
        bytes32 kind = keccak256("Voucher(address buyer,uint128 total,uint64 queries,bytes32 receipts)");
        bytes32 said = keccak256(abi.encode(kind, who(number), uint128(total), uint64(1), bytes32(0)));
        return signedIn(number, said, domain("Cotrain model", address(shares)));
    }

    function _otherLeaves() private pure returns (bytes32[] memory made) {
        made = leaves();
        made[COORDINATOR_] = leafHash(abi.encode(who(COORDINATOR_), leafOf(COORDINATOR_).roles, uint16(0)));
    }

    function _joinOther(uint256 party) private {
        bytes32 agreement = ids[1];
        fund(agreement, party);
        bytes memory signature = consentOf(agreement, party, datasetOf(party), block.timestamp);
        (address account, uint8 roles, uint16 points) =
            (who(party), leafOf(party).roles, party == COORDINATOR_ ? 0 : leafOf(party).basisPoints);
        agreements.join(
            agreement,
            Party(account, roles, points),
            proofOf(_otherLeaves(), party),
            datasetOf(party),
            block.timestamp,
            signature
        );
    }

    function _table(uint128 a, uint128 b, uint128 units) private pure returns (Payout[] memory table) {
        table = new Payout[](2);
        table[0] = Payout(who(0), a, units % uint128(MODEL_UNITS));
        table[1] = Payout(who(1), b, uint128(MODEL_UNITS) / 16);
    }

    function _hashes(Payout[] memory table) private pure returns (bytes32[] memory made) {
        made = new bytes32[](table.length);
        for (uint256 i; i < table.length; ++i) {
            made[i] = leafHash(abi.encode(table[i].account, table[i].amount, table[i].units));
        }
    }

    function _rootOf(Payout[] memory table) private pure returns (bytes32) {
        return rootOf(_hashes(table));
    }

}

contract Invariants is Base {
    Handler private handler;
    uint256 private constant ALL = 7;

    function setUp() public override {
        handler = new Handler();
        handler.setUp();
        (agreements, money) = handler.contracts();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// Only acts: the handler's own `setUp` is no act.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[23] memory acts = [
            Handler.act_anchor.selector,
            Handler.act_anchor.selector,
            Handler.act_royalty.selector,
            Handler.act_anchor.selector,
            Handler.act_anchor_as_if_earlier.selector,
            Handler.act_anchor_as_if_earlier.selector,
            Handler.act_revoke.selector,
            Handler.act_revoke_another.selector,
            Handler.act_release.selector,
            Handler.act_claim.selector,
            Handler.act_claim_pool.selector,
            Handler.act_refund.selector,
            Handler.act_return_stake.selector,
            Handler.act_slash_split.selector,
            Handler.act_reject.selector,
            Handler.act_pass_time.selector,
            Handler.act_use.selector,
            Handler.act_deposit.selector,
            Handler.act_redeem.selector,
            Handler.act_redeem_elsewhere.selector,
            Handler.act_withdraw.selector,
            Handler.act_move_shares.selector,
            Handler.act_royalty.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), new bytes4[](acts.length));
        for (uint256 i; i < acts.length; ++i) targets[0].selectors[i] = acts[i];
    }

    /// Solvency: what the contract holds is what may still be taken out of it, to the last unit but the rounding.
    function invariant_the_contract_can_pay_all_it_owes_and_keeps_nothing() external view {
        uint256 owed;
        for (uint256 a; a < handler.AGREEMENTS(); ++a) owed += _owedBy(handler.ids(a));
        uint256 held = money.balanceOf(address(agreements));
        check(held >= owed, "insolvent");
        check(held <= owed + handler.AGREEMENTS() * (2 * ALL + 2), "kept");
    }

    function invariant_the_budget_and_the_rounds_hold() external view {
        for (uint256 a; a < handler.AGREEMENTS(); ++a) {
            Live memory current = agreements.live(handler.ids(a));
            check(current.epsilon <= current.epsilonBudget, "budget");
            check(current.rounds <= current.maxRounds, "rounds");
            check(agreements.accountOf(handler.ids(a)).releasedRounds <= current.rounds, "released rounds");
        }
    }

    function invariant_claims_stay_within_what_was_released() external view {
        for (uint256 a; a < handler.AGREEMENTS(); ++a) {
            bytes32 agreement = handler.ids(a);
            Account memory account = agreements.accountOf(agreement);
            uint256 out = agreements.released(agreement) + account.compensation;
            check(account.claimed <= out, "claims");
            check(account.poolClaimed <= _poolOf(agreement), "pool");
            check(
                account.refunded + account.claimed <= uint256(account.funded) + account.compensation, "refund and claims"
            );
        }
    }

    function invariant_no_round_after_a_revocation_goes_unpunished() external view {
        same(handler.punishable(), handler.barred(), "rounds with a barred owner");
        for (uint256 a; a < handler.AGREEMENTS(); ++a) {
            for (uint256 party; party < 3; ++party) {
                check(handler.hidden(handler.ids(a), party) <= 1, "a wrong time hides more than one round");
            }
        }
    }

    function invariant_only_owners_revoke() external view {
        for (uint256 a; a < handler.AGREEMENTS(); ++a) {
            for (uint256 party; party < 3; ++party) {
                uint256 revokedAt = agreements.member(handler.ids(a), handler.owner(party)).revokedAt;
                same(revokedAt, handler.asked(handler.ids(a), party), "revoked by somebody else");
            }
        }
    }

    function invariant_stakes_leave_only_by_evidence_or_in_time() external view {
        same(handler.stakesOut(), 0, "early");
    }

    function invariant_model_shares_are_conserved_and_can_pay() external view {
        for (uint256 a; a < handler.AGREEMENTS(); ++a) {
            ModelShares shares = sharesOf(handler.ids(a));
            if (address(shares) == address(0)) continue;
            check(shares.totalSupply() <= shares.unitsInAll(), "units");
            check(shares.unitsInAll() <= MODEL_UNITS, "more than one model");
            uint256 sum;
            uint256 owed = shares.deposits(handler.owner(handler.BUYER()));
            owed += shares.deposits(handler.owner(handler.BUYER() + 1));
            for (uint256 party; party < ALL; ++party) {
                sum += shares.balanceOf(handler.owner(party));
                owed += shares.owed(handler.owner(party));
            }
            same(sum, shares.totalSupply(), "held by members");
            check(owed <= shares.held(), "owes more than it counts");
            check(shares.held() <= money.balanceOf(address(shares)), "counts more than it holds");
        }
    }

    function invariant_vouchers_are_redeemed_once() external view {
        for (uint256 a; a < handler.AGREEMENTS(); ++a) {
            ModelShares shares = sharesOf(handler.ids(a));
            if (address(shares) == address(0)) continue;
            for (uint256 i; i < 2; ++i) {
                address buyer = handler.owner(handler.BUYER() + i);
                uint256 total = handler.vouchered(address(shares), buyer);
                same(handler.drawn(address(shares), buyer), total, "drawn by vouchers");
                same(shares.redeemed(buyer), total, "redeemed");
            }
        }
    }

    /// Whatever an agreement may still have to give: shares, pool, refund, stakes.
    function _owedBy(bytes32 agreement) private view returns (uint256 owed) {
        Account memory account = agreements.accountOf(agreement);
        uint256 earned = _poolOfPrice(agreement);
        for (uint256 party; party < ALL; ++party) {
            Member memory found = agreements.member(agreement, handler.owner(party));
            owed += found.stake + agreements.entitled(agreement, handler.owner(party)) - found.claimed;
            earned += _earnedBy(account, found, agreements.live(agreement).maxRounds);
        }
        owed += _poolOf(agreement) - account.poolClaimed;
        // What nobody earned goes back: rounds that are not released, and what leavers would have had.
        uint256 unearned = account.funded - earned;
        owed += unearned > account.refunded ? unearned - account.refunded : 0;
    }

    /// By the terms alone: its share of the price for the rounds that were released while it was there.
    function _earnedBy(Account memory account, Member memory found, uint256 maxRounds) private pure returns (uint256) {
        uint256 rounds = found.rounds < account.releasedRounds ? found.rounds : account.releasedRounds;
        return uint256(account.price) * found.basisPoints * rounds / (BASIS_POINTS * maxRounds);
    }

    function _poolOfPrice(bytes32 agreement) private view returns (uint256) {
        return agreements.released(agreement) * agreements.live(agreement).pool / BASIS_POINTS;
    }

    function _poolOf(bytes32 agreement) private view returns (uint256) {
        uint256 perPoint = agreements.accountOf(agreement).compensationPerPoint;
        return _poolOfPrice(agreement) + agreements.live(agreement).pool * perPoint / STAKE_SCALE;
    }
}
