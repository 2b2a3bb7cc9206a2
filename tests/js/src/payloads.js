// The bytes of what gets signed and hashed off the chain, written out as docs/reference/bytes.md defines them, so that they can be
// checked against the Rust side. Nothing here needs a chain or its metadata.
import { hexToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { blake2AsU8a } from '@polkadot/util-crypto';

/** The bytes of a text. */
export const ascii = (text) => new TextEncoder().encode(text);

/** An unsigned number of so many bits, little-endian. */
export function uint(value, bits) {
  const bytes = new Uint8Array(bits / 8);
  let rest = BigInt(value);
  for (let i = 0; i < bytes.length; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  if (rest !== 0n) throw new RangeError(`${value} has more than ${bits} bits`);
  return bytes;
}

/** 0 for nothing, or 1 and the value. */
const option = (value, encode) => (value === undefined ? Uint8Array.of(0) : u8aConcat([1], encode(value)));

/** Text and lists of less than 64 elements are preceded by their length, times four. */
export const short = (bytes) => u8aConcat([bytes.length << 2], bytes);

/** How a signature says which kind of key made it. */
const SIGNATURE_KINDS = { ed25519: 0, sr25519: 1, ecdsa: 2 };

/** SCALE of a promise: `{ session, cumulative, callHash, ticks?: { root, unit, length } }`, hashes as hex. */
export const promise = ({ session, cumulative, callHash, ticks }) =>
  u8aConcat(
    hexToU8a(session),
    uint(cumulative, 128),
    hexToU8a(callHash),
    option(ticks, ({ root, unit, length }) => u8aConcat(hexToU8a(root), uint(unit, 128), uint(length, 32))),
  );

/** SCALE of a promise and its signature, a `[kind, bytes]` pair. */
export const signedPromise = (promised, [kind, signature]) =>
  u8aConcat(promise(promised), [SIGNATURE_KINDS[kind]], signature);

/** SCALE of an allocation: `{ session, round, node, cap }`. */
export const allocation = ({ session, round, node, cap }) =>
  u8aConcat(hexToU8a(session), uint(round, 16), hexToU8a(node), uint(cap, 128));

/** SCALE of a claim; `ticks` is `{ count, preimage }`, `allocated` an allocation with its `signature`. */
export const claim = (promised, signature, ticks, allocated) =>
  u8aConcat(
    signedPromise(promised, signature),
    option(ticks, ({ count, preimage }) => u8aConcat(uint(count, 32), hexToU8a(preimage))),
    option(allocated, (it) => u8aConcat(allocation(it), it.signature)),
  );

/** What is signed of a value: domain, genesis hash, SCALE. */
export const signingPayload = (domain, genesis, scale) => u8aConcat(ascii(domain), hexToU8a(genesis), scale);

/** blake2-256, as hex. */
export const hash = (bytes) => u8aToHex(blake2AsU8a(bytes, 256));

/** What binds a promise to the body of its request. */
export const callHash = (request) => hash(ascii(request));

/** The identifier of the session that `payer` opens with `nonce` to `beneficiary`, both public keys. */
export const sessionId = (genesis, payer, beneficiary, nonce) =>
  hash(u8aConcat(short(ascii('smartlayer/session/1')), hexToU8a(genesis), payer, beneficiary, uint(nonce, 64)));

/** Signs a promise; the key pair is one of @polkadot/keyring. */
export const signPromise = (pair, genesis, promised) => [
  pair.type,
  pair.sign(signingPayload('smartlayer/promise/1', genesis, promise(promised))),
];

/** Signs that the holder of `key` agreed to act for `account`, a public key. */
export const proveOwnership = (key, genesis, account) => [
  key.type,
  key.sign(signingPayload('smartlayer/key-ownership/1', genesis, account)),
];

/** What names a node's count in one round of a network session. */
export const channelId = (session, round, node) =>
  hash(u8aConcat(short(ascii('smartlayer/channel/1')), hexToU8a(session), uint(round, 16), hexToU8a(node)));

/** One step towards the root of a hash chain. */
export const tickHash = (preimage) => hash(u8aConcat(ascii('smartlayer/tick/1'), hexToU8a(preimage)));
