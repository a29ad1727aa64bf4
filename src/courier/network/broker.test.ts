import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { listOf, TunnelWorld } from '../../../test/support/broker/tunnel-world.ts';
import { startForwarder } from './forwarder.ts';
import type { Forwarder } from './forwarder.ts';
import { PhaseTunnels } from './phase-tunnels.ts';
import { tunnels } from './tunnel.ts';

describe('the forwarder, with the broker itself', () => {
  const world = new TunnelWorld();
  const folder = mkdtempSync(join(tmpdir(), 'sb-forwarder-'));
  const seen: string[] = [];
  let forwarder: Forwarder;
  let phases: PhaseTunnels;
  let port: number;

  before(async () => {
    await world.start([listOf('allowed.test')]);
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, world.tenants[0]?.token ?? '');
    const url = `https://localhost:${world.broker.port}`;
    phases = new PhaseTunnels(tunnels({ url, address: '127.0.0.1', ca: world.ca, tokenFile }));
    forwarder = await startForwarder(phases, 0);
    port = await world.serve(
      createServer((request, response) => {
        seen.push(JSON.stringify(request.rawHeaders));
        response.end(`you asked ${request.headers.host}\n`);
      }),
    );
    for (const name of ['allowed.test', 'other.test']) world.names.records.set(name, ['127.0.0.1']);
  });
  after(async () => {
    await forwarder.close();
    await world.close();
    rmSync(folder, { recursive: true });
  });

  const curl = (...words: string[]): Promise<string> =>
    phases.during({ phase: 'agent', step: 0, mode: 'Allowlist' }, async () => {
      const args = ['-sS', '--max-time', '20', '-x', `http://127.0.0.1:${forwarder.port}`, ...words];
      const { stdout, stderr } = await promisify(execFile)('curl', args).catch(
        (error: { stdout: string; stderr: string }) => error,
      );
      return stdout + stderr;
    });

  it('brings an agent to a host of its list', async () => {
    expect(await curl(`http://allowed.test:${port}/`)).to.equal(`you asked allowed.test:${port}\n`);
    expect(await curl('-p', `http://allowed.test:${port}/`)).to.equal(`you asked allowed.test:${port}\n`);
    expect(seen.join('\n')).not.to.match(/authorization|eyJ|sb-/i);
  });

  it('says why it does not bring one to another host', async () => {
    expect(await curl(`http://other.test:${port}/`)).to.match(/other\.test.*allowed\.test/);
    expect(await curl('-v', '-p', `http://other.test:${port}/`)).to.match(/< HTTP\/1\.1 403 .*other\.test/);
  });

  it('brings nobody to another host under the name of one of the list', async () => {
    const fronted = ['-p', '-H', 'Host: other.test', `http://allowed.test:${port}/`];
    expect(await curl(...fronted))
      .to.match(/other\.test/)
      .and.not.match(/you asked/);
    expect(await curl('-H', 'Host: other.test', `http://allowed.test:${port}/`)).to.equal(
      `you asked allowed.test:${port}\n`,
    );
  });
});
