import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import { standing } from '../../../test/support/builders/sandboxes.ts';
import { eventuallyTrue } from '../../../test/support/eventually.ts';
import { WINDOW } from '../../wire/hand/protocol.ts';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { world, type World } from '../../../test/support/client/world.ts';
import { TestCourier } from '../../../test/support/sandbox/courier.ts';
import { tarOf } from '../../../test/support/sandbox/tar.ts';
import { createSandbox, SandboxEnvironment } from './environment.ts';
import {
  SandboxEnded,
  SandboxExists,
  SandboxNotFound,
  SandboxNotReady,
  SandboxRefused,
  UnsafeDownload,
} from './errors.ts';
import { listSandboxes } from './object/change.ts';

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail('it did not reject'),
    (error: unknown) => error,
  );

const sandboxOf = (over: Partial<Sandbox> = {}): Sandbox => ({
  apiVersion: 'sb.abundant.ai/v1alpha1',
  kind: 'Sandbox',
  metadata: { namespace: 'default', name: 'box', generation: 1, uid: 'u' },
  spec: { image: 'debian:13' } as Sandbox['spec'],
  ...over,
});

const stands = (reason: string): Pick<Sandbox, 'status'> => ({
  status: {
    conditions: [
      {
        ...standing(reason),
        message: `because of ${reason}`,
        lastTransitionTime: '',
        observedGeneration: 1,
      },
    ],
  },
});

