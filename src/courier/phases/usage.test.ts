import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Usage } from '../../crds/trial-status.ts';
import { totalUsage, usageOf } from './usage.ts';

const agent = (usage?: (output: string) => Usage | undefined) => ({
  solves: false,
  exitCodeTells: true,
  command: { argv: ['/x'], user: '0', workdir: '/', env: {}, stdout: '/logs/agent/out.txt' },
  ...(usage && { usage }),
});
/** Reads the last line as JSON, as an agent's parser may. */
const lastLine = (output: string): Usage => JSON.parse(output.trim().split('\n').at(-1) || '{}') as Usage;

describe('what an agent used', () => {
  let logs: string;
  const out = (): string => join(logs, 'agent/out.txt');
  beforeEach(() => {
    logs = mkdtempSync(join(tmpdir(), 'sb-usage-'));
    mkdirSync(join(logs, 'agent'));
  });
  afterEach(() => rmSync(logs, { recursive: true }));

  it('is what the end of its output says', () => {
    writeFileSync(out(), `${'x'.repeat(3 * 1024 * 1024)}\n{"inputTokens":5,"costUsd":0.25}\n`);
    let length = 0;
    const usage = usageOf(
      agent((output) => {
        ({ length } = output);
        return lastLine(output);
      }),
      logs,
    );
    expect(usage).to.deep.equal({ inputTokens: 5, costUsd: 0.25 });
    expect(length).to.equal(1024 * 1024);
  });

  it('is only what is a count or a cost', () => {
    const odd = { inputTokens: -1, cacheTokens: 1.5, outputTokens: 1e300, costUsd: Number.POSITIVE_INFINITY };
    writeFileSync(out(), '');
    expect(
      usageOf(
        agent(() => odd),
        logs,
      ),
    ).to.equal(undefined);
    expect(
      usageOf(
        agent(() => ({ ...odd, outputTokens: 0 })),
        logs,
      ),
    ).to.deep.equal({ outputTokens: 0 });
    expect(
      usageOf(
        agent(() => JSON.parse('{"inputTokens":"7","more":1}') as Usage),
        logs,
      ),
    ).to.equal(undefined);
  });

  it('is nothing where no parser is, or nothing to read', () => {
    expect(usageOf(agent(), logs)).to.equal(undefined);
    expect(usageOf(agent(lastLine), logs)).to.equal(undefined);
  });

  it('is not read through a link', () => {
    writeFileSync(join(logs, 'secret'), '{"inputTokens":5}');
    symlinkSync('../secret', out());
    expect(usageOf(agent(lastLine), logs)).to.equal(undefined);
    rmSync(join(logs, 'agent'), { recursive: true });
    mkdirSync(join(logs, 'elsewhere'));
    writeFileSync(join(logs, 'elsewhere/out.txt'), '{"inputTokens":5}');
    symlinkSync('elsewhere', join(logs, 'agent'));
    expect(usageOf(agent(lastLine), logs)).to.equal(undefined);
  });

  it('adds up', () => {
    expect(totalUsage([])).to.equal(undefined);
    expect(totalUsage([{ inputTokens: 1 }, { inputTokens: 2, costUsd: 1 }])).to.deep.equal({
      inputTokens: 3,
      costUsd: 1,
    });
  });
});
