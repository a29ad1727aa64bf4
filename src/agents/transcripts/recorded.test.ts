import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { validateTrajectory } from '../../../test/support/atif.ts';
import type { AgentFailureType } from '../../crds/agent-failures.ts';
import type { AgentReport } from '../agent.ts';
import { readAider } from './aider.ts';
import { readKimiCode } from './kimi-code.ts';
import { readMiniSweAgent } from './mini-swe-agent.ts';
import { readOpencode } from './opencode.ts';
import { readPi } from './pi.ts';

/** By the names of the folders of what the real programs wrote. */
const READERS = {
  aider: readAider,
  'kimi-code': readKimiCode,
  'mini-swe-agent': readMiniSweAgent,
  opencode: readOpencode,
  pi: readPi,
};
type Name = keyof typeof READERS;

const FOLDER = join(import.meta.dirname, 'fixtures');
const linesOf = (name: Name, script: string): string[] =>
  readFileSync(join(FOLDER, name, `${script}.txt`), 'utf8').split('\n');
const reportOf = (name: Name, script: string): AgentReport =>
  READERS[name](linesOf(name, script), { model: 'p/m', version: '1.2.3' });

/** Commands that are called, and what came of them, of all steps. */
const callsOf = ({ trajectory }: AgentReport): [string, string | undefined][] =>
  (trajectory?.steps ?? []).flatMap(({ tool_calls: calls = [], observation }) =>
    calls.map((call): [string, string | undefined] => [
      String(call.arguments['command']),
      observation?.results.find(({ source_call_id: id }) => id === call.tool_call_id)?.content,
    ]),
  );

/** As each of them says that there was no output. */
const QUIET = /^\(no output\)$|^Command executed successfully\.$|"output": ""/;
const TALK: [string, RegExp][] = [
  ['echo first > first.txt', QUIET],
  ['echo second > second.txt', QUIET],
  ['cat first.txt second.txt > both.txt', QUIET],
  ['cat no-such-file', /No such file or directory/],
  ["printf '%s' 'solved\n' > 'answer.txt'", QUIET],
];

