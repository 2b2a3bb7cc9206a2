// The published bytes, computed once more in another language.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { hexToU8a, u8aToHex } from '@polkadot/util';
import { cryptoWaitReady, ed25519PairFromSeed, ed25519Sign, signatureVerify } from '@polkadot/util-crypto';

import * as payloads from './src/payloads.js';

const file = process.env.SMARTLAYER_VECTORS ?? new URL('../../primitives/golden/vectors.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8'));
const { genesis, accounts } = vectors;
const SLT = 10n ** 12n;

const promise = { session: vectors.sessionId.id, cumulative: (3n * SLT) / 2n, callHash: vectors.callHash.hash };
const named = (name) => vectors.payloads.find((payload) => payload.name === name);

test('a call is bound by its hash, a session named by its parties', () => {
  assert.equal(payloads.callHash(vectors.callHash.request), vectors.callHash.hash);
  const { nonce, id } = vectors.sessionId;
  assert.equal(payloads.sessionId(genesis, hexToU8a(accounts.payer), hexToU8a(accounts.node), nonce), id);
});

test('every payload is its domain, the genesis hash and its SCALE bytes, and is named by their hash', () => {
  for (const { name, domain, scale, signingPayload, payloadHash } of vectors.payloads) {
    const bytes = payloads.signingPayload(domain, genesis, hexToU8a(scale));
    assert.equal(u8aToHex(bytes), signingPayload, name);
    assert.equal(payloads.hash(bytes), payloadHash, name);
  }
});

test('promises are encoded as published', () => {
  assert.equal(u8aToHex(payloads.promise(promise)), named('promise').scale);
  const ticks = { root: `0x${'05'.repeat(32)}`, unit: 1000, length: 4096 };
  assert.equal(u8aToHex(payloads.promise({ ...promise, ticks })), named('promise with ticks').scale);
});

test('promises are signed as published', async () => {
  await cryptoWaitReady();
  const pair = ed25519PairFromSeed(new Uint8Array(32).fill(0x42));
  assert.equal(u8aToHex(pair.publicKey), accounts.ed25519Signer);
  const message = payloads.signingPayload('smartlayer/promise/1', genesis, payloads.promise(promise));
  const signature = ed25519Sign(message, pair);
  assert.ok(signatureVerify(message, signature, pair.publicKey).isValid);
  const signed = payloads.signedPromise(promise, ['ed25519', signature]);
  assert.equal(u8aToHex(signed), vectors.signedPromise);
});

test('claims are encoded as published', () => {
  const signature = ['ed25519', hexToU8a(vectors.signedPromise).slice(-64)];
  assert.equal(u8aToHex(payloads.claim(promise, signature)), vectors.claim.promise);

  const allocation = { session: promise.session, round: 1, node: accounts.node, cap: 2n * SLT };
  assert.equal(u8aToHex(payloads.allocation(allocation)), named('allocation').scale);
  const full = payloads.claim(
    promise,
    signature,
    { count: 12, preimage: genesis },
    { ...allocation, signature: new Uint8Array(64).fill(0x33) },
  );
  assert.equal(u8aToHex(full), vectors.claim['promise, ticks and allocation']);
});

test('channels and ticks are hashed as published', () => {
  const { session, round, node, id } = vectors.channelId;
  assert.equal(payloads.channelId(session, round, node), id);
  assert.equal(payloads.tickHash(vectors.tick.preimage), vectors.tick.hash);
});
