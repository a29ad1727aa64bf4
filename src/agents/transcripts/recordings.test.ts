import { expect } from 'chai';
import fc from 'fast-check';
import { garbledLines, recording, recordings, reported } from '../../../test/support/transcripts.ts';
import type { AgentFailureType } from '../../crds/agent-failures.ts';
import type { AgentReport, Transcript } from '../agent.ts';
import { readAider } from './aider.ts';
import { readClaudeCode } from './claude-code.ts';
import { readCodex } from './codex.ts';
import { readGeminiCli } from './gemini-cli.ts';
import { readKimiCode } from './kimi-code.ts';
import { readMiniSweAgent } from './mini-swe-agent.ts';
import { readOpencode } from './opencode.ts';
import { readPi } from './pi.ts';
import { readQwenCode } from './qwen-code.ts';

/** With how each failure is told, by recording. */
interface Recorded {
  read: Transcript['read'];
  failures: Record<string, AgentFailureType | undefined>;
}
const AGENTS = {
  aider: {
    read: readAider,
    failures: {
      denied: 'AgentAuthenticationError',
      overloaded: 'ApiOverloadedError',
      'too-long': 'ContextWindowExceededError',
      'cut-short': 'OutputTokenExceededError',
    },
  },
  'claude-code': {
    read: readClaudeCode,
    failures: {
      'limited-twice': undefined,
      limited: 'ApiRateLimitError',
      overloaded: 'ApiOverloadedError',
      denied: 'AgentAuthenticationError',
      'no-such-model': 'ModelNotFoundError',
      'out-of-quota': 'ApiUsageLimitError',
      'too-long': 'ContextWindowExceededError',
      'cut-always': 'ApiConnectionClosedError',
      filtered: 'AgentSafetyRefusalError',
    },
  },
  codex: {
    read: readCodex,
    failures: {
      'limited-twice': undefined,
      limited: 'ApiRateLimitError',
      overloaded: 'ApiOverloadedError',
      denied: 'AgentAuthenticationError',
      'no-such-model': 'ModelNotFoundError',
      'out-of-quota': 'ApiUsageLimitError',
      'too-long': 'ContextWindowExceededError',
      'cut-always': 'ApiConnectionClosedError',
      'cut-short': 'OutputTokenExceededError',
      filtered: 'AgentSafetyRefusalError',
    },
  },
  'gemini-cli': {
    read: readGeminiCli,
    failures: {
      'limited-twice': undefined,
      // Stopped while it waited.
      limited: 'ApiRateLimitError',
      overloaded: 'ApiOverloadedError',
      denied: 'AgentAuthenticationError',
      'no-such-model': 'ModelNotFoundError',
      'too-long': 'ContextWindowExceededError',
      'cut-always': 'ApiConnectionClosedError',
      filtered: 'AgentSafetyRefusalError',
    },
  },
  'kimi-code': {
    read: readKimiCode,
    failures: {
      denied: 'AgentAuthenticationError',
      'limited-late': 'ApiRateLimitError',
      'too-long': 'ContextWindowExceededError',
      'cut-short': 'OutputTokenExceededError',
      filtered: 'AgentSafetyRefusalError',
    },
  },
  'mini-swe-agent': {
    read: readMiniSweAgent,
    failures: {
      denied: 'AgentAuthenticationError',
      'too-long': 'ContextWindowExceededError',
      'cut-short': 'OutputTokenExceededError',
    },
  },
  opencode: {
    read: readOpencode,
    failures: {
      denied: 'AgentAuthenticationError',
      limited: 'ApiRateLimitError',
      'cut-short': 'OutputTokenExceededError',
      refuses: 'AgentSafetyRefusalError',
    },
  },
  pi: {
    read: readPi,
    failures: {
      denied: 'AgentAuthenticationError',
      'limited-late': 'ApiRateLimitError',
      'too-long': 'ContextWindowExceededError',
      'cut-short': 'OutputTokenExceededError',
      refuses: 'AgentSafetyRefusalError',
    },
  },
  'qwen-code': {
    read: readQwenCode,
    failures: {
      'limited-twice': undefined,
      // Stopped while it waited.
      limited: 'ApiRateLimitError',
      overloaded: 'ApiOverloadedError',
      denied: 'AgentAuthenticationError',
      'no-such-model': 'ModelNotFoundError',
      'too-long': 'ContextWindowExceededError',
      'cut-always': 'ApiConnectionClosedError',
      // It takes the answer for an empty one.
      filtered: 'UnknownApiError',
    },
  },
} satisfies Record<string, Recorded>;

