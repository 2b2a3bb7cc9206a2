// Every call and every event of every pallet can be written and read from the metadata alone, and both libraries read the same.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { getDynamicBuilder, getLookupFn } from '@polkadot-api/metadata-builders';
import { hexToU8a, u8aConcat, u8aToHex } from '@polkadot/util';

import * as connect from './src/connect.js';
import { ofVariant, samples } from './src/samples.js';

let api;
let papi;
let builder;

before(async () => {
  [api, papi] = [await connect.polkadotJs(), connect.papi()];
  builder = getDynamicBuilder(getLookupFn(await connect.metadataOf(papi)));
});

after(async () => {
  papi?.destroy();
  await api?.disconnect();
});

/** Checks that both libraries read these bytes whole and write the same again. */
function roundTrip(what, bytes, type, codec) {
  const value = api.registry.createTypeUnsafe(type, [bytes]);
  assert.equal(u8aToHex(value.toU8a()), u8aToHex(bytes), `${what} by @polkadot/api`);
  assert.ok(value.toHuman() !== undefined, what);
  assert.equal(u8aToHex(codec.enc(codec.dec(bytes))), u8aToHex(bytes), `${what} by polkadot-api`);
}

for (const [kind, type, build] of [
  ['calls', 'Call', 'buildCall'],
  ['events', 'Event', 'buildEvent'],
]) {
  test(`all ${kind} of all pallets decode`, () => {
    const { lookup } = api.registry;
    let count = 0;
    for (const pallet of api.runtimeMetadata.asLatest.pallets) {
      if (pallet[kind].isNone) continue;
      for (const variant of lookup.getSiType(pallet[kind].unwrap().type).def.asVariant.variants) {
        const bytes = ofVariant(lookup, variant);
        // `__Ignore` holds a value that cannot exist.
        if (bytes === undefined) continue;
        const [name, pallets] = [variant.name.toString(), pallet.name.toString()];
        const { codec, location } = builder[build](pallets, name);
        assert.deepEqual(location, [pallet.index.toNumber(), bytes[0]]);
        const enc = (value) => u8aConcat(location, codec.enc(value));
        const dec = (whole) => codec.dec(whole.slice(2));
        roundTrip(`${pallets}.${name}`, u8aConcat([location[0]], bytes), type, { enc, dec });
        count += 1;
      }
    }
    assert.ok(count > 50, `only ${count} ${kind}`);
  });
}

// The types that no other chain has: whatever else the libraries know by heart, these they don't.
const OURS = /^(smartlayer_|pallet_(anchors|commitment_snapshots|promise_settlement|service_staking|sla_registry|smart_tokens)$)/;

test("all types of the project's own decode, in every variant", () => {
  const { lookup } = api.registry;
  let count = 0;
  for (const { id, type } of lookup.types) {
    if (!OURS.test(type.path[0]?.toString() ?? '')) continue;
    for (const bytes of samples(lookup, id)) {
      const codec = builder.buildDefinition(id.toNumber());
      roundTrip(`${type.path.join('::')} ${u8aToHex(bytes)}`, bytes, api.registry.createLookupType(id), codec);
      count += 1;
    }
  }
  assert.ok(count > 100, `only ${count} values`);
});

test('the metadata says what everything of the project means, for wallets to show', () => {
  const { lookup } = api.registry;
  const text = (docs) => docs.join('').trim();
  const silent = [];
  let [fields, numbers] = [0, 0];
  for (const { type } of lookup.types) {
    const path = type.path.map(String);
    const variants = type.def.isVariant ? type.def.asVariant.variants : [];
    // A governed number is a variant of its group.
    if (path.includes('dynamic_params') && path.at(-1) === 'Parameters') {
      numbers += variants.length;
      silent.push(...variants.filter(({ docs }) => !text(docs)).map(({ name }) => `${path[3]}.${name}`));
    }
    // Arguments of calls are explained in the call's own text.
    if (!OURS.test(path[0] ?? '') || path.at(-1) === 'Call' || path.at(-1).startsWith('Runtime')) continue;
    const parts = type.def.isComposite ? [type.def.asComposite] : variants;
    for (const { name, docs } of parts.flatMap((part) => [...part.fields])) {
      if (name.isNone) continue;
      fields += 1;
      if (!text(docs)) silent.push(`${path.join('::')}.${name}`);
    }
  }
  assert.deepEqual(silent, []);
  assert.ok(fields > 100 && numbers > 40, `only ${fields} fields and ${numbers} governed numbers`);
});

test('the chain says what its token is called and how it is written', async () => {
  const { properties } = await papi.getChainSpecData();
  assert.deepEqual(properties, { ss58Format: 42, tokenDecimals: 12, tokenSymbol: 'SLT' });
  assert.deepEqual(api.registry.chainTokens, ['SLT']);
  assert.deepEqual(api.registry.chainDecimals, [12]);
  assert.equal(api.consts.system.ss58Prefix.toNumber(), 42);
});

test('both libraries see one chain', async () => {
  const { genesisHash } = await papi.getChainSpecData();
  assert.equal(genesisHash, api.genesisHash.toHex());
  assert.equal(hexToU8a(genesisHash).length, 32);
});
