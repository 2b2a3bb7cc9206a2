// The life of a session, and votes, by @polkadot/api.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { WsProvider } from '@polkadot/api';
import { u8aConcat, u8aToHex } from '@polkadot/util';

import { accounts, burned, SLT } from './src/accounts.js';
import * as connect from './src/connect.js';
import { callHash, proveOwnership, sessionId, signPromise } from './src/payloads.js';

let api;
let who;
let genesis;
let first;
/** What was paid for transactions since the accounts got their money, by address. */
const fees = new Map();

before(async () => {
  api = await connect.polkadotJs();
  genesis = api.genesisHash.toHex();
  // Genesis has neither transactions nor events.
  first = Math.max(1, (await api.rpc.chain.getHeader()).number.toNumber());
  // ed25519 keys only sign; what sends transactions here is sr25519.
  who = await accounts('Eve', {
    payer: 'sr25519',
    node: 'sr25519',
    voter: 'sr25519',
    signer: 'ed25519',
    service: 'ed25519',
  });
});

after(() => api?.disconnect());

/** Sends and waits until it is finalized; gives the block and the events. The fee is remembered, and paid for failures as well. */
async function send(pair, tx) {
  const { status, events, dispatchError } = await new Promise((resolve, reject) => {
    const told = (result) => {
      if (result.isError) reject(new Error(`${tx.method.section}.${tx.method.method}: ${result.status}`));
      if (result.status.isFinalized) resolve(result);
    };
    tx.signAndSend(pair, told).catch(reject);
  });
  const paid = find(events, 'transactionPayment', 'TransactionFeePaid');
  fees.set(pair.address, (fees.get(pair.address) ?? 0n) + paid.actualFee.toBigInt());
  if (dispatchError) {
    assert.ok(dispatchError.isModule, dispatchError.toString());
    const { section, name, docs } = api.registry.findMetaError(dispatchError.asModule);
    throw new Error(`${section}.${name}: ${docs.join(' ')}`);
  }
  return { block: status.asFinalized, events };
}

/** Calls a method that the library does not know. */
async function rpc(method, ...params) {
  const provider = new WsProvider(connect.url());
  await provider.isReady;
  return provider.send(method, params).finally(() => provider.disconnect());
}

/** The data of the only event of its kind. */
function find(events, section, method) {
  const found = events.filter(({ event }) => event.section === section && event.method === method);
  assert.equal(found.length, 1, `${section}.${method} among ${events.map(({ event }) => `${event.section}.${event.method}`)}`);
  return found[0].event.data;
}

/** All that an account has, free or held. */
async function total({ address }) {
  const { data } = await api.query.system.account(address);
  return data.free.toBigInt() + data.reserved.toBigInt();
}

/** Calls a view function by the name that the metadata has for it, with SCALE-encoded arguments. */
async function view(pallet, name, ...args) {
  const { viewFunctions } = api.runtimeMetadata.asV16.pallets.find((it) => it.name.eq(pallet));
  const { id, output } = viewFunctions.find((it) => it.name.eq(name));
  const answer = await api.call.runtimeViewFunction.executeViewFunction(id, u8aToHex(u8aConcat(...args)));
  return api.registry.createTypeUnsafe(api.registry.createLookupType(output), [answer.asOk.toU8a(true)]);
}

test('a transfer arrives whole', async () => {
  const before = await total(who.funder);
  await send(
    who.funder,
    api.tx.utility.batchAll([
      api.tx.balances.transferKeepAlive(who.payer.address, 100n * SLT),
      api.tx.balances.transferKeepAlive(who.node.address, 5_000n * SLT),
      api.tx.balances.transferKeepAlive(who.voter.address, 100n * SLT),
    ]),
  );
  assert.equal(await total(who.payer), 100n * SLT);
  assert.equal(await total(who.funder), before - 5_200n * SLT - fees.get(who.funder.address));
});

test('a service node registers with proof that it has its service key', async () => {
  const [kind, signature] = proveOwnership(who.service, genesis, who.node.publicKey);
  const register = (proof) =>
    api.tx.serviceStaking.register('https://node.example', '0x00240801', who.service.address, proof, 2_000n * SLT);
  await assert.rejects(send(who.node, register({ [kind]: new Uint8Array(64) })), /serviceStaking\.BadProof/);

  const { events } = await send(who.node, register({ [kind]: signature }));
  assert.equal(find(events, 'serviceStaking', 'Registered').node.toString(), who.node.address);
  const { data } = await api.query.system.account(who.node.address);
  assert.equal(data.reserved.toBigInt(), 2_000n * SLT);
});

