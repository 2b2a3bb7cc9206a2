// The life of a session, and votes, by polkadot-api, with what it reads from the metadata at run time.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { u8aToHex } from '@polkadot/util';
import { Binary, Enum } from 'polkadot-api';
import { getPolkadotSigner } from 'polkadot-api/signer';

import { accounts, burned, SLT } from './src/accounts.js';
import * as connect from './src/connect.js';
import { callHash, proveOwnership, sessionId, signPromise } from './src/payloads.js';

let client;
let api;
let who;
let genesis;
let first;
/** What was paid for transactions since the accounts got their money, by address. */
const fees = new Map();

before(async () => {
  client = connect.papi();
  api = client.getUnsafeApi();
  genesis = (await client.getChainSpecData()).genesisHash;
  // Genesis has neither transactions nor events.
  first = Math.max(1, (await client.getFinalizedBlock()).number);
  who = await accounts('Ferdie', {
    payer: 'sr25519',
    node: 'sr25519',
    voter: 'sr25519',
    signer: 'sr25519',
    service: 'sr25519',
  });
});

after(() => client?.destroy());

/** Sends and waits until it is finalized; gives the block and the events. The fee is remembered, and paid for failures as well. */
async function send(pair, tx) {
  const signer = getPolkadotSigner(pair.publicKey, 'Sr25519', (bytes) => pair.sign(bytes));
  const { ok, block, events, dispatchError } = await tx.signAndSubmit(signer);
  const { actual_fee } = find(events, 'TransactionPayment', 'TransactionFeePaid');
  fees.set(pair.address, (fees.get(pair.address) ?? 0n) + actual_fee);
  if (!ok) throw new Error(`${dispatchError.value.type}.${dispatchError.value.value?.type}`);
  return { block: block.hash, events };
}

/** The data of the only event of its kind. */
function find(events, pallet, name) {
  const found = events.filter(({ type, value }) => type === pallet && value.type === name);
  assert.equal(found.length, 1, `${pallet}.${name} among ${events.map(({ type, value }) => `${type}.${value.type}`)}`);
  return found[0].value.value;
}

/** All that an account has, free or held. */
async function total({ address }) {
  const { data } = await api.query.System.Account.getValue(address);
  return data.free + data.reserved;
}

/** The chain's enum for a signature. */
const multi = ([kind, signature]) => Enum({ sr25519: 'Sr25519', ed25519: 'Ed25519' }[kind], u8aToHex(signature));

test('a transfer arrives whole', async () => {
  const before = await total(who.funder);
  const pay = (to, value) => api.tx.Balances.transfer_keep_alive({ dest: Enum('Id', to.address), value }).decodedCall;
  const calls = [pay(who.payer, 100n * SLT), pay(who.node, 5_000n * SLT), pay(who.voter, 100n * SLT)];
  await send(who.funder, api.tx.Utility.batch_all({ calls }));
  assert.equal(await total(who.payer), 100n * SLT);
  assert.equal(await total(who.funder), before - 5_200n * SLT - fees.get(who.funder.address));
});

test('a service node registers with proof that it has its service key', async () => {
  const register = (proof) =>
    api.tx.ServiceStaking.register({
      endpoint: Binary.fromText('https://node.example'),
      peer_id: Binary.fromHex('0x00240801'),
      service_key: who.service.address,
      proof: multi(proof),
      bond: 2_000n * SLT,
    });
  await assert.rejects(send(who.node, register(['sr25519', new Uint8Array(64)])), /ServiceStaking\.BadProof/);

  const { events } = await send(who.node, register(proveOwnership(who.service, genesis, who.node.publicKey)));
  assert.equal(find(events, 'ServiceStaking', 'Registered').node, who.node.address);
  const { data } = await api.query.System.Account.getValue(who.node.address);
  assert.equal(data.reserved, 2_000n * SLT);
});

