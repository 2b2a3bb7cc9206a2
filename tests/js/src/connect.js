// Connections by both libraries to the node that SMARTLAYER_WS names. Neither is told anything about the chain.
import { decAnyMetadata, unifyMetadata } from '@polkadot-api/substrate-bindings';
import { ApiPromise, WsProvider } from '@polkadot/api';
import { createClient } from 'polkadot-api';
import { getWsProvider } from 'polkadot-api/ws';
import { WebSocket } from 'ws';

export function url() {
  const url = process.env.SMARTLAYER_WS;
  if (!url) throw new Error('set SMARTLAYER_WS to the URL of a development node, like ws://127.0.0.1:9944');
  return url;
}

/** By @polkadot/api. Close it with `disconnect`. */
export const polkadotJs = () => ApiPromise.create({ provider: new WsProvider(url()), noInitWarn: true });

/** By polkadot-api. Close it with `destroy`. Node.js has a WebSocket of its own from version 22 on. */
export const papi = () => createClient(getWsProvider(url(), { websocketClass: WebSocket }));

/** The metadata behind a polkadot-api client. */
export async function metadataOf(client) {
  const { hash } = await client.getFinalizedBlock();
  return unifyMetadata(decAnyMetadata(await client.getMetadata(hash)));
}
