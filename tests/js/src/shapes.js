// What the calls of promise-settlement look like, as the metadata says: with one node and a signed promise, or with a beneficiary
// and a claim.

/** The arguments of `open` in their order, each as the library wants it; `Node` makes the library's enum. */
export const openArguments = (names, { node, signer, deposit, nonce }, Node) =>
  names.includes('beneficiary')
    ? { beneficiary: Node(node), signer, token_type: undefined, deposit, nonce, lifetime: 100 }
    : { node, signer, deposit, nonce };

/** What a node claims with: a claim, where the chain knows claims, or the bare promise. */
export const claimArgument = (names, promise) =>
  names.includes('beneficiary') ? { promise, ticks: undefined, allocation: undefined } : promise;