test('a session is opened, a promise signed, and all amounts add up when it closes', async () => {
  const [payerBefore, nodeBefore] = [await total(who.payer), await total(who.node)];
  const [payerFees, nodeFees] = [fees.get(who.payer.address) ?? 0n, fees.get(who.node.address)];
  const { session: sessionView, next_nonce } = api.view.PromiseSettlement;

  const nonce = await next_nonce(who.payer.address);
  const deposit = 10n * SLT;
  const beneficiary = Enum('Node', who.node.address);
  const opening = { beneficiary, signer: who.signer.address, token_type: undefined, deposit, nonce, lifetime: 100 };
  const open = api.tx.PromiseSettlement.open(opening);
  const opened = await send(who.payer, open);
  const session = sessionId(genesis, who.payer.publicKey, who.node.publicKey, nonce);
  assert.equal(find(opened.events, 'PromiseSettlement', 'Opened').session, session);
  assert.equal(await next_nonce(who.payer.address), nonce + 1n);

  const stored = await sessionView(session);
  assert.equal(stored.deposit, deposit);
  assert.equal(stored.payer, who.payer.address);
  assert.deepEqual(stored, await api.query.PromiseSettlement.Sessions.getValue(session));

  // An odd amount, so that rounding shows.
  const promise = { session, cumulative: 3n * SLT + 1n, callHash: callHash('{"jsonrpc":"2.0"}'), ticks: undefined };
  const { callHash: call_hash, ...rest } = promise;
  const closing = (signature) => {
    const signed = { promise: { ...rest, call_hash }, signature: multi(signature) };
    const last = { promise: signed, ticks: undefined, allocation: undefined };
    return api.tx.PromiseSettlement.close({ session, last });
  };
  const elsewhere = signPromise(who.signer, `0x${'00'.repeat(32)}`, promise);
  await assert.rejects(send(who.node, closing(elsewhere)), /PromiseSettlement\.BadSignature/);
  const { block, events } = await send(who.node, closing(signPromise(who.signer, genesis, promise)));

  const burn = burned(promise.cumulative, stored.burn_rate);
  const closed = find(events, 'PromiseSettlement', 'Closed');
  assert.equal(closed.burned, burn);
  assert.equal(closed.paid, promise.cumulative - burn);
  assert.equal(closed.refunded, deposit - promise.cumulative);
  assert.equal(await sessionView(session), undefined);

  const payerPaid = fees.get(who.payer.address) - payerFees;
  const nodePaid = fees.get(who.node.address) - nodeFees;
  assert.equal(await total(who.payer), payerBefore - promise.cumulative - payerPaid);
  assert.equal(await total(who.node), nodeBefore + promise.cumulative - burn - nodePaid);

  // Issuance fell by what this block's claims burned, and by nothing else.
  const { parentHash } = await client.getBlockHeader(block);
  const all = (await api.query.System.Events.getValue({ at: block }))
    .filter(({ event }) => event.type === 'PromiseSettlement' && event.value.type === 'Claimed')
    .reduce((sum, { event }) => sum + event.value.value.burned, 0n);
  const [now, then] = await Promise.all(
    [block, parentHash].map((at) => api.query.Balances.TotalIssuance.getValue({ at })),
  );
  assert.equal(then - now, all);
});

test('a token holder votes for anchors', async () => {
  const members = (await api.query.Elections.Members.getValue()).map(({ who }) => who);
  assert.ok(members.length > 0, 'nobody is elected');
  await send(who.voter, api.tx.Elections.vote({ votes: members.slice(0, 2), value: 50n * SLT }));
  const { votes, stake } = await api.query.Elections.Voting.getValue(who.voter.address);
  assert.deepEqual(votes, members.slice(0, 2));
  assert.equal(stake, 50n * SLT);
});

test('a token holder votes in a referendum', async () => {
  const remark = api.tx.System.remark({ remark: Binary.fromHex('0x00') });
  const { events } = await send(
    who.funder,
    api.tx.Referenda.submit({
      proposal_origin: Enum('system', Enum('Root')),
      proposal: Enum('Inline', await remark.getEncodedData()),
      enactment_moment: Enum('After', 100),
    }),
  );
  const { index } = find(events, 'Referenda', 'Submitted');
  // The highest bit says aye, the others the conviction: here 1.
  const vote = Enum('Standard', { vote: 0b1000_0001, balance: 20n * SLT });
  await send(who.voter, api.tx.ConvictionVoting.vote({ poll_index: index, vote }));
  const { tally } = (await api.query.Referenda.ReferendumInfoFor.getValue(index)).value;
  assert.equal(tally.ayes, 20n * SLT);
  assert.equal(tally.nays, 0n);
});

test('every block since then decodes, with all its events', async () => {
  const { hash, number } = await client.getFinalizedBlock();
  let at = hash;
  for (let height = number; height >= first; height--) {
    assert.ok((await client.getBlockBody(at)).length > 0, `block ${height} has no inherents`);
    const events = await api.query.System.Events.getValue({ at });
    assert.ok(events.length > 0, `block ${height} has no events`);
    at = (await client.getBlockHeader(at)).parentHash;
  }
});