type Name = keyof typeof AGENTS;
const of = (agent: Name, name: string): AgentReport => reported(AGENTS[agent].read, recording(agent, name));

/** Messages of the agent, and what it called with what came of it. */
const didOf = ({ trajectory }: AgentReport): string[] =>
  (trajectory?.steps ?? [])
    .filter(({ source }) => source === 'agent')
    .flatMap(({ message, tool_calls: calls = [], observation }) => [
      ...(message === '' ? [] : [message]),
      ...calls.map(({ tool_call_id: id, arguments: given }) => {
        const result =
          observation?.results.find(({ source_call_id: called }) => called === id)?.content ?? '?';
        const command = String(given['command']).replace(/^\/bin\/bash -lc /, '');
        return `${command.replaceAll(/["']/g, '')} → ${/No such file/.exec(result)?.[0] ?? 'ok'}`;
      }),
    ]);

for (const [agent, { read, failures }] of Object.entries<Recorded>(AGENTS) as [Name, Recorded][])
  describe(`what ${agent} writes`, () => {
    for (const [name, type] of Object.entries(failures))
      it(`tells of ${name} as ${type ?? 'no failure'}`, () => {
        expect(of(agent, name).failure?.type).to.equal(type);
      });

    it('keeps to Harbor’s format, whatever happened', () => {
      for (const name of recordings(agent)) of(agent, name);
    });

    it('cannot be made to break by any line', function () {
      this.timeout(60_000);
      fc.assert(
        fc.property(garbledLines(agent), (lines) => void reported(read, lines)),
        { numRuns: 200 },
      );
    });
  });

const TALKING = (Object.keys(AGENTS) as Name[]).filter((name) => name !== 'aider');

for (const agent of TALKING)
  describe(`several calls of ${agent}`, () => {
    it('are read as what was used, with cached tokens in the input', () => {
      const { usage, failure } = of(agent, 'several-calls');
      expect(usage).to.include({ inputTokens: 1_030, cacheTokens: 590, outputTokens: 107 });
      expect(failure).to.equal(undefined);
    });

    it('are read as steps with calls and what came of them', () => {
      // mini-swe-agent ends by a command.
      const did = didOf(of(agent, 'several-calls')).slice(0, agent === 'mini-swe-agent' ? 7 : undefined);
      expect(did).to.deep.equal([
        'I look around first.',
        'echo first > first.txt → ok',
        'echo second > second.txt → ok',
        'cat first.txt second.txt > both.txt → ok',
        'cat no-such-file → No such file',
        'printf %s solved\n > answer.txt → ok',
        'Done.',
      ]);
    });

    it('have no failure that a tool printed', () => {
      const printed = 'API Error: 529 Overloaded\nAttempt 1 failed with status 429. Retrying with backoff...';
      const lines = recording(agent, 'several-calls').map((line) =>
        line.replaceAll('cat: no-such-file: No such file or directory', () =>
          JSON.stringify(printed).slice(1, -1),
        ),
      );
      expect(lines.join('\n')).to.include('529 Overloaded');
      expect(reported(AGENTS[agent].read, lines).failure).to.equal(undefined);
    });
  });

for (const agent of ['claude-code', 'codex', 'gemini-cli', 'qwen-code'] as const)
  it(`${agent} says what was used of each model, and in all`, () => {
    const { usage, trajectory } = of(agent, 'several-calls');
    expect(usage?.models).to.have.length(1);
    expect(trajectory?.final_metrics).to.include({ total_prompt_tokens: 1_030, total_cached_tokens: 590 });
  });

/** As each of them says that there was no output. */
const QUIET = /^\(no output\)$|^Command executed successfully\.$|"output": ""/;