describe('what the real programs wrote', () => {
  for (const name of ['kimi-code', 'mini-swe-agent', 'opencode', 'pi'] as const)
    it(`has every call of ${name}, with what came of it, and all that was counted`, () => {
      const report = reportOf(name, 'several-calls');
      expect(report.failure).to.equal(undefined);
      const calls = callsOf(report).slice(0, TALK.length);
      for (const [at, [command, result]] of TALK.entries()) {
        expect(calls[at]?.[0]).to.equal(command);
        expect(calls[at]?.[1]).to.match(result);
      }
      expect(report.usage).to.include({ inputTokens: 1030, cacheTokens: 590, outputTokens: 107 });
      const steps = report.trajectory?.steps.filter(({ source }) => source === 'agent') ?? [];
      expect(steps.map(({ metrics }) => metrics?.prompt_tokens)).to.deep.equal([200, 250, 270, 140, 170]);
      expect(steps.map(({ metrics }) => metrics?.cached_tokens)).to.deep.equal([0, 200, 250, 0, 140]);
      expect(steps.map(({ message }) => message)).to.deep.equal([
        'I look around first.',
        '',
        '',
        '',
        'Done.',
      ]);
    });

  for (const name of ['kimi-code', 'mini-swe-agent', 'pi'] as const)
    it(`has the instruction that ${name} was given, and what the model thought`, () => {
      const { trajectory } = reportOf(name, 'several-calls');
      const asked = trajectory?.steps.find(({ source }) => source === 'user');
      expect(asked?.message).to.include('Write the word solved into answer.txt.');
      const thought = trajectory?.steps.map(({ reasoning_content: text }) => text).filter(Boolean);
      expect(thought).to.deep.equal(['Both files are needed.']);
    });

  it('has the cost where the program knows a price', () => {
    expect(reportOf('pi', 'several-calls').usage?.costUsd).to.be.closeTo(0.0028525, 1e-9);
    expect(reportOf('opencode', 'several-calls').usage).not.to.have.property('costUsd');
  });

  it('has the answers of Aider, and what it did with them', () => {
    const report = reportOf('aider', 'cached');
    const [asked, ...steps] = report.trajectory?.steps ?? [];
    expect(asked).to.include({ source: 'user', message: 'Write the word solved into answer.txt.' });
    expect(steps.at(-1)?.message).to.include('answer.txt\n```\nsolved\n```');
    expect(steps.at(-1)?.observation?.results[0]?.content).to.include('Applied edit to answer.txt');
  });

  it('counts once what Aider wrote to a cache', () => {
    expect(reportOf('aider', 'cached').usage).to.include({
      inputTokens: 860,
      cacheTokens: 450,
      outputTokens: 100,
    });
  });

  it('has what Kimi Code printed where it was stopped before its session’s records', () => {
    const report = reportOf('kimi-code', 'stopped');
    expect(callsOf(report).map(([command]) => command)).to.deep.equal(
      TALK.slice(0, 3).map(([command]) => command),
    );
    expect(report).not.to.have.property('usage');
  });

  const failures: [Name, string, AgentFailureType][] = [
    ['aider', 'denied', 'AgentAuthenticationError'],
    ['aider', 'overloaded', 'ApiOverloadedError'],
    ['aider', 'too-long', 'ContextWindowExceededError'],
    ['aider', 'cut-short', 'OutputTokenExceededError'],
    ['kimi-code', 'denied', 'AgentAuthenticationError'],
    ['kimi-code', 'limited-late', 'ApiRateLimitError'],
    ['kimi-code', 'too-long', 'ContextWindowExceededError'],
    ['kimi-code', 'cut-short', 'OutputTokenExceededError'],
    ['kimi-code', 'filtered', 'AgentSafetyRefusalError'],
    ['mini-swe-agent', 'denied', 'AgentAuthenticationError'],
    ['mini-swe-agent', 'too-long', 'ContextWindowExceededError'],
    ['mini-swe-agent', 'cut-short', 'OutputTokenExceededError'],
    ['opencode', 'denied', 'AgentAuthenticationError'],
    ['opencode', 'limited', 'ApiRateLimitError'],
    ['opencode', 'cut-short', 'OutputTokenExceededError'],
    ['opencode', 'refuses', 'AgentSafetyRefusalError'],
    ['pi', 'denied', 'AgentAuthenticationError'],
    ['pi', 'limited-late', 'ApiRateLimitError'],
    ['pi', 'too-long', 'ContextWindowExceededError'],
    ['pi', 'cut-short', 'OutputTokenExceededError'],
    ['pi', 'refuses', 'AgentSafetyRefusalError'],
  ];
  for (const [name, script, type] of failures)
    it(`says ${type} of ${script} by ${name}`, () => {
      expect(reportOf(name, script).failure?.type).to.equal(type);
    });

  it('keeps to Harbor’s format', () => {
    const recorded = globSync('*/*.txt', { cwd: FOLDER }).map((file) => file.split(/[/.]/));
    for (const [name, script] of recorded) {
      if (!name || !script || !Object.hasOwn(READERS, name)) continue;
      const { trajectory } = reportOf(name as Name, script);
      if (trajectory) validateTrajectory(trajectory);
    }
  });

  for (const name of Object.keys(READERS) as Name[])
    it(`says nothing wrong of whatever else may be in the file of ${name}`, () => {
      const known = linesOf(name, name === 'aider' ? 'cached' : 'several-calls');
      const line = fc.oneof(fc.json(), fc.string(), fc.constantFrom(...known), spoiled(known));
      fc.assert(
        fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
          const { trajectory } = READERS[name](lines, {});
          if (trajectory) validateTrajectory(trajectory);
        }),
        { numRuns: 200 },
      );
    });
});

/** A line in which one value is another. */
const spoiled = (known: string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...known), fc.nat(), fc.constantFrom('null', '-1', '"x"', '[]', '{}', '1e400'))
    .map(([line, at, other]) => {
      const values = [...line.matchAll(/(?<=:)("[^"]*"|-?[\d.]+|true|false)/g)];
      const value = values[at % Math.max(1, values.length)];
      return value ? line.slice(0, value.index) + other + line.slice(value.index + value[0].length) : line;
    });
