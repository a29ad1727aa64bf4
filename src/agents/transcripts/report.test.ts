import { expect } from 'chai';
import fc from 'fast-check';
import { anyCharacter } from '../../../test/support/any-character.ts';
import { validateTrajectory } from '../../../test/support/atif.ts';
import type { Trajectory } from '../../wire/trajectory.ts';
import type { AgentReport } from '../agent.ts';
import { reportBuilder, type ReportBuilder } from './report.ts';

const GIVEN = { model: 'anthropic/m', version: '1.2.3' };

function made(tell: (report: ReportBuilder) => void, maxBytes?: number): AgentReport {
  const report = reportBuilder('claude-code', GIVEN, maxBytes);
  tell(report);
  return report.done();
}

function trajectoryOf(tell: (report: ReportBuilder) => void, maxBytes?: number): Trajectory {
  const { trajectory } = made(tell, maxBytes);
  if (!trajectory) throw new Error('there is no trajectory');
  validateTrajectory(trajectory);
  return trajectory;
}

const stored = (trajectory: Trajectory): number =>
  Buffer.byteLength(`${JSON.stringify(trajectory, null, 1)}\n`);
const call = (id: string, given: unknown = {}) => ({ id, name: 'Bash', arguments: given });

describe('a report that is made of a transcript', () => {
  it('has steps, numbered, with what each call gave', () => {
    const { agent, steps } = trajectoryOf((report) => {
      report.user('do it', '2026-11-29T07:39:53.634Z');
      report.agent({ answer: 'a', message: 'I look.', calls: [call('1', { command: 'ls' })], model: 'm' });
      report.result('1', 'nothing');
      report.agent({ answer: 'a', calls: [call('2', '{"command":"id"}')], metrics: { prompt_tokens: 7 } });
      report.result('2', 'root');
      report.agent({ message: 'Done.', time: 1_795_938_000_000 });
    });
    expect(agent).to.deep.equal({ name: 'claude-code', version: '1.2.3', model_name: 'm' });
    expect(steps).to.deep.equal([
      { step_id: 1, timestamp: '2026-11-29T07:39:53.634Z', source: 'user', message: 'do it' },
      {
        step_id: 2,
        source: 'agent',
        message: 'I look.',
        model_name: 'm',
        tool_calls: [
          { tool_call_id: '1', function_name: 'Bash', arguments: { command: 'ls' } },
          { tool_call_id: '2', function_name: 'Bash', arguments: { command: 'id' } },
        ],
        observation: {
          results: [
            { source_call_id: '1', content: 'nothing' },
            { source_call_id: '2', content: 'root' },
          ],
        },
        metrics: { prompt_tokens: 7 },
      },
      { step_id: 3, timestamp: '2026-11-29T07:40:00.000Z', source: 'agent', message: 'Done.' },
    ]);
  });

  it('has conversations of sub-agents beside, which the call that began them points to', () => {
    const { steps, subagent_trajectories: apart } = trajectoryOf((report) => {
      report.agent({ calls: [{ id: 't', name: 'Task', arguments: {} }] });
      report.subAgent('t').user('look');
      report.subAgent('t').agent({ message: 'seen' });
      report.result('t', 'it was seen');
      report.subAgent('nothing was said');
      report.subAgent('of no call').agent({ message: 'here' });
    });
    expect(steps[0]?.observation?.results).to.deep.equal([
      { source_call_id: 't', content: 'it was seen', subagent_trajectory_ref: [{ trajectory_id: 't' }] },
    ]);
    expect(apart?.map((one) => [one.trajectory_id, one.steps.length])).to.deep.equal([
      ['t', 2],
      ['of no call', 1],
    ]);
  });

  it('has the last failure, unless a model answered after it', () => {
    const limited = { type: 'ApiRateLimitError', message: 'wait' } as const;
    const refused = { type: 'AgentSafetyRefusalError', message: 'no' } as const;
    const failed = (...parts: ('limited' | 'refused' | 'answer')[]) =>
      made((report) => {
        for (const part of parts)
          if (part === 'answer') report.agent({ message: 'x' });
          else report.fails(part === 'limited' ? limited : refused);
      }).failure;
    expect(failed('limited', 'answer')).to.equal(undefined);
    expect(failed('limited', 'answer', 'refused')).to.equal(refused);
    expect(failed('refused', 'limited')).to.equal(limited);
  });

  it('adds up what was used, by model, and has the total in the trajectory', () => {
    const { usage, trajectory } = made((report) => {
      report.agent({ message: 'x' });
      report.uses({ inputTokens: 10, cacheTokens: 4, outputTokens: 2, costUsd: 0.5 }, 'm');
      report.uses({ inputTokens: 1, outputTokens: 1 }, 'n');
    });
    expect(usage).to.deep.equal({
      inputTokens: 11,
      cacheTokens: 4,
      outputTokens: 3,
      costUsd: 0.5,
      models: [
        { model: 'm', inputTokens: 10, cacheTokens: 4, outputTokens: 2, costUsd: 0.5 },
        { model: 'n', inputTokens: 1, outputTokens: 1 },
      ],
    });
    expect(trajectory?.final_metrics).to.deep.equal({
      total_prompt_tokens: 11,
      total_cached_tokens: 4,
      total_completion_tokens: 3,
      total_cost_usd: 0.5,
      total_steps: 1,
    });
  });

  it('is empty where nothing was said', () => {
    expect(made(() => {})).to.deep.equal({});
    expect(made((report) => report.result('x', 'of nothing'))).to.deep.equal({});
  });

  it('has long texts cut before steps are left out, with a note of both', () => {
    const long = (count: number) =>
      trajectoryOf((report) => {
        report.user('begin');
        for (let at = 0; at < count; at += 1)
          report.agent({ message: `${at}`, calls: [call(`${at}`, { text: 'x'.repeat(10_000) })] });
        report.agent({ message: 'end' });
      }, 200_000);
    expect(long(10)).to.not.have.property('notes');
    const cut = long(60);
    expect(cut.notes).to.equal('The middle of texts longer than 4096 characters is left out.');
    expect(cut.steps).to.have.length(62);
    const shortened = long(2_000);
    const leftOut = 2_002 - shortened.steps.length;
    expect(shortened.notes).to.equal(
      `${leftOut} steps in the middle are left out. The middle of texts longer than 512 characters is left out.`,
    );
    expect([shortened.steps[0]?.message, shortened.steps.at(-1)?.message]).to.deep.equal(['begin', 'end']);
    for (const one of [cut, shortened]) expect(stored(one)).to.be.within(50_000, 200_000);
  });

  it('is made of 64 MiB of characters that take six each, without all of them in memory', () => {
    const text = '\0'.repeat(100_000);
    const trajectory = trajectoryOf((report) => {
      for (let at = 0; at < 160; at += 1) {
        report.agent({ answer: 'all', message: text, calls: [call(`${at}`, { text })] });
        report.result(`${at}`, text);
        report.result(undefined, text);
        report.subAgent(`${at}`).agent({ message: text });
      }
      for (let at = 0; at < 200_000; at += 1) report.user('x');
    });
    expect(stored(trajectory)).to.be.at.most(4 * 2 ** 20);
  });

  it('is a trajectory of Harbor’s format within its bounds, whatever is said', () => {
    const id = fc.oneof(fc.constantFrom('a', 'b', ''), fc.string({ unit: anyCharacter, maxLength: 400 }));
    const text = fc.oneof(fc.string({ unit: anyCharacter }), fc.constant('\ud800'.repeat(3_000)));
    const given = fc.oneof(
      fc.jsonValue({ maxDepth: 20 }),
      fc.constant(JSON.parse('['.repeat(5_000) + ']'.repeat(5_000))),
    );
    const calls = fc.array(fc.record({ id, name: text, arguments: given }), { maxLength: 100 });
    const said = fc.record(
      { answer: id, message: text, reasoning: text, calls, model: text, time: fc.anything() },
      { requiredKeys: [] },
    );
    const tell = fc.oneof(
      said.map((one) => (report: ReportBuilder) => report.agent(one)),
      fc.tuple(id, said).map(
        ([of, one]) =>
          (report: ReportBuilder) =>
            report.subAgent(of).agent(one),
      ),
      fc.tuple(fc.option(id, { nil: undefined }), text).map(
        ([of, one]) =>
          (report: ReportBuilder) =>
            report.result(of, one),
      ),
      text.map((one) => (report: ReportBuilder) => report.user(one, one)),
      text.map(
        (one) => (report: ReportBuilder) => report.describe({ sessionId: one, version: one, model: one }),
      ),
    );
    fc.assert(
      fc.property(
        fc.array(tell, { maxLength: 60 }),
        fc.constantFrom(1_000_000, 4_000_000),
        (told, maxBytes) => {
          const { trajectory } = made((report) => told.forEach((one) => one(report)), maxBytes);
          if (!trajectory) return;
          validateTrajectory(trajectory);
          expect(stored(trajectory)).to.be.at.most(maxBytes);
        },
      ),
      { numRuns: 50 },
    );
  });
});
