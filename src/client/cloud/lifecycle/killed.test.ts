import { expect } from 'chai';
import { join } from 'node:path';
import { THOROUGH } from '../../../../test/crash/thorough.ts';
import { ApiServer } from '../../../../test/support/api-server.ts';
import { selfSigned } from '../../../../test/support/client/certificate.ts';
import { cloudWorld, type CloudWorld } from '../../../../test/support/client/cloud-world.ts';
import { IMAGES, live as happens } from '../../../../test/support/client/living-cluster.ts';
import { live } from '../../../../test/support/client/mortal-account.ts';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';
import type { CloudPorts } from '../../../providers/profiles/cloud.ts';
import { clusterPart } from '../cluster/part.ts';
import { doomed, takeAway } from './down.ts';
import { makeAll } from './init.ts';
import type { Installation } from '../installation.ts';

/** As the process that is gone: nothing it has not sent is ever sent. */
class Killed extends Error {}

/** Calls that change something, of AWS and of the API server, until the process is gone; the last of them is made. */
class Life {
  #left = Infinity;

  begin(changes: number): void {
    this.#left = changes;
  }

  get over(): boolean {
    return this.#left < 0;
  }

  /** One more change was made. */
  spend(): void {
    this.#left -= 1;
  }
}

const CHANGES = new Set(['plan', 'execute', 'discard', 'protect', 'remove']);

const mortal = (ports: CloudPorts, life: Life): CloudPorts => ({
  ...ports,
  stacks: new Proxy(ports.stacks, {
    get(target, name: keyof CloudPorts['stacks']) {
      const method = target[name] as (...args: unknown[]) => Promise<unknown>;
      return async (...args: unknown[]) => {
        if (life.over) throw new Killed();
        const result = await method.apply(target, args);
        if (CHANGES.has(name)) life.spend();
        if (life.over) throw new Killed();
        return result;
      };
    },
  }),
});

const tls = selfSigned();
/** Of the changes in the cluster, which are many alike; all of them with SB_THOROUGH. */
const STRIDE = THOROUGH ? 1 : 9;
/** So many changes happen before the cluster is there. */
const STACKS = 8;

describe('sb cloud, killed after every change and run again', function () {
  this.timeout(600_000);
  let w: CloudWorld;
  let server: ApiServer;
  let home: Folder;
  const life = new Life();
  beforeEach(async () => {
    w = await cloudWorld({ pageSize: 50 });
    server = await ApiServer.start({ tls });
    home = await folderOf({});
    w.env = { HOME: home.path, KUBECONFIG: join(home.path, 'kubeconfig') };
    w.says.cluster = { endpoint: server.url, authority: Buffer.from(tls.cert).toString('base64') };
    const never = () => Promise.reject(new Error('the images are there'));
    const { steps } = clusterPart({ version: '1.2.3', operator: never, open: never }, IMAGES);
    w.says.inside = steps.filter(({ name }) => name !== 'images');
    w.onSleep = () => happens(server);
    // A write that was sent is carried out; then there is nobody to read the answer, or to ask for anything else.
    server.faults.add({ on: () => life.over, fault: { kind: 'drop' }, times: Infinity });
    server.faults.add({
      on: ({ method }) => {
        if (method !== 'GET') life.spend();
        return life.over;
      },
      fault: { kind: 'lose-reply' },
      times: Infinity,
    });
  });
  afterEach(async () => {
    await w.close();
    await server.close();
    await home.remove();
  });

  /** Runs it until it is not killed any more, each time killed some changes later; how often it was. */
  async function untilDone(work: (installation: Installation) => Promise<void>): Promise<number> {
    for (let [times, changes] = [0, 0]; ; times++, changes += changes < STACKS ? 1 : STRIDE) {
      life.begin(changes);
      const end = await w
        .with(work, {}, (ports) => mortal(ports, life))
        .then(
          () => 'done',
          (error: unknown) => {
            if (!life.over) throw error;
            return 'killed';
          },
        );
      life.begin(Infinity);
      if (end === 'done') return times;
      expect(times).to.be.lessThan(200);
    }
  }

  const alive = () => w.formation.stacks.filter(({ status }) => status !== 'DELETE_COMPLETE');

  it('makes nothing twice, and leaves nothing', async () => {
    expect(await untilDone(makeAll)).to.be.greaterThan(STACKS);
    expect(alive().map(({ name, status }) => `${name} ${status}`)).to.deep.equal([
      'abundant-sb-artifacts CREATE_COMPLETE',
      'abundant-sb-network CREATE_COMPLETE',
      'abundant-sb-cluster CREATE_COMPLETE',
    ]);
    const names = w.things.map(
      ({ type, physicalId }) => `${type} ${physicalId.replace(/-[0-9a-f-]{12}$/, '')}`,
    );
    expect(names).to.deep.equal([...new Set(names)]);
    await w.with(async ({ inside, context }) => {
      for (const step of inside.steps) expect(await step.isDone(context), step.name).to.equal(true);
    });

    const down = async (installation: Installation): Promise<void> =>
      takeAway(installation, await doomed(installation, { force: false, purge: true }));
    expect(await untilDone(down)).to.be.greaterThan(1);
    expect(alive()).to.deep.equal([]);
  });
});

