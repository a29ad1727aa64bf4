import { expect } from 'chai';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { DIRECTLY, send } from './http.ts';

describe('a request', () => {
  it('fails on a connection that says nothing, as after the other side was killed', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    try {
      await new Promise((resolve) => silent.once('listening', resolve));
      const { port } = silent.address() as AddressInfo;
      const failure = await send(`http://127.0.0.1:${port}/`, {
        method: 'GET',
        agents: DIRECTLY,
        idleMs: 50,
      }).catch(String);
      expect(failure).to.equal('Error: no answer for 0.05 s');
    } finally {
      silent.close();
    }
  });
});
