// Debian's package node-ws: a server, and a WebSocket for Node before 22. Only Debian's own Node finds it by its name.
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
