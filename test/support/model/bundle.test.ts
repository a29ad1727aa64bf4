import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { modelServerProgram } from './bundle.ts';
import type { ScriptSources } from './script.ts';

const own: ScriptSources = { 'of-its-own': [{ say: 'Done.' }] };

describe('the scripted model server as one file', () => {
  it('fits into a ConfigMap and runs with nothing but Node', async () => {
    const program = await modelServerProgram();
    expect(Buffer.byteLength(program)).to.be.lessThan(40_000);
    const folder = mkdtempSync(join(tmpdir(), 'model-'));
    writeFileSync(join(folder, 'model.mjs'), program);
    writeFileSync(join(folder, 'scripts.json'), JSON.stringify(own));
    mkdirSync(join(folder, 'keys'));
    writeFileSync(join(folder, 'keys', 'trial-1'), 'made-up-key\n');
    const running = spawn(
      process.execPath,
      ['model.mjs', '--listen', '127.0.0.1:0', '--scripts', 'scripts.json', '--keys', 'keys'],
      { cwd: folder, env: {}, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(running.stdout, 'data')) as [Buffer];
    const url = /listening on (\S+)/.exec(line.toString())?.[1];
    const response = await fetch(`${url}/v1/models`, { headers: { authorization: 'Bearer made-up-key' } });
    const { data } = (await response.json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).to.include.members(['solve-edit', 'of-its-own']);
    const exited = once(running, 'exit');
    running.kill();
    expect((await exited)[0]).to.equal(0);
    rmSync(folder, { recursive: true });
  });
});
