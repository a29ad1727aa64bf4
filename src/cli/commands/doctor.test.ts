import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { programOf } from '../../../test/support/bundle.ts';
import { fixedApi, kubeconfigFor, type FixedApi } from '../../../test/support/client/api.ts';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { startVersitygw, VERSITYGW } from '../../../test/support/versitygw.ts';
import { skipWithout, type Running } from '../../../test/support/programs.ts';
import type { Diagnosis, CheckResult } from '../../client/documents/cluster.ts';
import { certificate } from '../../../test/support/client/certificate.ts';
import {
  configzOf,
  ENDPOINTS,
  everythingFine,
  forbidden,
  NODES,
  OPERATOR,
  REVIEWS,
} from '../../../test/support/client/doctor.ts';
import { ownVersion } from '../../installation/version.ts';

const CLIENT = '/api/v1/namespaces/sb-system/configmaps/sb-client';

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
  diagnosis: () => Diagnosis;
}

describe('sb doctor', function () {
  let storage: Running | undefined;
  let api: FixedApi | undefined;
  let folder: Folder;
  const pem = certificate();
  before(async function () {
    storage = await startVersitygw('bucket');
    if (!storage) skipWithout('versitygw', this);
  });
  after(() => storage?.stop());
  afterEach(async () => {
    await api?.close();
    api = undefined;
    await folder.remove();
  });

  async function sb(args: readonly string[]): Promise<Ended> {
    const env = {
      HOME: folder.path,
      AWS_ACCESS_KEY_ID: VERSITYGW.accessKeyId,
      AWS_SECRET_ACCESS_KEY: VERSITYGW.secretAccessKey,
    };
    const main = await programOf('src/cli/main.ts');
    const command = [main, 'doctor', '--kubeconfig', join(folder.path, 'config'), ...args];
    const child = spawn(process.execPath, command, {
      env,
      cwd: folder.path,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended: Ended = {
      code: null,
      stdout: '',
      stderr: '',
      diagnosis: () => JSON.parse(ended.stdout) as Diagnosis,
    };
    child.stdout.on('data', (chunk) => (ended.stdout += chunk));
    child.stderr.on('data', (chunk) => (ended.stderr += chunk));
    [ended.code] = await once(child, 'close');
    return ended;
  }

  /** Against a cluster that answers as a healthy one but for these changes. */
  async function doctor(changes: FixedApi['answers'], ...args: string[]): Promise<Ended> {
    const client = {
      metadata: { name: 'sb-client' },
      data: {
        profile: 'local',
        bucket: 'bucket',
        region: VERSITYGW.region,
        endpoint: `http://${storage?.address}`,
        operatorVersion: ownVersion(),
      },
    };
    api = await fixedApi({ ...everythingFine(pem), [CLIENT]: client, ...changes });
    folder = await folderOf({ config: api.kubeconfig });
    return sb(args);
  }

  const statesOf = ({ results }: Diagnosis, state: string): string[] => [
    ...new Set(results.filter((result) => result.state === state).map(({ check }) => check)),
  ];

  it('has a line for each check and 0 where all is fine', async () => {
    const { code, stdout, stderr } = await doctor({}, '--write-probe');
    expect(stdout.split('\n').filter((line) => line !== '' && !line.startsWith('✓ '))).to.deep.equal([]);
    expect([code, stderr]).to.deep.equal([0, '24 fine\n']);
    expect(stdout).to.include('✓ operator: 2 of 2 replicas of the operator are ready\n');
    expect(stdout).to.include('✓ store: you may write, read and delete objects below tasks/\n');
    expect(stdout).to.include('✓ sandboxes: Sandboxes are reached through the API server’s proxy\n');
    expect(stdout).to.include('✓ permissions: jane may do everything that sb does in namespace default\n');
  });

  it('says what is wrong with the command that puts it right under it, and exits with 3', async () => {
    const { code, stdout, stderr } = await doctor({
      [OPERATOR]: { metadata: { name: 'sb-operator' }, spec: { replicas: 0 } },
      [ENDPOINTS]: { metadata: {}, items: [] },
    });
    expect(code).to.equal(3);
    expect(stdout).to.include(
      '✗ operator: the operator is switched off: its StatefulSet is scaled to 0, so no Trial makes progress\n' +
        '    kubectl -n sb-system scale statefulset/sb-operator --replicas=2\n',
    );
    expect(stdout).to.include('✗ broker: the broker cannot be reached: ');
    expect(stderr).to.match(/^2 wrong, \d+ fine\n$/);
  });

  it('prints a Role for what the user may not do, which can be applied as it is printed', async () => {
    const { code, stdout } = await doctor({
      [REVIEWS]: (body) => ({ status: { allowed: !/"resource":"(trials|pods)"/.test(body) } }),
    });
    expect(code).to.equal(3);
    expect(stdout).to.include(
      '✗ permissions: jane cannot use sb cloud run in namespace default: may not create, patch',
    );
    const [, manifest = ''] = /kubectl apply -f - <<'EOF'\n([^]*?\n)EOF\n/.exec(stdout) ?? [];
    const { loadAll } = await import('js-yaml');
    const [role, binding] = loadAll(manifest) as Record<string, unknown>[];
    expect(role).to.have.nested.property('metadata.namespace', 'default');
    expect(binding).to.have.nested.property(
      'roleRef.name',
      (role as { metadata: { name: string } }).metadata.name,
    );
    expect(binding).to.have.nested.property('subjects[0].name', 'jane');
  });

  it('warns of nodes where an agent may have any number of processes, or says that it may not look', async () => {
    const found = async (answer: object): Promise<CheckResult | undefined> => {
      const { diagnosis } = await doctor({ [configzOf('two')]: answer }, '-o', 'json');
      return diagnosis().results.find(({ check }) => check === 'processes');
    };
    expect(await found({ kubeletconfig: { podPidsLimit: 1024 } })).to.include({
      state: 'fine',
      what: 'a Pod may have 16384 processes at most on 2 nodes that were asked',
    });
    for (const none of [{ kubeletconfig: { podPidsLimit: -1 } }, { kubeletconfig: {} }, {}])
      expect(await found(none)).to.include({
        state: 'warning',
        what: 'a Pod may have any number of processes on node two',
      });
    expect(await found(forbidden('get', 'nodes/proxy'))).to.include({
      state: 'skipped',
      why: 'it needs the right to get nodes/proxy',
    });
  });

  it('works for somebody who may read almost nothing, and says which permission each check wants', async () => {
    const all = everythingFine(pem);
    const open = [/^\/(version|openapi)/, /^\/apis\/[^/]+$/, /review/, /sb-client/];
    const denied = Object.keys(all)
      .filter((path) => !open.some((pattern) => pattern.test(path)))
      .map((path) => [path, forbidden('list', path.split('/').at(-1) ?? '')]);
    const { code, diagnosis } = await doctor(Object.fromEntries(denied), '-o', 'json');
    expect(code).to.equal(0);
    expect(statesOf(diagnosis(), 'problem')).to.deep.equal([]);
    const blind =
      'namespace, operator, broker, sandboxes, network, registry, quota, nodes, processes, lost-pods, autoscaling, image-pulls';
    // A machine that does other things may find its API server slow.
    const warned = statesOf(diagnosis(), 'warning').filter((check) => check !== 'api-server');
    expect(warned.join(', ')).to.equal(blind);
    const room = diagnosis().results.find(({ check }) => check === 'nodes');
    expect(room?.why).to.equal('you may not list nodes');
    expect(room?.fix).to.include('kubectl create clusterrole sb-list-nodes --verb=list --resource=nodes\n');
  });

  it('has one problem where the API server does not answer, and says of the others that they were not checked', async () => {
    folder = await folderOf({ config: kubeconfigFor('http://127.0.0.1:1') });
    const { code, diagnosis } = await sb(['-o', 'json']);
    expect(code).to.equal(3);
    expect(statesOf(diagnosis(), 'problem')).to.deep.equal(['api-server']);
    expect(statesOf(diagnosis(), 'fine')).to.deep.equal(['kubeconfig', 'disk']);
    expect(statesOf(diagnosis(), 'skipped')).to.include.members(['operator', 'store', 'nodes']);
  });

  it('ends in little more than ten seconds where nothing ever answers', async () => {
    const began = performance.now();
    const silent = createServer(() => undefined);
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    folder = await folderOf({ config: kubeconfigFor(`http://127.0.0.1:${port}`) });
    const { code, diagnosis } = await sb(['-o', 'json']);
    silent.close();
    // An answer that is waited for after the limit takes twenty seconds more.
    expect(performance.now() - began).to.be.within(9_000, 25_000);
    expect([code, ...statesOf(diagnosis(), 'problem')]).to.deep.equal([3, 'api-server']);
    expect(diagnosis().results.find(({ check }) => check === 'api-server')?.why).to.include('within 10 s');
  });

  it('looks at this machine even where there is no kubeconfig', async () => {
    folder = await folderOf({});
    const { code, stdout } = await sb([]);
    expect(code).to.equal(3);
    expect(stdout).to.match(
      /^✗ kubeconfig: cannot find a cluster to talk to: .*\[SB-E002\]\n {4}export KUBECONFIG/,
    );
    expect(stdout).to.match(/\n✓ disk: .* free\n$/);
  });

  it('names the page of a failure that has one, and repeats nothing that follows from it', async () => {
    const { stdout } = await doctor({
      [CLIENT]: { failure: 404, reason: 'NotFound', message: 'no sb-client' },
      '/apis/sb.abundant.ai': { failure: 404, reason: 'NotFound', message: 'no such group' },
    });
    expect(stdout).to.match(/✗ versions: cannot find sb-operator in this cluster: .*\[SB-E008\]\n/);
    expect(stdout).to.match(
      /✗ custom-resources: .*\[SB-E007\]\n {4}kubectl apply --server-side -k config\/crd/,
    );
    expect(stdout).to.match(/- store: .*the installation does not name its address\n/);
  });

  it('lets nothing from the cluster act on the terminal', async () => {
    const { stdout } = await doctor({
      [NODES]: { failure: 500, reason: 'InternalError', message: 'oh\u001b[2J no' },
    });
    expect(stdout)
      .to.include('✗ nodes: the room on the nodes could not be checked: ')
      .and.not.include('\u001b');
  });
});
