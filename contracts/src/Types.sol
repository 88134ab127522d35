// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

// What the contracts store and take. Money is in the smallest unit of the agreement's token, shares in basis
// points, epsilon in millionths, time in seconds since 1970.

uint256 constant BASIS_POINTS = 10_000;

// Units of a model's shares when nobody withdrew; ERC-20 with 18 decimals, so one model is 1.0.
uint256 constant MODEL_UNITS = 1e18;

// Part of a slashed stake that goes to whoever brought the evidence.
uint256 constant BOUNTY = 1_000;

// Fractions of a unit of money that a basis point's part of slashed stakes is counted in.
uint256 constant STAKE_SCALE = 1e18;

// Roles of a party, as bits.
uint8 constant OWNER = 1;
uint8 constant COORDINATOR = 2;
uint8 constant DEMANDER = 4;

/// A model from which this one is derived, and the part of each payment that goes to its holders.
struct Parent {
    address shares;
    uint16 basisPoints;
}

/// What all parties signed, as far as a contract can enforce it. Its hash is the agreement's name here.
struct Terms {
    bytes32 document; // SHA-256 of the signed agreement, also the name of the run
    bytes32 algorithm; // SHA-256 of the algorithm's terms
    bytes32 parties; // Merkle root over Party: who may join, in which role, with which share
    address token;
    address coordinator;
    address demander;
    uint64 expiry; // no round is anchored from this time on
    uint64 challenge; // seconds after the end during which stakes stay and evidence counts
    uint64 epsilonBudget;
    uint32 maxRounds;
    uint32 partyCount; // all of them must join before the first round
    uint32 minOwners; // fewest owners that may be left for a round
    uint32 quorum; // how many parties must sign a release or a rejection
    uint16 pool; // basis points that are divided by scores instead of by agreed shares
    uint8 assurance; // 0 recorded, 1 bounded, 2 attested, 3 proven
    bool freeTransfer; // whether strangers may hold shares of the model
    uint128 price; // for all rounds
    uint128 ownerStake;
    uint128 coordinatorStake;
    uint128 usePrice; // for one query of the model
    Parent[] parents;
}

/// One leaf of `Terms.parties`.
struct Party {
    address account;
    uint8 roles;
    uint16 basisPoints;
}

/// What anchoring reads and writes: four storage slots, whatever the number of parties.
struct Live {
    address coordinator;
    uint64 expiry;
    uint32 maxRounds;
    // slot 2
    uint64 epsilonBudget;
    uint64 challenge;
    uint32 minOwners;
    uint32 partyCount;
    uint32 quorum;
    uint16 pool;
    uint8 assurance;
    bool freeTransfer;
    // slot 3
    uint32 rounds; // anchored so far
    uint64 epsilon; // spent so far
    uint32 owners; // active ones
    uint32 joined;
    uint32 version; // changes with each joining and each revocation
    uint40 opened; // when the last anchored round was opened
    bool closed; // nothing will be released any more
    // slot 4
    bytes32 head; // chain of hashes over all anchors
}

/// Who joined an agreement.
struct Member {
    uint8 roles;
    uint16 basisPoints;
    uint32 rounds; // rounds that count for its share: type(uint32).max unless it revoked
    uint64 revokedAt; // 0 if it did not
    uint128 stake;
    uint128 claimed;
    uint128 poolClaimed;
    bool minted;
    bool poolMinted;
    bytes32 dataset;
    uint256 unshared; // parts of slashed stakes that are not its own: from before it joined, and of its own stake
}

/// Where the money of an agreement is.
struct Account {
    address token;
    address demander;
    uint128 price;
    uint128 funded; // paid in by the demander
    uint128 claimed; // paid out for the run, compensation included
    uint128 poolClaimed; // the part of it that was divided by scores
    uint128 refunded;
    uint128 compensation; // from slashed stakes, bounties left aside
    uint32 releasedRounds; // rounds that are paid for
    uint64 closedAt;
    uint64 leaverShares; // basis points of the owners that revoked before the last release ...
    uint128 leaverPoints; // ... and the sum of basis points times rounds that count for them
    uint64 freshShares; // the same of those that revoked since
    uint128 freshPoints;
    uint128 poolUnits; // units of the model's shares minted by scores
    uint128 usePrice;
    bytes32 payouts; // Merkle root over Payout
    bytes32 model;
    address shares; // the token of the model's shares, once it is released
    uint256 compensationPerPoint; // for one basis point so far, times STAKE_SCALE
}

/// One leaf of `Account.payouts`: what a party gets out of the pool, all releases together.
struct Payout {
    address account;
    uint128 amount; // of money
    uint128 units; // of the model's shares
}

/// What one round leaves on the chain.
struct Anchor {
    uint32 round; // counted from 1
    uint32 version; // of the membership
    uint40 opened; // when the round was opened, as the ledger says
    uint64 epsilon; // spent on any row so far, all rounds together
    uint64 size; // of the ledger, in entries
    bytes32 root; // of the ledger (RFC 9162)
    bytes32 result; // SHA-256 of the record with the opened sum
    bytes32 participants; // Merkle root over the owners in the sum
}

/// What the quorum signs: these rounds are in order and are paid.
struct Release {
    uint32 rounds; // all that are anchored
    bytes32 payouts;
    bytes32 model; // 0 before the last release
    bool last;
}

/// What the quorum signs: this party's proof or record of this round does not hold.
struct Rejection {
    address subject;
    uint32 round;
    bytes32 evidence; // SHA-256 of the refused record
}

/// What the coordinator signs for all parties with each anchor: there is one for a round and a membership.
struct Checkpoint {
    uint32 round; // counted from 1
    uint32 version; // of the membership
    uint64 size; // of the ledger, in entries
    bytes32 root;
}

/// A party's signature under what the quorum says.
struct Approval {
    address account;
    bytes signature;
}

/// An anchor and what is needed to show that it is part of the chain.
struct AnchorProof {
    Anchor anchor;
    bytes32 before; // the head before it
    bytes32[] later; // hashes of the anchors after it
}
