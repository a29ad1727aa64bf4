import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { expect } from 'chai';
import type { UploadResponse } from '../../src/wire/uploads.ts';
import { trialPrefix } from '../../src/results/keys.ts';
import { ConfigMap, Pod } from '../../src/kube/kinds.ts';
import { digestOf } from '../../src/tasks/hash.ts';
import { kubectlOk } from '../support/cluster.ts';
import { brokerOf, tokenOf } from './support/broker.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { operatorPods } from './support/faults.ts';
import { checkedManifest, storedText } from './support/stored.ts';
import { ownTrial, trial } from './support/stories.ts';
import { hold, type Story } from './support/story.ts';
import { taskConfigMap, type TaskFiles } from './support/task.ts';
import { world } from './support/world.ts';

const sha256 = (contents: string): string => createHash('sha256').update(contents).digest('hex');

/** What `sb task hash` says of the folder that a task's ConfigMap stands for. */
function versionOf(task: TaskFiles): string {
  const { data = {} } = taskConfigMap({ namespace: '', name: '' }, task);
  const files = Object.entries(data)
    .map(([key, contents]) => ({ path: key.replaceAll('__', '/'), sha256: sha256(contents) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return digestOf(files).slice(0, 12);
}

/** A presigned request names the store as Pods reach it; on this machine it listens on loopback. */
async function send(grant: UploadResponse['uploads'][number] | undefined, contents: string): Promise<number> {
  const { host, port, pathname, search } = new URL(grant?.url ?? '');
  const headers = { ...grant?.headers, host };
  const call = request({ host: '127.0.0.1', port, path: pathname + search, method: 'PUT', headers });
  call.end(contents);
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  answer.resume();
  return answer.statusCode ?? 0;
}

/** Ends the Pod without its consent: no outcome comes of it. */
async function forceDelete(story: Story): Promise<void> {
  const { metadata } = await story.running();
  const how = ['--grace-period=0', '--force', '--wait=false'];
  await kubectlOk(['delete', '-n', story.key.namespace, ...how, 'pod', metadata.name]);
}

describe('what a container leaves in /logs', () => {
  const colliding = trial('hostile-keys', {
    agent: [
      'echo x > /logs/artifacts/logs; mkdir /logs/foo; echo y > /logs/foo/z',
      'mkdir /logs/artifacts/.logs; echo planted > /logs/artifacts/.logs/report; echo declared > /logs/report',
      'echo hidden > /logs/agent/.sgwtmp; echo A > /logs/agent/Case; echo a > /logs/agent/case',
    ].join('\n'),
    spec: { artifacts: [{ source: '/logs/report' }] },
  });

  it('costs no reward and no attempt where two files would have had one key, and each is stored once', async () => {
    const done = await colliding.earnsAtOnce(1);
    const { files, skipped } = await checkedManifest(done);
    const paths = files.map(({ path }) => path);
    expect(paths).to.have.lengthOf(new Set(paths).size);
    expect(paths).to.include.members(['output/logs', 'output/.logs/foo/z', 'agent/Case', 'agent/case']);
    expect(await storedText(done, 'output/.logs/report')).to.equal('declared\n');
    expect(skipped).to.have.deep.members([
      { path: 'output/.logs', reason: 'Reserved' },
      { path: 'agent/.sgwtmp', reason: 'Reserved' },
    ]);
  });
});

describe('a task that is not the one that the Trial names', () => {
  const task: TaskFiles = { solution: 'echo solved', toml: '[metadata]\nauthor = "e2e"\n' };
  const versioned = (name: string, version: string): Story =>
    trial(name, {
      ...task,
      spec: { task: { name: `e2e/${name}`, version, configMap: { name: `${name}-task` } } },
    });
  const right = versioned('version-right', versionOf(task));
  const wrong = versioned('version-wrong', '0123456789ab');
  const changing = ownTrial('version-changing', { agent: hold('work'), spec: { maxAttempts: 3 } });

  it('runs where its files hash to the version', async () => {
    await right.earns(1);
  });

  it('is TaskMismatch where they do not, and not tried again', async () => {
    const done = await wrong.fails('TaskMismatch', new RegExp(`0123456789ab.*${versionOf(task)}`));
    expect(done.status?.attempts).to.have.lengthOf(1);
  });

  it('is TaskMismatch where its ConfigMap has changed between two attempts', async () => {
    await changing.reaches('work');
    const { namespace, name } = changing.key;
    await world().kube.patch(
      ConfigMap,
      { namespace, name: `${name}-task` },
      { data: { 'tests__test.sh': '#!/bin/sh\necho 100 > /logs/verifier/reward.txt\n' } },
    );
    await forceDelete(changing);
    await changing.fails('TaskMismatch', /version-changing-task/);
  });
});

describe('results that somebody made up to bring the operator down', () => {
  const BOMB = `{"version":1,"files":[${'[],'.repeat((64 * 2 ** 20) / 3 - 20)}[]]}`;
  const bombed = ownTrial('hostile-bomb', { agent: hold('bomb'), spec: { maxAttempts: 1 } });
  const stuffed = ownTrial('hostile-outcome', { agent: hold('bomb'), spec: { maxAttempts: 1 } });

  const restarts = async (): Promise<string[]> =>
    (await operatorPods()).map(
      ({ metadata, status }) => `${metadata.uid} ${status?.containerStatuses?.[0]?.restartCount}`,
    );

  /** Asks for the upload with the token of the story's Pod, as anybody may who may exec into its courier. */
  async function upload(story: Story, path: string, contents: string): Promise<number> {
    const pod = await story.running();
    const [replica] = await operatorPods();
    if (!replica) throw new Error('no operator runs');
    await using broker = await brokerOf(replica);
    const file = { path, size: Buffer.byteLength(contents), sha256: sha256(contents) };
    const answer = await broker.ask({
      path: '/v1/uploads',
      token: await tokenOf(pod),
      body: { files: [file] },
    });
    if (answer.status !== 200) return answer.status;
    const [grant] = (answer.body as UploadResponse).uploads;
    return await send(grant, contents);
  }

  it('are refused by the broker beyond what anybody reads', async () => {
    await bombed.reaches('bomb');
    expect(await upload(bombed, 'manifest.json', BOMB)).to.equal(413);
    expect(await upload(bombed, 'outcome.json', BOMB)).to.equal(413);
  });

  it('kill no operator, and the Trial ends, where they are in the bucket all the same', async () => {
    const before = await restarts();
    await bombed.reaches('bomb');
    const prefix = bombed.seen ? trialPrefix(bombed.seen) : '';
    for (const name of ['manifest.json', 'outcome.json']) await world().artifacts.put(prefix + name, BOMB);
    await forceDelete(bombed);
    await bombed.fails('PodLost');
    expect(await restarts()).to.deep.equal(before);
  });

  it('never put a word into the status that no list has', async () => {
    await stuffed.reaches('bomb');
    const uid = stuffed.seen?.metadata.uid ?? '';
    const result = { kind: 'failed', reason: 'Gremlins', message: 'made up' };
    const forged = { version: 1, attempt: 1, result, timings: {}, findings: [] };
    const text = JSON.stringify({ version: 1, trial: { uid, attempt: 1 }, outcome: forged });
    expect(await upload(stuffed, 'outcome.json', text)).to.equal(200);
    await forceDelete(stuffed);
    await stuffed.fails('PodLost');
  });

  after(async () => {
    await eventuallyTrue('no Pod of these stories', async () => {
      const pods = await world().kube.list(Pod, { namespace: world().namespace });
      return !pods.some(({ metadata }) => /^hostile-(bomb|outcome)-/.test(metadata.name));
    });
  });
});
