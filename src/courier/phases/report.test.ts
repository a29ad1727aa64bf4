import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { AgentReport } from '../../agents/agent.ts';
import type { Usage } from '../../crds/trial-status.ts';
import { AGENT_FAILURES, type AgentFailureType } from '../../crds/agent-failures.ts';
import { scrubber } from '../record/scrub.ts';
import { believed, reportOf, withLastLine, type AgentSaid } from './report.ts';

const agent = (read?: (lines: Iterable<string>) => AgentReport) => ({
  exitCodeTells: true,
  command: { argv: ['/x'], user: '0', workdir: '/', env: {} },
  ...(read && { transcript: { path: '/logs/agent/out.txt', read } }),
});
const SECRET = 'sk-0123456789-abcdef';
const scrub = scrubber([SECRET]);

/** Reads the last line as JSON, as an agent's parser may. */
const lastLine = (lines: Iterable<string>): AgentReport => ({
  usage: JSON.parse([...lines].at(-1) ?? '{}') as Usage,
});

describe('what an agent says of itself', () => {
  let logs: string;
  const out = (): string => join(logs, 'agent/out.txt');
  const read = (wanted: Parameters<typeof agent>[0]): AgentSaid =>
    reportOf(agent(wanted), logs, (line) => scrub.text(line));
  const usage = (used: unknown): Usage | undefined => read(() => ({ usage: used as Usage })).usage;
  beforeEach(() => {
    logs = mkdtempSync(join(tmpdir(), 'sb-report-'));
    mkdirSync(join(logs, 'agent'));
    writeFileSync(out(), '');
  });
  afterEach(() => rmSync(logs, { recursive: true }));

  it('is read line by line, whatever the size of the pieces that come from the disk', () => {
    const lines = ['{"a":1}', 'x'.repeat(200_000), '', 'größe', '{"inputTokens":5,"costUsd":0.25}'];
    writeFileSync(out(), `${lines.join('\n')}\n`);
    let seen: string[] = [];
    const report = read((given) => {
      seen = [...given];
      return lastLine(seen);
    });
    expect(seen).to.deep.equal(lines);
    expect(report.usage).to.deep.equal({ inputTokens: 5, costUsd: 0.25, countedBy: 'Agent' });
  });

  it('has its longest lines cut, and of a file beyond all measure the end alone', () => {
    writeFileSync(out(), `begin\n${'x'.repeat(3 * 2 ** 20)}\n`);
    const lengths = (given: Iterable<string>): number[] => Array.from(given, ({ length }) => length);
    let seen: number[] = [];
    read((given) => ((seen = lengths(given)), {}));
    expect(seen).to.deep.equal([5, 2 ** 20]);
    writeFileSync(out(), `begin\n${`${'x'.repeat(2 ** 20 - 1)}\n`.repeat(65)}end\n`);
    let lines = 0;
    let last = '';
    read((given) => {
      for (const line of given) [lines, last] = [lines + 1, line];
      return {};
    });
    expect(lines).to.equal(64);
    expect(last).to.equal('end');
  });

  it('is only what is a count or a cost', () => {
    const odd = { inputTokens: -1, cacheTokens: 1.5, outputTokens: 1e300, costUsd: Number.POSITIVE_INFINITY };
    expect(usage(odd)).to.equal(undefined);
    expect(usage({ ...odd, outputTokens: 0 })).to.deep.equal({ outputTokens: 0, countedBy: 'Agent' });
    expect(usage(JSON.parse('{"inputTokens":"7","more":1}'))).to.equal(undefined);
  });

  it('has no more models than a status has room for', () => {
    const models = Array.from({ length: 20 }, (_, index) => ({ model: `m${index}`, inputTokens: 1 }));
    expect(usage({ inputTokens: 20, models })?.models).to.have.length(8);
  });

  it('has its last plain line beside an exit code that says nothing', () => {
    writeFileSync(out(), 'it needs bash\n{"type":"result"}\n\n');
    const said = read((lines) => ({ usage: { inputTokens: [...lines].length } }));
    const ended = { type: 'NonZeroAgentExitCodeError', message: 'the agent ended with exit code 1' };
    expect(withLastLine(ended, said)?.message).to.equal('the agent ended with exit code 1: it needs bash');
    expect(withLastLine({ ...ended, type: 'AgentTimeoutError' }, said)?.message).to.equal(ended.message);
  });

  it('keeps no part of a secret where a line is cut', () => {
    writeFileSync(out(), `${'x'.repeat(290)}${SECRET}\n`);
    const said = read((lines) => ({ usage: { inputTokens: [...lines].length } }));
    expect(said.lastLine).to.equal(`${'x'.repeat(290)}***`);
  });

  it('is nothing where no parser is, or nothing to read', () => {
    expect(read(undefined)).to.deep.equal({});
    rmSync(out());
    expect(read(lastLine)).to.deep.equal({});
  });

  it('is not read through a link', () => {
    writeFileSync(join(logs, 'secret'), '{"inputTokens":5}');
    rmSync(out());
    symlinkSync('../secret', out());
    expect(read(lastLine)).to.deep.equal({});
    rmSync(join(logs, 'agent'), { recursive: true });
    mkdirSync(join(logs, 'elsewhere'));
    writeFileSync(join(logs, 'elsewhere/out.txt'), '{"inputTokens":5}');
    symlinkSync('elsewhere', join(logs, 'agent'));
    expect(read(lastLine)).to.deep.equal({});
  });

  it('cannot claim a failure of the model where the courier has seen its calls, but a key that was refused', () => {
    const claimed = (type: AgentFailureType) =>
      believed({ usage: {} }, { failure: { type, message: 'so it says' } }).failure?.type;
    const types = Object.keys(AGENT_FAILURES) as AgentFailureType[];
    for (const type of types.filter((one) => AGENT_FAILURES[one].fault === 'model'))
      expect(claimed(type), type).to.equal(undefined);
    expect(claimed('BudgetExceededError')).to.equal(undefined);
    expect(claimed('ContextWindowExceededError')).to.equal('ContextWindowExceededError');
    expect(claimed('AgentAuthenticationError')).to.equal('AgentAuthenticationError');
  });
});
