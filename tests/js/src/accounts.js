// Accounts that only one run uses, so that a chain can be tested again.
import { randomBytes } from 'node:crypto';

import { Keyring } from '@polkadot/api';
import { cryptoWaitReady } from '@polkadot/util-crypto';

/** 10^12 planck. */
export const SLT = 10n ** 12n;

/** A development account, `//Eve` by the name of Eve, and fresh ones derived from it for every given name. */
export async function accounts(funder, names) {
  await cryptoWaitReady();
  const keyring = new Keyring({ type: 'sr25519', ss58Format: 42 });
  const run = randomBytes(6).toString('hex');
  const pairs = { funder: keyring.addFromUri(`//${funder}`) };
  for (const [name, type] of Object.entries(names)) {
    pairs[name] = keyring.addFromUri(`//${funder}//${run}//${name}`, {}, type);
  }
  return pairs;
}

/** Of a claimed amount, what the burn takes: parts in a million, rounded up. */
export const burned = (amount, rate) => (BigInt(amount) * BigInt(rate) + 999_999n) / 1_000_000n;
