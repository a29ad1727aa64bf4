import { expect } from 'chai';
import { cloudWorld, type CloudWorld } from '../../../test/support/client/cloud-world.ts';
import type { CloudPorts } from '../../providers/profiles/cloud.ts';
import { doomed, takeAway } from './down.ts';
import { makeAll } from './init.ts';
import type { Installation } from './installation.ts';

/** As the process that is gone: nothing it has not sent is ever sent. */
class Killed extends Error {}

/** Ports that are killed after so many calls that change something, each time after the call was made. */
function killedAfter(ports: CloudPorts, changes: number): CloudPorts {
  let left = changes;
  const CHANGES = new Set(['plan', 'execute', 'discard', 'protect', 'remove']);
  const stacks = new Proxy(ports.stacks, {
    get(target, name: keyof CloudPorts['stacks']) {
      const method = target[name] as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        if (left < 0) throw new Killed();
        const result = await method.apply(target, args);
        if (CHANGES.has(name) && left-- === 0) throw new Killed();
        return result;
      };
    },
  });
  return { ...ports, stacks };
}

describe('sb cloud, killed after every change and run again', () => {
  let w: CloudWorld;
  beforeEach(async () => void (w = await cloudWorld({ pageSize: 50 })));
  afterEach(() => w.close());

  /** Runs it until it is not killed any more, each time killed one change later; how often it was. */
  async function untilDone(work: (installation: Installation) => Promise<void>): Promise<number> {
    for (let changes = 0; ; changes++) {
      const end = await w
        .with(work, {}, (ports) => killedAfter(ports, changes))
        .then(
          () => 'done',
          (error: unknown) => {
            if (!(error instanceof Killed)) throw error;
            return 'killed';
          },
        );
      if (end === 'done') return changes;
      expect(changes).to.be.lessThan(50);
    }
  }

  const alive = () => w.formation.stacks.filter(({ status }) => status !== 'DELETE_COMPLETE');

  it('makes nothing twice, and leaves nothing', async () => {
    expect(await untilDone(makeAll)).to.be.greaterThan(2);
    expect(alive().map(({ name, status }) => `${name} ${status}`)).to.deep.equal([
      'abundant-sb-artifacts CREATE_COMPLETE',
      'abundant-sb-network CREATE_COMPLETE',
      'abundant-sb-cluster CREATE_COMPLETE',
    ]);
    const names = w.things.map(
      ({ type, physicalId }) => `${type} ${physicalId.replace(/-[0-9a-f-]{12}$/, '')}`,
    );
    expect(names).to.deep.equal([...new Set(names)]);

    const down = async (installation: Installation): Promise<void> =>
      takeAway(installation, await doomed(installation, { force: false, purge: true }));
    expect(await untilDone(down)).to.be.greaterThan(1);
    expect(alive()).to.deep.equal([]);
  });
});
