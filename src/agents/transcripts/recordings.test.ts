import { expect } from 'chai';
import fc from 'fast-check';
import { garbledLines, recording, reported } from '../../../test/support/transcripts.ts';
import type { AgentReport, Transcript } from '../agent.ts';
import { readClaudeCode } from './claude-code.ts';
import { readCodex } from './codex.ts';
import { readGeminiCli } from './gemini-cli.ts';
import { readQwenCode } from './qwen-code.ts';

/** With how each failure is told, by recording. */
const AGENTS: Record<string, { read: Transcript['read']; failures: Record<string, string | undefined> }> = {
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
};

/** Messages of the agent, and what it called with what came of it. */
const didOf = ({ trajectory }: AgentReport): string[] =>
  (trajectory?.steps ?? [])
    .filter(({ source }) => source === 'agent')
    .flatMap(({ message, reasoning_content: thought, tool_calls: calls = [], observation }) => [
      ...(thought === undefined ? [] : [`(${thought})`]),
      ...(message === '' ? [] : [message]),
      ...calls.map(({ tool_call_id: id, arguments: given }) => {
        const result = observation?.results.find(({ source_call_id: of }) => of === id)?.content ?? '?';
        const command = String(given['command']).replace(/^\/bin\/bash -lc /, '');
        return `${command.replaceAll(/["']/g, '')} → ${/No such file/.exec(result)?.[0] ?? 'ok'}`;
      }),
    ]);

for (const [agent, { read, failures }] of Object.entries(AGENTS))
  describe(`what ${agent} writes`, () => {
    const of = (name: string): AgentReport => reported(read, recording(agent, name));

    it('is read as what was used, with cached tokens in the input', () => {
      const { usage, failure, trajectory } = of('several-calls');
      expect(usage).to.include({ inputTokens: 1_030, cacheTokens: 590, outputTokens: 107 });
      expect(usage?.models).to.have.length(1);
      expect(failure).to.equal(undefined);
      expect(trajectory?.final_metrics).to.include({ total_prompt_tokens: 1_030, total_cached_tokens: 590 });
    });

    it('is read as steps with calls and what came of them', () => {
      const did = didOf(of('several-calls')).filter((one) => !one.startsWith('('));
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

    for (const [name, type] of Object.entries(failures))
      it(`tells of ${name} as ${type ?? 'no failure'}`, () => {
        expect(of(name).failure?.type).to.equal(type);
      });

    it('cannot be made to break by any line', function () {
      this.timeout(60_000);
      fc.assert(
        fc.property(garbledLines(agent), (lines) => void reported(read, lines)),
        { numRuns: 200 },
      );
    });

    it('has no failure that a tool printed', () => {
      const printed = 'API Error: 529 Overloaded\nAttempt 1 failed with status 429. Retrying with backoff...';
      const lines = recording(agent, 'several-calls').map((line) =>
        line.replaceAll('cat: no-such-file: No such file or directory', () =>
          JSON.stringify(printed).slice(1, -1),
        ),
      );
      expect(lines.join('\n')).to.include('529 Overloaded');
      expect(reported(read, lines).failure).to.equal(undefined);
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