describe('A SandboxEnvironment', () => {
  let w: World;
  let folder: Folder;
  let courier: TestCourier;
  const open: SandboxEnvironment[] = [];
  beforeEach(async () => {
    w = await world();
    folder = await folderOf({ 'root/there': 'contents' });
    courier = new TestCourier(join(folder.path, 'root'));
  });
  afterEach(async () => {
    for (const environment of open.splice(0)) environment.close();
    courier.close();
    await w.close();
    await folder.remove();
  });

  const broker = () => ({
    connections: () => courier.connect,
    prepare: async () => {},
    way: () => 'url' as const,
  });
  const attached = (over: Partial<Sandbox> = stands('Ready')): SandboxEnvironment => {
    w.haveOf(SandboxKind, sandboxOf(over));
    const environment = new SandboxEnvironment(w.session, 'box', { broker: broker() });
    open.push(environment);
    return environment;
  };
  const root = (path: string): string => join(folder.path, 'root', path);

  it('waits until its Sandbox is ready, telling what it waits for', async () => {
    w.haveOf(SandboxKind, sandboxOf(stands('PullingImage')));
    const told: string[] = [];
    const environment = new SandboxEnvironment(w.session, 'box', {
      broker: broker(),
      onProgress: ({ reason, message }) => {
        told.push(`${reason}: ${message}`);
        queueMicrotask(() => w.server.collection(SandboxKind).update(sandboxOf(stands('Ready')), 'status'));
      },
    });
    open.push(environment);
    expect((await environment.runCommand('echo hi')).stdout).to.equal('hi\n');
    expect(told).to.deep.equal(['PullingImage: because of PullingImage']);
    expect(environment.way).to.equal('url');
  });

  it('says at once what no waiting cures, and how', async () => {
    const failure = await rejection(attached(stands('Suspended')).init());
    expect(failure)
      .to.be.instanceOf(SandboxNotReady)
      .and.to.include({ reason: 'Suspended', code: 'SB-E101' });
    expect((failure as SandboxNotReady).fix).to.equal('sb sandbox resume box');
    const deleting = { ...sandboxOf().metadata, deletionTimestamp: '2026-01-31T14:25:01Z' };
    expect(await rejection(attached({ metadata: deleting }).init())).to.be.instanceOf(SandboxEnded);
    const none = new SandboxEnvironment(w.session, 'none', { broker: broker() });
    expect(await rejection(none.init())).to.be.instanceOf(SandboxNotFound);
  });

  it('says that it is gone where it is deleted between a look at it and the watch of it', async () => {
    w.haveOf(SandboxKind, sandboxOf(stands('PullingImage')));
    const environment = new SandboxEnvironment(w.session, 'box', {
      broker: broker(),
      onProgress: () => w.server.collection(SandboxKind).delete('default', 'box'),
    });
    expect(await rejection(environment.init())).to.be.instanceOf(SandboxNotFound);
  });

  it('waits no longer than it may', async () => {
    w.haveOf(SandboxKind, sandboxOf(stands('Unschedulable')));
    const options = { broker: broker(), readyTimeoutMs: 200 };
    const failure = await rejection(new SandboxEnvironment(w.session, 'box', options).init());
    expect(failure).to.be.instanceOf(SandboxNotReady).and.to.include({ reason: 'Unschedulable' });
  });

  it('creates the Sandbox that was asked for, once, and deletes it in the end', async () => {
    const env = { A: 'b', KEY: { secret: 'keys', key: 'model' } };
    const options = {
      executionBackend: 'kubernetes' as const,
      poolRef: 'pool',
      name: 'mine',
      ttlSeconds: 60,
      env,
    };
    const environment = createSandbox(w.session, { ...options, readyTimeoutMs: 50 });
    for (let times = 0; times < 2; times += 1) await rejection(environment.init());
    const [created, ...others] = await listSandboxes(w.session);
    expect(others).to.deep.equal([]);
    expect(created?.spec).to.deep.include({
      poolRef: { name: 'pool' },
      ttlSeconds: 60,
      env: [
        { name: 'A', value: 'b' },
        { name: 'KEY', secretKeyRef: { name: 'keys', key: 'model' } },
      ],
    });
    await environment[Symbol.asyncDispose]();
    expect(await listSandboxes(w.session)).to.deep.equal([]);
    await environment.teardown();
  });

  it('touches no other Sandbox that has its name', async () => {
    w.haveOf(SandboxKind, sandboxOf(stands('Ready')));
    const options = { executionBackend: 'kubernetes' as const, image: 'debian:13', name: 'box' };
    {
      await using environment = createSandbox(w.session, options);
      expect(await rejection(environment.init()))
        .to.be.instanceOf(SandboxExists)
        .and.to.include({ code: 'SB-E109' });
    }
    await createSandbox(w.session, options)[Symbol.asyncDispose]();
    expect(await listSandboxes(w.session)).to.have.length(1);
  });

  it('is suspended and extended by one patch each', async () => {
    const environment = attached();
    await environment.suspend();
    await environment.extend({ until: new Date('2026-02-01T00:00:00Z') });
    const [box] = await listSandboxes(w.session);
    expect(box?.spec).to.include({ operatingMode: 'Suspended', deadline: '2026-02-01T00:00:00Z' });
  });

  it('writes, reads, lists, looks at and removes files', async () => {
    const environment = attached();
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at & 0xff));
    await environment.mkdir('/a/b');
    await environment.writeFile('/a/b/bytes', bytes, { mode: 0o755 });
    await environment.writeFile('/a/b/text', '\ufeffgrüße');
    expect(await environment.readBytes('/a/b/bytes')).to.deep.equal(bytes);
    expect(await environment.readFile('/a/b/text')).to.equal('\ufeffgrüße');
    expect(
      Buffer.concat(await Array.fromAsync(environment.readStream('/a/b/bytes') as AsyncIterable<Buffer>)),
    ).to.deep.equal(bytes);
    expect((await environment.list('/a/b')).map(({ name }) => name).sort()).to.deep.equal(['bytes', 'text']);
    expect(await environment.stat('/a/b/bytes')).to.include({ kind: 'file', size: 200_000, mode: 0o755 });
    await environment.remove('/a', { recursive: true });
    const failure = await rejection(environment.stat('/a'));
    expect(failure).to.be.instanceOf(SandboxRefused).and.to.include({ reason: 'NotFound' });
  });

  it('lets files come from afar by a wide window, and no further than an older courier can', async () => {
    const size = WINDOW - 1;
    writeFileSync(root('large'), Buffer.alloc(size, 'x'));
    for (const [minor, least, most] of [
      [0, WINDOW, size + WINDOW],
      [1, size + WINDOW, Infinity],
    ] as const) {
      Object.assign(courier, { minor, credits: [] });
      const environment = attached();
      expect(await environment.readBytes('/large')).to.have.length(size);
      await eventuallyTrue('it lets more come', () => courier.credits.length > 0);
      expect(Math.max(...courier.credits), `minor ${minor}`).to.be.within(least, most);
      environment.close();
    }
  });

  it('reads files again where contact was lost before anything was handed out', async () => {
    const environment = attached();
    await environment.init();
    courier.restart();
    expect(await environment.readFile('/there')).to.equal('contents');
    courier.restart();
    await environment.writeFile('/new', 'again');
    expect(readFileSync(root('new'), 'utf8')).to.equal('again');
  });

  it('brings a folder there and back', async () => {
    const environment = attached();
    const from = join(folder.path, 'from');
    await mkdir(join(from, 'deep/er'), { recursive: true });
    writeFileSync(join(from, 'deep/er/file'), 'x'.repeat(3000), { mode: 0o755 });
    symlinkSync('er/file', join(from, 'deep/link'));
    await environment.upload(from, '/up');
    expect(readFileSync(root('up/deep/er/file'), 'utf8')).to.have.length(3000);
    const to = join(folder.path, 'to');
    const { bytes, skipped } = await environment.download('/up', to);
    expect([bytes, skipped]).to.deep.equal([3000, []]);
    expect(execFileSync('diff', ['-r', from, to]).toString()).to.equal('');
    expect(lstatSync(join(to, 'deep/link')).isSymbolicLink()).to.equal(true);
    expect(lstatSync(join(to, 'deep/er/file')).mode & 0o777).to.equal(0o755);
  });

  it('lets no archive of a Sandbox do harm here', async () => {
    courier.tar = () => tarOf([{ name: 'a/../../out', body: 'x' }]);
    const failure = await rejection(attached().download('/', join(folder.path, 'to')));
    expect(failure).to.be.instanceOf(UnsafeDownload).and.to.include({ code: 'SB-E108' });
    expect(existsSync(join(folder.path, 'out'))).to.equal(false);
  });
});
