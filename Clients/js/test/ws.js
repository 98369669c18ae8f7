// Debian's package node-ws: a WebSocket for Node before 22, and a server. Node itself finds it only where it is Debian's too.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

const load = () => {
  try {
    return require('ws');
  } catch {
    return require('/usr/share/nodejs/ws');
  }
};

export const { WebSocket, WebSocketServer } = load();