test('a session is opened, a promise signed, and all amounts add up when it closes', async () => {
  const [payerBefore, nodeBefore] = [await total(who.payer), await total(who.node)];
  const [payerFees, nodeFees] = [fees.get(who.payer.address) ?? 0n, fees.get(who.node.address)];
  const { promiseSettlement } = api.tx;

  const nonce = (await view('PromiseSettlement', 'next_nonce', who.payer.publicKey)).unwrap().toBigInt();
  const deposit = 10n * SLT;
  const beneficiary = { Node: who.node.address };
  const open = promiseSettlement.open(beneficiary, who.signer.address, null, deposit, nonce, 100);
  const opened = await send(who.payer, open);
  const session = sessionId(genesis, who.payer.publicKey, who.node.publicKey, nonce);
  assert.equal(find(opened.events, 'promiseSettlement', 'Opened').session.toHex(), session);
  assert.equal((await view('PromiseSettlement', 'next_nonce', who.payer.publicKey)).unwrap().toBigInt(), nonce + 1n);

  const stored = (await view('PromiseSettlement', 'session', session)).unwrap();
  assert.equal(stored.deposit.toBigInt(), deposit);
  assert.equal(stored.payer.toString(), who.payer.address);
  assert.deepEqual(stored.toJSON(), (await api.query.promiseSettlement.sessions(session)).toJSON());

  // An odd amount, so that rounding shows.
  const promise = { session, cumulative: 3n * SLT + 1n, callHash: callHash('{"jsonrpc":"2.0"}'), ticks: undefined };
  const closing = ([kind, signature]) => {
    const claim = { promise: { promise, signature: { [kind]: signature } }, ticks: null, allocation: null };
    return promiseSettlement.close(session, claim);
  };
  const elsewhere = signPromise(who.signer, `0x${'00'.repeat(32)}`, promise);
  await assert.rejects(send(who.node, closing(elsewhere)), /promiseSettlement\.BadSignature/);
  const { block, events } = await send(who.node, closing(signPromise(who.signer, genesis, promise)));

  const burn = burned(promise.cumulative, stored.burnRate.toNumber());
  const closed = find(events, 'promiseSettlement', 'Closed');
  assert.equal(closed.burned.toBigInt(), burn);
  assert.equal(closed.paid.toBigInt(), promise.cumulative - burn);
  assert.equal(closed.refunded.toBigInt(), deposit - promise.cumulative);
  assert.ok((await view('PromiseSettlement', 'session', session)).isNone);

  const payerPaid = fees.get(who.payer.address) - payerFees;
  const nodePaid = fees.get(who.node.address) - nodeFees;
  assert.equal(await total(who.payer), payerBefore - promise.cumulative - payerPaid);
  assert.equal(await total(who.node), nodeBefore + promise.cumulative - burn - nodePaid);

  // Issuance fell by what this block's claims burned, and by nothing else.
  const at = await api.at(block);
  const parent = await api.at((await api.rpc.chain.getHeader(block)).parentHash);
  const claims = (await at.query.system.events()).filter(({ event }) => event.method === 'Claimed');
  const all = claims.reduce((sum, { event }) => sum + event.data.burned.toBigInt(), 0n);
  const [now, then] = [await at.query.balances.totalIssuance(), await parent.query.balances.totalIssuance()];
  assert.equal(then.toBigInt() - now.toBigInt(), all);
});

test('a token holder votes for anchors', async () => {
  const members = (await api.query.elections.members()).map(({ who }) => who.toString());
  assert.ok(members.length > 0, 'nobody is elected');
  await send(who.voter, api.tx.elections.vote(members.slice(0, 2), 50n * SLT));
  const { votes, stake } = await api.query.elections.voting(who.voter.address);
  assert.deepEqual(votes.map(String), members.slice(0, 2));
  assert.equal(stake.toBigInt(), 50n * SLT);
});

test('a token holder votes in a referendum', async () => {
  const proposal = { Inline: api.tx.system.remark('0x00').method.toHex() };
  const { events } = await send(who.funder, api.tx.referenda.submit({ system: 'Root' }, proposal, { After: 100 }));
  const { index } = find(events, 'referenda', 'Submitted');
  const vote = { Standard: { vote: { aye: true, conviction: 'Locked1x' }, balance: 20n * SLT } };
  await send(who.voter, api.tx.convictionVoting.vote(index, vote));
  const { tally } = (await api.query.referenda.referendumInfoFor(index)).unwrap().asOngoing;
  assert.equal(tally.ayes.toBigInt(), 20n * SLT);
  assert.equal(tally.nays.toBigInt(), 0n);
});

test('a validator registers the session keys that its node made', async () => {
  const { voter } = who;
  const { keys, proof } = await rpc('author_rotateKeysWithOwner', u8aToHex(voter.publicKey));
  await assert.rejects(send(who.funder, api.tx.session.setKeys(keys, proof)), /session\.InvalidProof/);
  await send(voter, api.tx.session.setKeys(keys, proof));
  assert.equal(u8aToHex((await api.query.session.nextKeys(voter.address)).unwrap().toU8a()), keys);
  assert.equal(await rpc('author_hasSessionKeys', keys), true);
});

test('every block since then decodes, with all its events', async () => {
  const last = (await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead())).number.toNumber();
  for (let number = first; number <= last; number++) {
    const hash = await api.rpc.chain.getBlockHash(number);
    const { block } = await api.rpc.chain.getBlock(hash);
    assert.ok(block.extrinsics.length > 0, `block ${number} has no inherents`);
    const events = await (await api.at(hash)).query.system.events();
    assert.ok(events.length > 0, `block ${number} has no events`);
  }
});
