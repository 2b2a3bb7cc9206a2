// The published bytes, computed once more in another language.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { hexToU8a, u8aConcat, u8aToHex } from '@polkadot/util';
import { cryptoWaitReady, ed25519PairFromSeed, ed25519Sign, signatureVerify } from '@polkadot/util-crypto';

import * as hashes from './src/hashes.js';
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

test('leaves are hashed, and hang together under a root, as published', () => {
  const domains = {
    operation: 'smartlayer/leaf/operation/1',
    transfer: 'smartlayer/leaf/operation/1',
    bitmap: 'smartlayer/leaf/bitmap/1',
    report: 'smartlayer/leaf/report/1',
    assignment: 'smartlayer/leaf/assignment/1',
  };
  const { leaves, root, proofs } = vectors.fiveReports;
  for (const { name, scale, leafHash } of [...vectors.leaves, ...leaves]) {
    assert.equal(hashes.leafHash(domains[name], scale), leafHash, name);
  }
  const five = leaves.map(({ leafHash }) => leafHash);
  assert.equal(hashes.merkleRoot(five), vectors.rootOfFiveReports);
  assert.equal(root, u8aToHex(u8aConcat(hexToU8a(vectors.rootOfFiveReports), payloads.uint(5, 32))));
  for (const { leaf, siblings } of proofs) {
    assert.equal(hashes.provedRoot(five[leaf], leaf, 5, siblings), vectors.rootOfFiveReports, `leaf ${leaf}`);
    assert.notEqual(hashes.provedRoot(five[(leaf + 1) % 5], leaf, 5, siblings), vectors.rootOfFiveReports);
  }
  assert.equal(hashes.proof(2, proofs[2].siblings), vectors.arguments.find(({ name }) => name === 'merkle proof').scale);
});

test('anchors take turns, at writing and at answering, as published', () => {
  const { seed, period, ranking, answering } = vectors.duty;
  const anchors = [accounts.payer, accounts.node, accounts.anchor];
  assert.deepEqual(hashes.ranking(seed, period, anchors), ranking);
  for (const { elapsed, anchor } of answering.turns) {
    const { node, interval } = answering;
    assert.equal(hashes.answering(seed, node, anchors, elapsed, interval), anchor, `after ${elapsed} blocks`);
  }
});

test('anchors attest a commitment by signing its hash', () => {
  const { scale } = named('commitment');
  const hash = payloads.hash(payloads.signingPayload('smartlayer/commitment/1', genesis, hexToU8a(scale)));
  assert.equal(hash, vectors.attestation.hash);
  const signed = payloads.signingPayload('smartlayer/quorum/1', genesis, hexToU8a(hash));
  assert.equal(u8aToHex(signed), vectors.attestation.signed);
});

test('the history has the published peaks, and a leaf its way up to one', () => {
  const { leaves, range, peaks, proof } = vectors.history;
  assert.deepEqual(hashes.peaks(leaves), peaks);
  const all = peaks.map((peak) => hexToU8a(peak));
  assert.equal(u8aToHex(u8aConcat(payloads.uint(leaves.length, 32), [all.length << 2], ...all)), range);
  // The third of the four leaves under the highest of three peaks: its neighbour, and the parent of the two before.
  assert.equal(proof.leaf, leaves[2]);
  assert.equal(proof.scale, hashes.proof(2, [leaves[3], hashes.historyParent(leaves[0], leaves[1])]));
});

test('what an issuer stores is named by its hash', () => {
  const { scale, hash } = vectors.instanceState;
  assert.equal(payloads.hash(hexToU8a(scale)), hash);
});