/** A death at one of these leaves what one after the change before it does: they count with SB_THOROUGH alone. */
const LOOKS = /^(Describe|Get|List)|^(identity|credentials|role|zones|subnets|cluster|tagged|contents)$/;
const counts = (call: string): boolean => THOROUGH || !LOOKS.test(call);

describe('sb cloud, killed at every call of the account and run again', function () {
  this.timeout(600_000);
  let w: CloudWorld;
  afterEach(() => w.close());

  /** Dies at each call in turn, before and after it, each time in another account; how many calls there are. */
  async function atEachCall(
    work: (installation: Installation) => Promise<void>,
    { before, check }: { before: () => Promise<unknown>; check: (where: string) => void },
  ): Promise<number> {
    for (let at = 1; ; at += 1)
      for (const when of ['before', 'after'] as const) {
        w = await cloudWorld({ pageSize: 50 });
        await before();
        const life = await live(w, work, { at, when, counts });
        if (!life.dead) return at - 1;
        await live(w, work);
        check(`${when} call ${at}, ${life.end}`);
        await w.close();
      }
  }

  const alive = () => w.formation.stacks.filter(({ status }) => status !== 'DELETE_COMPLETE');
  const down = async (installation: Installation): Promise<void> =>
    takeAway(installation, await doomed(installation, { force: false, purge: true }));

  it('init makes nothing twice', async () => {
    const calls = await atEachCall(makeAll, {
      before: async () => {},
      check(where) {
        expect(
          alive().map(({ name, status }) => `${name} ${status}`),
          where,
        ).to.deep.equal([
          'abundant-sb-artifacts CREATE_COMPLETE',
          'abundant-sb-network CREATE_COMPLETE',
          'abundant-sb-cluster CREATE_COMPLETE',
        ]);
        expect(alive().flatMap(({ changeSets }) => changeSets).length, where).to.equal(3);
        expect(alive()[0]?.isProtected, where).to.equal(true);
        const names = w.things.map(
          ({ type, physicalId }) => `${type} ${physicalId.replace(/-[0-9a-f-]{12}$/, '')}`,
        );
        expect(names, where).to.deep.equal([...new Set(names)]);
      },
    });
    expect(calls).to.be.greaterThan(THOROUGH ? 30 : 6);
  });

  it('down leaves nothing', async () => {
    const calls = await atEachCall(down, {
      async before() {
        await w.with(makeAll);
        for (const { type, physicalId } of w.things)
          if (type === 'AWS::S3::Bucket') w.says.buckets.set(physicalId, 3);
      },
      check(where) {
        expect(
          alive().map(({ name }) => name),
          where,
        ).to.deep.equal([]);
        expect([...w.says.buckets.keys()], where).to.deep.equal([]);
        const purged = new Set(w.purged.map((one) => one.split(' ').at(-1)));
        // The policy of a bucket goes with it.
        const left = w.things.filter(
          ({ type, physicalId }) => type !== 'AWS::S3::BucketPolicy' && !purged.has(physicalId),
        );
        expect(
          left.map(({ type, physicalId }) => `${type} ${physicalId}`),
          where,
        ).to.deep.equal([]);
      },
    });
    expect(calls).to.be.greaterThan(THOROUGH ? 30 : 12);
  });
});
