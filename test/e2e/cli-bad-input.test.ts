/** What only a real cluster and store can say no to; the whole list is in src/cli/bad-input.test.ts. */
import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { run } from '../../src/cli/program.ts';
import { CLIENT_CONFIG, OPERATOR } from '../../src/installation/names.ts';
import { kubeconfigFor } from '../support/client/api.ts';
import { recordedIo } from '../support/terminal/recorded.ts';
import { kubeconfig, kubectlOk, root } from '../support/cluster.ts';
import { startFront, type Behind } from '../support/front.ts';
import { s3 } from './cluster/index.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { world } from './support/world.ts';

const TRIALS = 'count/trials.sb.abundant.ai';
const SCHEMAS = '/openapi/v3/apis/sb.abundant.ai/v1alpha1';

describe('Bad input, as a real cluster and store see it, is', () => {
  let namespace = '';
  let folder = '';
  let proxy: ChildProcess;
  let server = '';
  before(async () => {
    namespace = await world().makeNamespace();
    folder = await mkdtemp(join(tmpdir(), 'sb-bad-input-'));
    proxy = spawn('kubectl', ['proxy', '--port=0', '--kubeconfig', kubeconfig]);
    const [chunk] = (await once(proxy.stdout!, 'data')) as [Buffer];
    server = `http://${/127\.0\.0\.1:\d+/.exec(chunk.toString())?.[0]}`;
  });
  after(async () => {
    proxy?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  /** What `sb cloud run` of the example says with this kubeconfig; it never comes to a Trial. */
  async function said(config: string, ...args: string[]): Promise<string> {
    const file = join(folder, 'config');
    await writeFile(file, config);
    const io = recordedIo({ cwd: root });
    const place = args.includes('-n') ? [] : ['-n', namespace];
    const options = ['-t', 'examples/tasks/hello', '--run-name', 'bad', '--detach', '--kubeconfig', file];
    const code = await run(['cloud', 'run', ...options, ...place, ...args], io);
    expect([code, io.terminal.stdout], io.terminal.stderr).to.deep.equal([3, '']);
    return io.terminal.stderr;
  }
  /** The same where the API server answers something else. */
  async function saidBehind(edit: Behind['edit'], ...args: string[]): Promise<string> {
    const front = await startFront({ server, ...(edit && { edit }) });
    try {
      return await said(kubeconfigFor(front.url), ...args);
    } finally {
      await front.stop();
    }
  }

  it('a missing permission', async () => {
    await kubectlOk(['create', 'serviceaccount', 'guest', '-n', namespace]);
    const token = (await kubectlOk(['create', 'token', 'guest', '-n', namespace])).trim();
    const view = ['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}'];
    const config = kubeconfigFor(await kubectlOk(view)).replace('"token":"t"', `"token":"${token}"`);
    const needs = ['create', 'patch', 'get', 'list', 'watch'];
    expect(await said(config)).to.equal(
      `error: you may not create trials.sb.abundant.ai in namespace ${namespace}\n` +
        `cause: the cluster says no to: ${needs.map((verb) => `${verb} trials.sb.abundant.ai`).join(', ')}\n` +
        'fix:   an administrator runs, with your name as printed by kubectl auth whoami:\n' +
        `       kubectl create role sb-trials --verb=${needs.join(',')} --resource=trials.sb.abundant.ai -n ${namespace}\n` +
        `       kubectl create rolebinding sb-trials --role=sb-trials --user=<you> -n ${namespace}\n` +
        'code:  SB-E006 (docs/errors/SB-E006.md)\n',
    );
  });

  it('a missing namespace', async () => {
    expect(await saidBehind(undefined, '-n', 'sb-nowhere')).to.include(
      'error: cannot use the namespace sb-nowhere\ncause: the cluster of context test has no such namespace\n',
    );
  });

  it('a missing bucket', async () => {
    const path = `/api/v1/namespaces/${OPERATOR.namespace}/configmaps/${CLIENT_CONFIG}`;
    const change = (body: string): string => body.replaceAll(`"${s3.bucket}"`, '"sb-nowhere"');
    expect(await saidBehind({ path, change })).to.match(
      /^error: the store did not carry out the request\ncause: get s3:\/\/sb-nowhere\/\S+: NoSuchBucket: .*\nfix: {3}kubectl get configmap sb-client -n sb-system .*\ncode: {2}SB-E010 .*\n$/,
    );
  });

  it('resources that are older than sb', async () => {
    const change = (body: string): string =>
      body.replaceAll('"instruction"', '"other"').replaceAll('"uploadResults"', '"other"');
    expect(await saidBehind({ path: SCHEMAS, change })).to.include(
      'cause: they are older than this sb: they do not know Trial spec.uploadResults\n',
    );
  });

  /**
   * A quota that counts Trials. In a young cluster the quota controller may not know them yet: it looks for new resources every 30 s,
   * and at a quota that it has seen before again after 5 min, its `--resource-quota-sync-period`, so each try is a new quota.
   */
  async function countedQuota(): Promise<void> {
    const place = ['-n', namespace];
    const counts = async (): Promise<boolean> => {
      await kubectlOk(['delete', 'quota', 'team-a', '--ignore-not-found', ...place]);
      await kubectlOk(['create', 'quota', 'team-a', `--hard=${TRIALS}=0`, ...place]);
      await wait(2000);
      const used = await kubectlOk(['get', 'quota', 'team-a', '-o', 'jsonpath={.status.used}', ...place]);
      return used.includes(TRIALS);
    };
    await eventuallyTrue('the quota counts', counts, 180);
  }

  it('a quota without room, beforehand and where the API server tells it', async () => {
    await countedQuota();
    expect(await saidBehind(undefined)).to.equal(
      `error: the quota team-a of namespace ${namespace} has no room for the run bad\n` +
        `cause: ${TRIALS}: 0 of 0 used, all Trials together want 1\n` +
        `fix:   kubectl describe resourcequota team-a -n ${namespace}    (delete runs that are over, ask for more, or run fewer: -l, -k)\n` +
        'code:  SB-E017 (docs/errors/SB-E017.md)\n',
    );
    const path = `/api/v1/namespaces/${namespace}/resourcequotas`;
    const hidden = { path, change: () => '{"metadata":{},"items":[]}' };
    expect(await saidBehind(hidden))
      .to.include(
        `exceeded quota: team-a, requested: ${TRIALS}=1, used: ${TRIALS}=0, limited: ${TRIALS}=0 (403)\n`,
      )
      .and.include(
        `fix:   kubectl describe resourcequota team-a -n ${namespace}    (wait for room, or ask for more)\n`,
      );
  });
});
