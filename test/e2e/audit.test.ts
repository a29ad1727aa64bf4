/** What an auditor asks of an installation and no other story answers; `docs/audit.md` has all questions. */
import { expect } from 'chai';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OPERATOR, OPERATOR_SELECTOR } from '../../src/installation/names.ts';
import { kubectl, kubectlOk } from '../support/cluster.ts';
import { validTrial, merged } from './invalid-manifests.ts';
import { ownTrial } from './support/stories.ts';
import { world } from './support/world.ts';

const AS_OPERATOR = `--as=system:serviceaccount:${OPERATOR.namespace}:${OPERATOR.name}`;
const GOLDEN = join(import.meta.dirname, 'golden/can-i.txt');

/** What Kubernetes lets everybody do is none of ours. */
const isEverybodys = (line: string): boolean => /^(selfsubject|\[)/.test(line);

/** The verbs come in no order. */
const sortedVerbs = (line: string): string =>
  line.replace(/\[([^\]]*)\]$/, (_, verbs: string) => `[${verbs.split(' ').toSorted().join(' ')}]`);

async function mayDo(namespace: string): Promise<string[]> {
  const listed = await kubectlOk(['auth', 'can-i', '--list', '--no-headers', '-n', namespace, AS_OPERATOR]);
  return listed
    .split('\n')
    .map((line) => sortedVerbs(line.trim().replaceAll(/ {2,}/g, ' | ')))
    .filter((line) => line !== '' && !isEverybodys(line))
    .toSorted();
}

/** Ways out of a container, as somebody would write them into a Trial. */
const WAYS_OUT = {
  hostNetwork: true,
  hostPID: true,
  serviceAccountName: 'default',
  automountServiceAccountToken: true,
  volumes: [{ name: 'host', hostPath: { path: '/' } }],
  securityContext: { privileged: true },
  environment: {
    privileged: true,
    securityContext: { privileged: true, capabilities: { add: ['SYS_ADMIN'] } },
    volumes: [{ name: 'host', hostPath: { path: '/' } }],
    volumeMounts: [{ name: 'host', mountPath: '/host' }],
  },
};

describe('an auditor of an installation', () => {
  let namespace = '';
  before(async () => (namespace = await world().makeNamespace()));

  it('sees the operator do this in its namespace, in one of Trials and in the cluster’s own, and nothing else', async () => {
    const parts = [OPERATOR.namespace, namespace, 'kube-system'].map(
      async (where) => `# ${where === namespace ? 'of Trials' : where}\n${(await mayDo(where)).join('\n')}\n`,
    );
    const found = (await Promise.all(parts)).join('\n');
    if (process.env['UPDATE_GOLDEN']) writeFileSync(GOLDEN, found);
    expect(found).to.equal(readFileSync(GOLDEN, 'utf8'));
  });

  it('sees it read no Secret of anybody’s, one by one or in a list', async () => {
    await kubectlOk(['create', 'secret', 'generic', 'canary', '--from-literal=song=tweet', '-n', namespace]);
    for (const request of [
      ['get', 'secret', 'canary'],
      ['get', 'secrets'],
      ['get', 'secrets', '--watch'],
    ]) {
      const { code, stderr } = await kubectl([...request, '-n', namespace, AS_OPERATOR]);
      expect({ code, forbidden: stderr.includes('Forbidden') }).to.deep.equal({ code: 1, forbidden: true });
    }
  });

  it('sees it read no log of any Pod’s', async () => {
    const pods = ['get', 'pods', '-n', OPERATOR.namespace, '-l', OPERATOR_SELECTOR, '-o', 'name'];
    const [pod = ''] = (await kubectlOk(pods)).split('\n');
    const log = ['logs', '-n', OPERATOR.namespace, pod, '--tail=1'];
    expect(await kubectlOk(log)).not.to.equal('');
    const { code, stderr } = await kubectl([...log, AS_OPERATOR]);
    expect(code).to.equal(1);
    expect(stderr).to.contain('cannot get resource "pods/log"');
  });

  it('sees no Trial with a way out of its container: the API has no field for any', async () => {
    const trial = {
      apiVersion: 'sb.abundant.ai/v1alpha1',
      kind: 'Trial',
      metadata: { name: 'way-out', namespace },
      spec: merged(validTrial, WAYS_OUT),
    };
    const create = ['create', '--dry-run=server', '-o', 'json', '-f', '-'];
    const { code, stderr } = await kubectl([...create, '--validate=strict'], trial);
    expect(code).to.equal(1);
    const fields = [
      'hostNetwork',
      'hostPID',
      'serviceAccountName',
      'volumes',
      'securityContext',
      'environment.privileged',
    ];
    for (const field of fields) expect(stderr).to.include(`unknown field "spec.${field}"`);
    const taken = await kubectlOk([...create, '--validate=false'], trial);
    expect(taken).not.to.match(/host(Network|PID|Path)|serviceAccountName|rivileged|SYS_ADMIN/);
  });

  it('sees a Trial whose RuntimeClass is missing refused, and never run by another runtime', async () => {
    const spec = { environment: { runtimeClassName: 'none-of-the-cluster' } };
    const story = ownTrial('no-runtime', { spec }, namespace);
    await story.fails('JobRejected', /none-of-the-cluster/, 60);
    expect(story.pods).to.deep.equal([]);
  });
});
