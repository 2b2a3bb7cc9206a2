// What a hardware wallet does: it computes the hash of the metadata that it shows a transaction by, signs it along with the transaction
// (CheckMetadataHash in mode 1, RFC 78), and the chain refuses what was shown by any other metadata than its own.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { merkleizeMetadata } from '@polkadot-api/merkleize-metadata';
import { u8aToHex } from '@polkadot/util';

import { accounts, SLT } from './src/accounts.js';
import * as connect from './src/connect.js';

let api;
let who;
let metadataHash;

before(async () => {
  api = await connect.polkadotJs();
  who = await accounts('Dave', { payee: 'sr25519' });
  const metadata = (await api.call.metadata.metadataAtVersion(15)).unwrap();
  const [decimals, tokenSymbol] = [api.registry.chainDecimals[0], api.registry.chainTokens[0]];
  metadataHash = u8aToHex(merkleizeMetadata(metadata.toHex(), { decimals, tokenSymbol }).digest());
});

after(() => api?.disconnect());

/** Sends 1 SLT, signed with these options, and waits for its block. */
function pay(options) {
  const transfer = api.tx.balances.transferKeepAlive(who.payee.address, SLT);
  return new Promise((resolve, reject) => {
    const told = (result) => {
      if (result.isError) reject(new Error(result.status.toString()));
      if (result.status.isInBlock) resolve(result);
    };
    transfer.signAndSend(who.funder, options, told).catch(reject);
  });
}

const received = async () => (await api.query.system.account(who.payee.address)).data.free.toBigInt();

test("a transaction signed with another metadata's hash is refused", async () => {
  const wrong = `${metadataHash.slice(0, -1)}${metadataHash.endsWith('0') ? '1' : '0'}`;
  await assert.rejects(pay({ mode: 1, metadataHash: wrong }), /bad signature/);
  // Nor is the right one worth anything where the transaction says that there is none, or the other way round.
  await assert.rejects(pay({ mode: 0, metadataHash }), /bad signature/);
  await assert.rejects(pay({ mode: 1 }), /bad signature/);
  assert.equal(await received(), 0n);
});

test("a transaction signed with the metadata's hash is executed", async () => {
  const { dispatchError } = await pay({ mode: 1, metadataHash });
  assert.equal(dispatchError, undefined);
  assert.equal(await received(), SLT);
});
