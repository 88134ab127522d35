// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Rounds} from "./Rounds.sol";
import {Approval, Live} from "./Types.sol";

/// What only many parties together may say: each checked the ledger for itself and signed.
abstract contract Quorum is Rounds {
    error TooFewApprovals(uint256 needed);
    error ApprovalsNotSorted();

    /// Reverts unless enough members signed. Approvals come in rising order of account, so that none counts twice.
    ///
    /// Revoked and slashed members still count: what they earned before is theirs, and if they did not, slashing could
    /// make a quorum impossible.
    ///
    /// @param excluded A member whose signature does not count: nobody judges itself. If the quorum is all parties, all
    /// others are enough.
    function _checkApprovals(bytes32 agreement, bytes32 said, Approval[] calldata approvals, address excluded)
        internal
        view
    {
        Live storage current = _known(agreement);
        uint256 needed = current.quorum;
        if (excluded != address(0) && needed == current.partyCount && needed > 1) --needed;
        if (approvals.length < needed) revert TooFewApprovals(needed);
        address last;
        for (uint256 i; i < approvals.length; ++i) {
            address account = approvals[i].account;
            if (account <= last) revert ApprovalsNotSorted();
            if (account == excluded || !isMember(agreement, account)) revert NotMember();
            _checkSignature(account, said, approvals[i].signature);
            last = account;
        }
    }
}
