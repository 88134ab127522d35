// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// What the tests of the chain call: it counts, tells, refuses, and looks around. Nothing of Cotrain's rules.
contract Probe {
    uint256 public count;
    uint256 transient lent;
    mapping(uint256 => uint256) public slots;

    event Counted(address indexed who, uint256 count, bytes note);
    event Again(uint256 indexed place);

    error Refused(uint256 count, string why);

    function add(uint256 amount, bytes calldata note) external {
        count += amount;
        slots[count] = block.timestamp;
        emit Counted(msg.sender, count, note);
    }

    function tell(uint256 times) external {
        for (uint256 place; place < times; ++place) emit Again(place);
    }

    function forget(uint256 place) external {
        delete slots[place];
    }

    function refuse(string calldata why) external {
        count += 1;
        emit Again(count);
        revert Refused(count, why);
    }

    function burn() external pure {
        assembly { invalid() }
    }

    function lend() external returns (uint256) {
        lent += 1;
        count += lent;
        return lent;
    }

    function surroundings() external view returns (uint256, uint256, uint256, uint256, uint256, address, uint256) {
        return (block.number, block.timestamp, block.chainid, block.basefee, block.prevrandao, block.coinbase, block.gaslimit);
    }

    function spawn(bytes32 salt) external returns (address) {
        return address(new Child{salt: salt}());
    }
}

contract Child {
    uint256 public born = block.timestamp;
}
