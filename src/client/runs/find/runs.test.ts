import { expect } from 'chai';
import { LABEL } from '../../../crds/names.ts';
import type { Trial } from '../../../crds/trial.ts';
import { rewarded } from '../../../../test/support/builders/run-trials.ts';
import { stampOf, after } from '../../../../test/support/builders/objects.ts';
import { world, type World } from '../../../../test/support/client/world.ts';
import { runNames } from './runs.ts';

describe('The runs of a namespace', () => {
  let w: World;
  beforeEach(async () => void (w = await world()));
  afterEach(() => w.close());

  const run = (name: string, trials: number, createdAt = 0): void =>
    w.have(
      ...Array.from({ length: trials }, (_, at): Trial => {
        const trial = rewarded(1, { name: `${name}-${at}`, createdAt: createdAt + at });
        return { ...trial, metadata: { ...trial.metadata, labels: { [LABEL.run]: name } } };
      }),
    );
  const names = async (): Promise<string[]> => (await runNames(w.session)).map(({ name }) => name);

  it('are found without reading all Trials of large ones', async () => {
    run('large', 1000);
    run('larger', 2000, 500);
    run('small', 3);
    expect(await runNames(w.session)).to.deep.equal(
      [
        ['large', 0],
        ['larger', 500],
        ['small', 0],
      ].map(([name, at]) => ({ name, createdAt: Date.parse(stampOf(after(Number(at)))) })),
    );
    expect(w.server.requests).to.have.length(3);
  });

  it('are found where they are so many that naming them makes too long an address', async () => {
    const many = Array.from({ length: 150 }, (_, at) => `${'long-'.repeat(8)}${String(at).padStart(3, '0')}`);
    for (const name of many) run(name, 2);
    expect(await names()).to.deep.equal(many);
  });

  it('are told as far as they are known when patience ends', async () => {
    run('first', 200);
    run('second', 200);
    w.server.faults.add({ fault: { kind: 'stall' }, skip: 1 });
    const found = new Map();
    const patience = new AbortController();
    const asked = runNames(w.session, { found, signal: patience.signal }).catch((error: unknown) => error);
    while (w.server.requests.length < 2) await new Promise(setImmediate);
    patience.abort(new Error('too slow'));
    expect(await asked).to.have.property('message', 'too slow');
    expect([...found.keys()]).to.deep.equal(['first']);
  });
});