for (const agent of ['kimi-code', 'mini-swe-agent', 'opencode', 'pi'] as const)
  it(`${agent} counts each answer, and says where there was no output`, () => {
    const steps = (of(agent, 'several-calls').trajectory?.steps ?? []).filter(
      ({ source }) => source === 'agent',
    );
    expect(steps.map(({ metrics }) => metrics?.prompt_tokens)).to.deep.equal([200, 250, 270, 140, 170]);
    expect(steps.map(({ metrics }) => metrics?.cached_tokens)).to.deep.equal([0, 200, 250, 0, 140]);
    expect(steps.map(({ message }) => message)).to.deep.equal(['I look around first.', '', '', '', 'Done.']);
    const results = steps.flatMap(({ observation }) => observation?.results ?? []);
    for (const at of [0, 1, 2, 4]) expect(results[at]?.content).to.match(QUIET);
  });

for (const agent of ['kimi-code', 'mini-swe-agent', 'pi'] as const)
  it(`${agent} has the instruction that it was given, and what the model thought`, () => {
    const { trajectory } = of(agent, 'several-calls');
    const asked = trajectory?.steps.find(({ source }) => source === 'user');
    expect(asked?.message).to.include('Write the word solved into answer.txt.');
    const thought = trajectory?.steps.map(({ reasoning_content: text }) => text).filter(Boolean);
    expect(thought).to.deep.equal(['Both files are needed.']);
  });

describe('the cost', () => {
  it('is there where the program knows a price', () => {
    expect(of('pi', 'several-calls').usage?.costUsd).to.be.closeTo(0.0028525, 1e-9);
    expect(of('opencode', 'several-calls').usage).not.to.have.property('costUsd');
  });
});

describe('Aider', () => {
  it('has its answers, and what it did with them', () => {
    const [asked, ...steps] = of('aider', 'cached').trajectory?.steps ?? [];
    expect(asked).to.include({ source: 'user', message: 'Write the word solved into answer.txt.' });
    expect(steps.at(-1)?.message).to.include('answer.txt\n```\nsolved\n```');
    expect(steps.at(-1)?.observation?.results[0]?.content).to.include('Applied edit to answer.txt');
  });

  it('counts once what it wrote to a cache', () => {
    expect(of('aider', 'cached').usage).to.include({ inputTokens: 860, cacheTokens: 450, outputTokens: 100 });
  });
});

describe('Kimi Code that was stopped before its session’s records', () => {
  it('did what it printed', () => {
    const report = of('kimi-code', 'stopped');
    const commands = didOf(report).filter((did) => did.includes(' → '));
    expect(commands.map((did) => did.split(' → ')[0])).to.deep.equal([
      'echo first > first.txt',
      'echo second > second.txt',
      'cat first.txt second.txt > both.txt',
    ]);
    expect(report).not.to.have.property('usage');
  });
});

describe('a sub-agent of claude-code', () => {
  it('has a trajectory of its own, which the call points to, and is in the total', () => {
    const { usage, trajectory } = reported(readClaudeCode, recording('claude-code', 'sub-agents'));
    expect(usage).to.include({ inputTokens: 530, cacheTokens: 280, outputTokens: 44 });
    expect(usage?.models?.map(({ model }) => model)).to.have.members(['delegates', 'writes']);
    expect(trajectory).to.have.nested.property('steps[0].tool_calls[0].function_name', 'Task');
    const [sub] = trajectory?.subagent_trajectories ?? [];
    expect(trajectory).to.have.nested.property(
      'steps[0].observation.results[0].subagent_trajectory_ref[0].trajectory_id',
      sub?.trajectory_id,
    );
    expect(sub?.steps.map(({ message }) => message)).to.deep.equal([
      'Write the word solved into answer.txt.',
      'I write it.',
      'Done.',
    ]);
  });
});

describe('claude-code that was stopped', () => {
  it('has used what its answers say, but for what they wrote', () => {
    const lines = recording('claude-code', 'several-calls').filter(
      (line) => !line.includes('"type":"result"'),
    );
    expect(reported(readClaudeCode, lines).usage).to.deep.include({ inputTokens: 1_030, cacheTokens: 590 });
    expect(reported(readClaudeCode, lines).usage).to.not.have.property('outputTokens');
  });
});
