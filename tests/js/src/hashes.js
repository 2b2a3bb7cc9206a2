// Trees, turns and peaks, written out as docs/reference/bytes.md defines them. Nothing here needs a chain or its metadata.
import { hexToU8a, u8aConcat, u8aToHex } from '@polkadot/util';

import { ascii, hash, short, uint } from './payloads.js';

/** A leaf's hash under the domain of its kind. */
export const leafHash = (domain, scale) => hash(u8aConcat(ascii(domain), hexToU8a(scale)));

const parent = (left, right) => hash(u8aConcat(hexToU8a(left), hexToU8a(right)));

/** The root over leaf hashes: neighbours are hashed together, and one that is left over goes up as it is. */
export function merkleRoot(row) {
  while (row.length > 1) {
    const up = [];
    for (let i = 0; i < row.length; i += 2) up.push(i + 1 < row.length ? parent(row[i], row[i + 1]) : row[i]);
    row = up;
  }
  return row[0];
}

/** The root that a leaf hash and its siblings, from the leaf upwards, lead to. */
export function provedRoot(leaf, position, width, siblings) {
  let node = leaf;
  const rest = [...siblings];
  for (; width > 1; position = position >> 1, width = (width + 1) >> 1) {
    // Left over in its row: it goes up without a sibling.
    if (position === width - 1 && position % 2 === 0) continue;
    const sibling = rest.shift();
    node = position % 2 === 0 ? parent(node, sibling) : parent(sibling, node);
  }
  return node;
}

/** SCALE of a Merkle proof: the leaf's position, and the siblings behind their number, times four. */
export const proof = (position, siblings) =>
  u8aToHex(u8aConcat(uint(position, 32), [siblings.length << 2], ...siblings.map((sibling) => hexToU8a(sibling))));

/** Accounts in the order of a hash of each. Hexadecimal of equal length sorts like the bytes. */
function ordered(accounts, key) {
  const keyed = accounts.map((account) => [hash(key(hexToU8a(account))), account]);
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, account]) => account);
}

/** The anchors in the order in which they may write the commitment of a period. */
export const ranking = (seed, period, anchors) =>
  ordered(anchors, (account) => u8aConcat(short(ascii('smartlayer/duty/1')), hexToU8a(seed), uint(period, 32), account));

/** The anchor that answers a node's proposal so many blocks after it. */
export function answering(seed, node, anchors, elapsed, interval) {
  const domain = short(ascii('smartlayer/answer/1'));
  const order = ordered(anchors, (account) => u8aConcat(domain, hexToU8a(seed), hexToU8a(node), account));
  return order[Math.floor(elapsed / interval) % order.length];
}

/** A node of the history over two of the row below. */
export const historyParent = (left, right) =>
  hash(u8aConcat(short(ascii('smartlayer/history/1')), hexToU8a(left), hexToU8a(right)));

/** The peaks over the history's leaves, the highest first: each leaf is a peak, until two of one height become one. */
export function peaks(leaves) {
  const mountains = [];
  for (const leaf of leaves) {
    let last = { node: leaf, height: 0 };
    while (mountains.at(-1)?.height === last.height) {
      last = { node: historyParent(mountains.pop().node, last.node), height: last.height + 1 };
    }
    mountains.push(last);
  }
  return mountains.map(({ node }) => node);
}
