// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// Promises of one issuer, for chains that have no money of their own: what they are worth, the issuer's word says.
contract Credits is ERC20Permit {
    address public immutable ISSUER;

    error OnlyIssuer();

    constructor(address issuer) ERC20("Cotrain credits", "CREDIT") ERC20Permit("Cotrain credits") {
        ISSUER = issuer;
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function issue(address to, uint256 amount) external {
        if (msg.sender != ISSUER) revert OnlyIssuer();
        _mint(to, amount);
    }

    /// Takes credits out of the world, when the issuer made good on them.
    function redeem(uint256 amount) external {
        _burn(msg.sender, amount);
    }
}
