import { expect } from 'chai';
import fc from 'fast-check';
import { anyCharacter } from '../../test/support/any-character.ts';
import { aStoredOutcome, anOutcome, aTrial } from '../../test/support/builders/objects.ts';
import { readMessage, readStoredOutcome } from './outcome.ts';

const message = (over: object): string => JSON.stringify({ ...anOutcome(), ...over });
const failed = (reason: string) => ({ kind: 'failed', reason, message: 'm' });
const rewarded = (reward: unknown, rewards: unknown = {}) => ({ kind: 'rewarded', reward, rewards });
const found = (text: string, code = 'AgentWasRoot') => ({ code, message: text });
const at = (startTime: unknown) => ({ timings: { verifier: { startTime } } });

describe('The message of a courier', () => {
  it('is read as it was written', () => {
    const outcome = anOutcome({
      exception: { type: 'AgentTimeoutError', message: 'late', phase: 'agentExecution' },
      usage: { inputTokens: 1, costUsd: 0.5 },
      findings: [{ code: 'RewardRewritten', message: 'odd' }],
    });
    expect(readMessage(JSON.stringify(outcome), 1)).to.deep.equal(outcome);
    expect(readMessage(JSON.stringify(outcome), 2)).to.equal(undefined);
  });

  it('may know more than this version does', () => {
    expect(readMessage(message({ more: [1] }), 1)).to.include({ attempt: 1 });
  });

  const forged: [string, string][] = [
    ['cut in the middle', message({}).slice(0, -20)],
    ['no object', '7'],
    ['of another version', message({ version: 2 })],
    ['without timings', message({ timings: undefined })],
    ['with a reason that no list has', message({ result: failed('Gremlins') })],
    ['with a reason that every object has', message({ result: failed('constructor') })],
    ['with a reason that is no text', message({ result: { ...failed('x'), reason: ['CourierFailed'] } })],
    ['with an unknown kind of result', message({ result: { kind: 'won' } })],
    ['with a text for a reward', message({ result: rewarded('1') })],
    ['with null for a reward, as JSON writes NaN', message({ result: rewarded(NaN) })],
    ['with an infinite reward', message({ result: rewarded(0) }).replace('"reward":0', '"reward":1e999')],
    ['with an infinite part of a reward', message({ result: rewarded(0, { a: 7 }) }).replace(':7', ':1e999')],
    ['with a list of rewards', message({ result: rewarded(0, [1]) })],
    [
      'with too many rewards',
      message({ result: rewarded(0, Object.fromEntries(Array(65).fill(0).entries())) }),
    ],
    ['without findings', message({ findings: undefined })],
    ['with findings that have no code', message({ findings: [{ message: 'x' }] })],
    ['with findings of a code that no list has', message({ findings: [found('x', 'Gremlins')] })],
    ['with too many findings', message({ findings: Array(17).fill(found('x')) })],
    ['with a finding that is too long', message({ findings: [found('x'.repeat(257))] })],
    ['with tokens that no int64 holds', message({ usage: { inputTokens: 1e300 } })],
    ['with an exception in no phase', message({ exception: { type: 'E', message: 'm', phase: 'x' } })],
    ['with an exception of no name', message({ exception: { type: 'a b', message: 'm', phase: 'upload' } })],
    ['with more than a negative number of files', message({ stored: { files: -1, bytes: 0, skipped: 0 } })],
    ['with a time that is none', message(at('yesterday'))],
    ['with a day that no month has', message(at('2026-02-31T00:00:00Z'))],
    ['with a second that no API server reads', message(at('2026-06-30T23:59:60Z'))],
    ['with a time of another form', message(at('2026-02-03 00:00:00Z'))],
    ['beyond what the kubelet keeps', message({ more: 'x'.repeat(4096) })],
  ];
  for (const [what, text] of forged)
    it(`is not believed ${what}`, () => {
      expect(readMessage(text, 1)).to.equal(undefined);
    });

  it('throws for no bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string({ unit: anyCharacter })), (text) => {
        expect(readMessage(text, 1)).to.equal(undefined);
        expect(readStoredOutcome(Buffer.from(text), { uid: 'u', attempt: 1 })).to.equal(undefined);
      }),
    );
  });
});

describe('A stored outcome', () => {
  const trial = aTrial();
  const uid = trial.metadata.uid ?? '';
  const read = (stored: object) =>
    readStoredOutcome(Buffer.from(JSON.stringify(stored)), { uid, attempt: 1 });

  it('is read where Trial and attempt are those that it names', () => {
    const stored = aStoredOutcome(trial);
    expect(read(stored)).to.deep.equal(anOutcome());
    expect(read({ ...stored, trial: { uid: 'another', attempt: 1 } })).to.equal(undefined);
    expect(read({ ...stored, trial: { uid, attempt: 2 } })).to.equal(undefined);
    expect(read(aStoredOutcome(trial, anOutcome({ attempt: 2 })))).to.equal(undefined);
  });

  it('is not believed where it is no outcome', () => {
    for (const stored of [{}, { version: 1 }, { ...aStoredOutcome(trial), trial: null }, anOutcome(), [1]])
      expect(read(stored)).to.equal(undefined);
  });
});
