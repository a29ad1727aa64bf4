import { expect } from 'chai';
import fc from 'fast-check';
import { anyCharacter } from '../../../test/support/any-character.ts';
import { FINDINGS, verdictOf, type FindingCode } from '../../crds/findings.ts';
import { MESSAGE_MAX_BYTES, OUTCOME_MAX_BYTES } from '../../wire/limits.ts';
import type { Outcome, StepOutcome } from '../../wire/outcome.ts';
import { readMessage, readStoredOutcome } from '../../wire/outcome.ts';
import { outcomeFile, outcomeMessage } from './outcome.ts';

const outcomeOf = (over: Partial<Outcome>): Outcome => ({
  version: 1,
  attempt: 1,
  result: { kind: 'rewarded', reward: 1, rewards: { reward: 1 } },
  timings: {},
  findings: [],
  ...over,
});
const CODES = Object.keys(FINDINGS) as FindingCode[];
const parsed = (outcome: Outcome): Outcome => JSON.parse(outcomeMessage(outcome)) as Outcome;

/** How an attempt or a step may end, with any texts. */
const ends = (text: fc.Arbitrary<string>) => ({
  result: fc.oneof(
    fc.record({
      kind: fc.constant('rewarded' as const),
      reward: fc.double({ noNaN: true, noDefaultInfinity: true }),
      rewards: fc.dictionary(text, fc.double({ noNaN: true, noDefaultInfinity: true }), {
        maxKeys: 64,
        noNullPrototype: true,
      }),
    }),
    fc.record({
      kind: fc.constant('failed' as const),
      reason: fc.constant('TaskInvalid' as const),
      message: text,
    }),
  ),
  exception: fc.record({
    type: fc.constant('VerifierError'),
    message: text,
    phase: fc.constant('verifier' as const),
  }),
});

describe('outcomeMessage', () => {
  it('leaves a short outcome as it is', () => {
    const outcome = outcomeOf({
      findings: [{ code: 'RewardRewritten', message: 'odd' }],
      stored: { files: 1, bytes: 2, skipped: 0 },
    });
    expect(parsed(outcome)).to.deep.equal(outcome);
  });

  it('never exceeds what the kubelet keeps, always keeps the reward, and is what the operator reads', () => {
    const text = fc.string({ unit: anyCharacter, maxLength: 5000 });
    const interval = { startTime: '2026-01-01T00:00:00.000Z', completionTime: '2026-01-01T00:00:00.000Z' };
    const timings = fc.constant({
      environmentSetup: interval,
      agentSetup: interval,
      agentExecution: interval,
      verifier: interval,
      upload: interval,
    });
    const outcomes = fc.record({
      ...ends(text),
      findings: fc.array(fc.record({ code: fc.constantFrom(...CODES), message: text }), { maxLength: 16 }),
      timings,
    });
    fc.assert(
      fc.property(outcomes, (over) => {
        const outcome = outcomeOf(over);
        const message = outcomeMessage(outcome);
        expect(Buffer.byteLength(message)).to.be.at.most(MESSAGE_MAX_BYTES);
        const { result, findings } = JSON.parse(message) as Outcome;
        expect(verdictOf(findings)).to.equal(verdictOf(outcome.findings));
        expect(readMessage(message, 1)).to.deep.equal(JSON.parse(message));
        expect(result.kind).to.equal(outcome.result.kind);
        if (result.kind === 'rewarded' && outcome.result.kind === 'rewarded')
          expect(result.reward).to.equal(outcome.result.reward + 0);
      }),
    );
  });

  it('says of each kind of finding what there is room for, and beside another exception how many rewards are left out', () => {
    const exception = { type: 'AgentTimeoutError', message: 'late', phase: 'agentExecution' as const };
    const rewards = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`${i}`.repeat(60), i]));
    const long = CODES.slice(0, 16).map((code) => ({ code, message: 'x'.repeat(256) }));
    const outcome = outcomeOf({
      result: { kind: 'rewarded', reward: 3, rewards },
      exception,
      findings: long,
    });
    const said = parsed(outcome);
    expect(said.exception?.message).to.match(/^late; \d+ of 64 rewards are left out for their length/);
    expect(said.findings.map(({ code }) => code)).to.deep.equal(long.map(({ code }) => code));
    expect(said.findings[0]?.message).to.have.length(64);
  });

  it('notes the rewards that it leaves out, without making them look like tampering', () => {
    const rewards = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`${i}`.repeat(60), i]));
    const { result, exception, findings } = parsed(
      outcomeOf({ result: { kind: 'rewarded', reward: 3, rewards } }),
    );
    expect(result).to.include({ kind: 'rewarded', reward: 3 });
    expect(exception?.message).to.match(
      /^\d+ of 64 rewards are left out for their length; the reward file has all$/,
    );
    expect(findings).to.deep.equal([]);
  });
});

