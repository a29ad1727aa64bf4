import { expect } from 'chai';
import { after, aPod } from '../../../test/support/builders/objects.ts';
import { aSandbox, aSandboxJob, endedWith, RUNNING } from '../../../test/support/builders/sandboxes.ts';
import type { SandboxSpec } from '../../crds/sandbox.ts';
import { expiresAt, idleEnd, isUnenforced } from './lifetime.ts';

describe('when a Sandbox expires', () => {
  const of = (spec: Partial<SandboxSpec>) => expiresAt(aSandbox({ spec }));

  it('is the earliest of its limits, and never without one', () => {
    expect(of({})).to.equal(undefined);
    expect(of({ ttlSeconds: 60 })).to.equal('2026-01-01T00:01:00Z');
    expect(of({ deadline: '2026-01-01T01:00:30+01:00', ttlSeconds: 60 })).to.equal('2026-01-01T00:00:30Z');
    expect(of({ deadline: '2027-01-01T00:00:00Z', ttlSeconds: 60 })).to.equal('2026-01-01T00:01:00Z');
    expect(of({ deadline: 'soon' })).to.equal(undefined);
  });
});

describe('the last word of a courier', () => {
  const said = (lastWord: string, exitCode = 0) => {
    const status = endedWith({ exitCode, reason: 'Completed' }, { lastWord });
    return idleEnd(aPod(aSandboxJob(), { status }), after(70));
  };
  const message = (at: string): string => JSON.stringify({ ended: 'Idle', lastActivityTime: at });

  it('says since when nobody used the Pod', () => {
    expect(said(message('2026-01-01T00:00:40.123Z'))).to.deep.equal({
      ended: 'Idle',
      lastActivityTime: '2026-01-01T00:00:40Z',
    });
  });

  it('is heard as soon as the container has ended, not only when the Pod has', () => {
    const lastWord = message('2026-01-01T00:00:40Z');
    const of = (status: ReturnType<typeof endedWith>) =>
      idleEnd(aPod(aSandboxJob(), { status: { ...status, phase: 'Running' } }), after(70));
    const status = endedWith({ exitCode: 0, reason: 'Completed' }, { lastWord });
    expect(of(status)).to.include({ ended: 'Idle' });
    expect(of({ ...status, containerStatuses: RUNNING.containerStatuses ?? [] })).to.equal(undefined);
  });

  it('says, too, that nothing has run for nothing closes its network, where the container has failed', () => {
    const lastWord = '{"ended":"PolicyNotEnforced"}';
    const ended = (exitCode: number) => ({
      ...endedWith({ exitCode, reason: 'Error' }, { lastWord }),
      phase: 'Running',
    });
    const of = (status: ReturnType<typeof endedWith>) => isUnenforced(aPod(aSandboxJob(), { status }));
    expect(of(ended(1))).to.equal(true);
    expect(of(ended(0))).to.equal(false);
    expect(of({ ...ended(1), containerStatuses: RUNNING.containerStatuses ?? [] })).to.equal(false);
  });

  it('does not lie in the future', () => {
    expect(said(message('2036-01-01T00:00:00Z'))?.lastActivityTime).to.equal('2026-01-01T00:01:10Z');
  });

  it('is nothing where the container failed', () => {
    expect(said(message('2026-01-01T00:00:40Z'), 1)).to.equal(undefined);
  });

  for (const other of [
    '',
    '{}',
    'Idle',
    message('yesterday'),
    message('2026-13-01T00:00:00Z'),
    `${message('2026-01-01T00:00:40Z')} and more`,
    '{"ended":"Tired","lastActivityTime":"2026-01-01T00:00:40Z"}',
    ' '.repeat(2000) + message('2026-01-01T00:00:40Z'),
  ])
    it(`is nothing that can be used: ${other.trim().slice(0, 60)}`, () => {
      expect(said(other)).to.equal(undefined);
    });
});
