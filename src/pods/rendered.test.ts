import { expect } from 'chai';
import { readGolden } from '../../test/support/golden.ts';
import type { Job, Pod } from '../kube/kinds.ts';
import { alterationOf } from './rendered.ts';

const trialJob = await readGolden<Job>('trial-job.yaml');
const taskBuildJob = await readGolden<Job>(
  's3.yaml',
  new URL('../providers/image-builder/buildkit/golden/', import.meta.url),
);

type Spec = NonNullable<Pod['spec']>;

/** The Pod of a Job after `change`. */
function podOf(job: Job, change: (spec: Spec) => void = () => undefined): Pod {
  const spec = structuredClone(job.spec?.template.spec) as Spec;
  change(spec);
  const labels = { ...job.spec?.template.metadata?.labels };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', labels }, spec };
}

const firstOf = (containers: Spec['containers'] | undefined): Spec['containers'][number] => {
  const [first] = containers ?? [];
  if (!first) throw new Error('no container');
  return first;
};
const carrier = ({ initContainers }: Spec) => firstOf(initContainers);
const main = ({ containers }: Spec) => firstOf(containers);

const addTo = (spec: Spec, security: NonNullable<Spec['securityContext']>): void =>
  void (spec.securityContext = { ...spec.securityContext, ...security });

const FORGED: [what: string, change: (spec: Spec) => void, word: string][] = [
  ['an image of its own', (spec) => (carrier(spec).image = 'evil'), 'image of init container'],
  ['another command', (spec) => (carrier(spec).command = ['sh', '-c', 'cat token']), 'command of init'],
  ['arguments', (spec) => (carrier(spec).args = ['--import=data:evil']), 'args of init container'],
  ['a variable', (spec) => carrier(spec).env?.push({ name: 'NODE_OPTIONS', value: '-r /x' }), 'env of init'],
  [
    'variables of a ConfigMap',
    (spec) => (carrier(spec).envFrom = [{ configMapRef: { name: 'x' } }]),
    'envFrom',
  ],
  ['a hook', (spec) => (carrier(spec).lifecycle = { preStop: { exec: { command: ['x'] } } }), 'lifecycle'],
  ['a probe', (spec) => (carrier(spec).startupProbe = { exec: { command: ['x'] } }), 'startupProbe'],
  [
    'a type of SELinux',
    (spec) => addTo(spec, { seLinuxOptions: { level: 's0:c1', type: 'spc_t' } }),
    'securityContext differs',
  ],
  ['another group for all', (spec) => addTo(spec, { supplementalGroups: [0] }), 'securityContext differs'],
  [
    'no seccomp',
    (spec) => addTo(spec, { seccompProfile: { type: 'Unconfined' } }),
    'securityContext differs',
  ],
  [
    'a level of SELinux for one container',
    (spec) => Object.assign(main(spec).securityContext ?? {}, { seLinuxOptions: { level: 's0' } }),
    'securityContext of container',
  ],
  ['another user', (spec) => (carrier(spec).securityContext = { runAsUser: 0 }), 'securityContext of init'],
  [
    'the token in the main container',
    (spec) => main(spec).volumeMounts?.push({ name: 'token', mountPath: '/t' }),
    'volumeMounts of container',
  ],
  ['another image to be judged', (spec) => (main(spec).image = 'solved'), 'image of container'],
  ['a further container', (spec) => spec.containers.push({ name: 'x', image: 'x' }), 'container x was added'],
  [
    'a further init container',
    (spec) => spec.initContainers?.unshift({ name: 'x', image: 'x' }),
    'init container x was added',
  ],
  [
    'its carrier among the containers',
    (spec) => spec.containers.push(...(spec.initContainers?.splice(0) ?? [])),
    'is missing',
  ],
  ['no main container', (spec) => (spec.containers = []), 'is missing'],
  [
    'another volume',
    (spec) => spec.volumes?.push({ name: 'host', hostPath: { path: '/' } }),
    'volumes differs',
  ],
  [
    'a volume of another kind',
    (spec) => (spec.volumes = spec.volumes?.map(({ name }) => ({ name, hostPath: { path: '/' } })) ?? []),
    'volumes differs',
  ],
  ['a ServiceAccount', (spec) => (spec.serviceAccountName = 'admin'), 'serviceAccountName differs'],
  [
    'a mounted ServiceAccount',
    (spec) => (spec.automountServiceAccountToken = true),
    'automountServiceAccountToken',
  ],
  ['the host’s network', (spec) => (spec.hostNetwork = true), 'hostNetwork'],
  ['the host’s processes', (spec) => (spec.hostPID = true), 'hostPID'],
  ['shared processes', (spec) => (spec.shareProcessNamespace = true), 'shareProcessNamespace'],
  ['names of its own', (spec) => (spec.hostAliases = [{ ip: '10.0.0.9', hostnames: ['s3'] }]), 'hostAliases'],
  ['a resolver of its own', (spec) => (spec.dnsConfig = { nameservers: ['10.0.0.9'] }), 'dnsConfig'],
];

for (const [kind, job] of Object.entries({ Trial: trialJob, TaskBuild: taskBuildJob }))
  describe(`a Pod that says it is of a ${kind}`, () => {
    it('is what its Job says, as the Job controller makes it', () => {
      expect(alterationOf(podOf(job), job)).to.equal(undefined);
    });

    it('may have what the API server and admission add: place, resources, defaults', () => {
      const admitted = podOf(job, (spec) => {
        spec.serviceAccountName = 'default';
        spec.nodeName = 'node-1';
        spec.nodeSelector = { pool: 'x' };
        spec.priority = 0;
        spec.imagePullSecrets = [{ name: 'of-the-account' }];
        main(spec).resources = { limits: { cpu: '1' } };
        carrier(spec).imagePullPolicy = 'Always';
        carrier(spec).terminationMessagePath = '/dev/termination-log';
      });
      expect(alterationOf(admitted, job)).to.equal(undefined);
    });

    for (const [what, change, word] of FORGED)
      it(`is none with ${what}`, () => {
        expect(alterationOf(podOf(job, change), job)).to.contain(word);
      });

    it('is none that another policy of the network finds, or none', () => {
      const { metadata, ...pod } = podOf(job);
      const labels = { ...metadata.labels, 'sb.abundant.ai/network': 'none of ours' };
      expect(alterationOf({ ...pod, metadata: { ...metadata, labels } }, job)).to.contain('label');
    });

    it('is none without a spec', () => {
      expect(alterationOf({ ...podOf(job), spec: undefined } as unknown as Pod, job)).to.be.a('string');
    });
  });

describe('a Pod on OpenShift', () => {
  it('may have the group for files and the level of SELinux that OpenShift adds', () => {
    const admitted = podOf(trialJob, (spec) =>
      addTo(spec, { fsGroup: 1_000_680_000, seLinuxOptions: { level: 's0:c26,c5' } }),
    );
    expect(alterationOf(admitted, trialJob)).to.equal(undefined);
  });

  it('may have none of another number where the Job says one', () => {
    const grouped = structuredClone(trialJob);
    const spec = grouped.spec?.template.spec as Spec;
    addTo(spec, { fsGroup: 1 });
    expect(alterationOf(podOf(grouped), grouped)).to.equal(undefined);
    const other = podOf(grouped, (found) => addTo(found, { fsGroup: 2 }));
    expect(alterationOf(other, grouped)).to.equal('securityContext differs');
  });
});
