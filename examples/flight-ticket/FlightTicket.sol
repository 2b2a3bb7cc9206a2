// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Flight tickets, as small as they can be and still be real
/// @notice Tickets 1 to `count` are minted to one holder when the contract is deployed. Who redeems a ticket is not this
/// contract's business: Smart Layer records that as a key operation of the token.
/// @dev The part of ERC-721 that reading and handing over a ticket needs, and ERC-165. No approvals, no receiver checks: not
/// for tickets that are worth something.
contract FlightTicket {
    event Transfer(address indexed from, address indexed to, uint256 indexed tokenId);

    error NoSuchTicket(uint256 tokenId);
    error NotTheHolder(address caller);
    error NoRecipient();

    string public constant name = "Smart Flight Ticket";
    string public constant symbol = "FLY";

    uint256 public immutable totalSupply;
    uint256 private immutable firstDeparture;

    mapping(uint256 => address) private holders;
    mapping(address => uint256) private balances;

    /// @param holder Who gets the tickets.
    /// @param count How many there are; their ids are 1 to `count`.
    /// @param departs When the first flight leaves, in seconds since 1970; 0 for cancelled. Every sixth ticket is on the next
    /// flight, an hour later.
    constructor(address holder, uint256 count, uint256 departs) {
        if (holder == address(0)) revert NoRecipient();
        totalSupply = count;
        firstDeparture = departs;
        balances[holder] = count;
        for (uint256 id = 1; id <= count; id++) {
            holders[id] = holder;
            emit Transfer(address(0), holder, id);
        }
    }

    modifier exists(uint256 tokenId) {
        if (holders[tokenId] == address(0)) revert NoSuchTicket(tokenId);
        _;
    }

    /// @notice Who holds the ticket.
    function ownerOf(uint256 tokenId) external view exists(tokenId) returns (address) {
        return holders[tokenId];
    }

    /// @notice How many tickets the holder has.
    function balanceOf(address holder) external view returns (uint256) {
        return balances[holder];
    }

    /// @notice The flight's number.
    function flight(uint256 tokenId) external view exists(tokenId) returns (string memory) {
        return string.concat("SL", decimal(100 + (tokenId - 1) / 6));
    }

    /// @notice The seat, for example 12C.
    function seat(uint256 tokenId) external view exists(tokenId) returns (string memory) {
        bytes memory letter = new bytes(1);
        letter[0] = bytes1(uint8(65 + (tokenId - 1) % 6));
        return string.concat(decimal(12), string(letter));
    }

    /// @notice When the flight leaves, in seconds since 1970; 0 if it is cancelled.
    function departure(uint256 tokenId) external view exists(tokenId) returns (uint256) {
        return firstDeparture == 0 ? 0 : firstDeparture + (tokenId - 1) / 6 * 1 hours;
    }

    /// @notice Hands the ticket over.
    function transferFrom(address from, address to, uint256 tokenId) external exists(tokenId) {
        if (msg.sender != from || holders[tokenId] != from) revert NotTheHolder(msg.sender);
        if (to == address(0)) revert NoRecipient();
        balances[from]--;
        balances[to]++;
        holders[tokenId] = to;
        emit Transfer(from, to, tokenId);
    }

    /// @notice ERC-165. The contract does not claim ERC-721, of which it has only a part.
    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x01ffc9a7;
    }

    function decimal(uint256 number) private pure returns (string memory) {
        if (number == 0) return "0";
        uint256 length;
        for (uint256 rest = number; rest > 0; rest /= 10) length++;
        bytes memory digits = new bytes(length);
        for (uint256 rest = number; rest > 0; rest /= 10) digits[--length] = bytes1(uint8(48 + rest % 10));
        return string(digits);
    }
}