describe('outcomeFile', () => {
  const trial = { namespace: 'default', name: 'hello', uid: 'u', attempt: 1 };
  const stepOf = (name: string, over: Partial<StepOutcome> = {}): StepOutcome => ({
    name,
    result: { kind: 'rewarded', reward: 1, rewards: { reward: 1 } },
    timings: {},
    ...over,
  });
  const stored = (listed: StepOutcome[]) => {
    const file = outcomeFile(trial, outcomeOf({ steps: { ran: listed.length, listed } }));
    expect(Buffer.byteLength(file)).to.be.at.most(OUTCOME_MAX_BYTES);
    return readStoredOutcome(Buffer.from(file), trial)?.steps;
  };

  it('says nothing of steps where the task has none', () => {
    const outcome = outcomeOf({ findings: [{ code: 'RewardRewritten', message: 'odd' }] });
    expect(readStoredOutcome(Buffer.from(outcomeFile(trial, outcome)), trial)).to.deep.equal(outcome);
  });

  it('lists the steps, which the message only counts', () => {
    const steps = [stepOf('one'), stepOf('two', { result: { kind: 'unverified' } })];
    expect(stored(steps)).to.deep.equal({ ran: 2, listed: steps });
    expect(parsed(outcomeOf({ steps: { ran: 2, listed: steps } })).steps).to.deep.equal({
      ran: 2,
      listed: [],
    });
  });

  it('names those that did not run, and why, as far as there is room', () => {
    const listed = [stepOf('one')];
    const skipped = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(255, 'x'));
    const file = outcomeFile(
      trial,
      outcomeOf({ steps: { ran: 1, listed, skipped, stopped: 'y'.repeat(999) } }),
    );
    const steps = readStoredOutcome(Buffer.from(file), trial)?.steps;
    expect(steps?.skipped).to.deep.equal(skipped.slice(0, 7));
    expect(steps?.stopped).to.have.length(256);
    expect(steps?.listed).to.deep.equal(listed);
  });

  it('lists the first of many and counts all', () => {
    const { ran, listed = [] } = stored(Array.from({ length: 10_000 }, (_, i) => stepOf(`step-${i}`))) ?? {};
    expect(ran).to.equal(10_000);
    expect(listed.length).to.be.within(100, 128);
    expect(listed.map(({ name }) => name)).to.deep.equal(listed.map((_, i) => `step-${i}`));
  });

  it('shortens what steps say before it leaves out any, and says how many rewards it left out', () => {
    const rewards = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`${i}`.repeat(9), i]));
    const exception = { type: 'E', message: 'x'.repeat(1024), phase: 'verifier' as const };
    const steps = Array.from({ length: 20 }, (_, i) =>
      stepOf(`step-${i}`, { result: { kind: 'rewarded', reward: 1, rewards }, ...(i > 0 && { exception }) }),
    );
    const { listed = [] } = stored(steps) ?? {};
    expect(listed).to.have.length(20);
    expect(listed[0]?.exception?.message).to.match(/^\d+ of 64 rewards are left out/);
    expect(listed[1]?.exception?.message).to.match(/^x+…$/);
  });

  it('is what the operator reads, whatever the steps', () => {
    const text = fc.string({ unit: anyCharacter, maxLength: 2000 });
    const step = fc.record({
      name: fc.string({ unit: anyCharacter, minLength: 1, maxLength: 255 }),
      ...ends(text),
      timings: fc.constant({}),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        expect(stored(steps)?.ran).to.equal(steps.length);
      }),
      { numRuns: 50 },
    );
  });
});
