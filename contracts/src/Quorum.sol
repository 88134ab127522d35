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
    /// @param excluded A member whose signature does not count: nobody judges itself.
    function _checkApprovals(bytes32 agreement, bytes32 said, Approval[] calldata approvals, address excluded)
        internal
        view
    {
        Live storage current = _known(agreement);
        if (approvals.length < current.quorum) revert TooFewApprovals(current.quorum);
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
