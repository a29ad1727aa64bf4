/** What tests of the admission policies share: requests in somebody's name, and the Job of a Trial as the operator renders it. */
import { expect } from 'chai';
import { jobFor } from '../../../src/controllers/trial/manifests.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { Job } from '../../../src/kube/kinds.ts';
import { anImageConfig, compiledTrial } from '../../support/builders/objects.ts';
import { kubectl, kubectlOk, type Said } from '../../support/cluster.ts';

export type Json = { [key: string]: unknown };
export type PodSpec = NonNullable<NonNullable<Job['spec']>['template']['spec']>;

export const API_VERSION = 'sb.abundant.ai/v1alpha1';
export const settings = {
  courierImage: 'sb-operator:none',
  imagePullSecrets: ['ecr'],
  brokerUrl: 'https://broker:8443',
  brokerCa: 'PEM',
  userNamespaces: false,
  gpus: { resource: 'nvidia.com/gpu', types: {} },
  agentVolumes: 'Copy' as const,
};
const image = { reference: 'debian@sha256:aa', digest: 'sha256:aa', config: anImageConfig(), taskBuild: 'b' };
/** Nothing of these tests is to run. */
export const nowhere = { nodeSelector: { 'sb.test/nowhere': 'true' } };

/** Admission sees it like any other request; nothing is kept. */
export const dryRun = (manifest: object, user?: string): Promise<Said> =>
  kubectl(
    ['create', '--dry-run=server', '-f', '-', ...(user === undefined ? [] : [`--as=${user}`])],
    manifest,
  );
export const accepts = ({ code, stderr }: Said): void => void expect(code, stderr).to.equal(0);
export const refuses = ({ code, stderr }: Said, because: string): void => {
  expect(code, stderr).not.to.equal(0);
  expect(stderr).to.contain(because);
};

/** `asked`: `create pods/exec`. */
export async function may(user: string, asked: string, namespace: string): Promise<boolean> {
  const [verb = '', resource = '', subresource] = asked.split(/[ /]/);
  const of = subresource === undefined ? [] : [`--subresource=${subresource}`];
  const { code } = await kubectl(['auth', 'can-i', verb, resource, ...of, '-n', namespace, `--as=${user}`]);
  return code === 0;
}

/** Gives a user a ClusterRole in a namespace. */
export async function bind(namespace: string, role: string, user: string): Promise<void> {
  const made = ['create', 'rolebinding', user, `--clusterrole=${role}`, `--user=${user}`];
  await kubectlOk([...made, '-n', namespace]);
}

/** The Job that the operator renders for a Trial, as a change leaves it. */
export function jobOf(trial: Trial, change: (job: Job, pod: PodSpec) => void = () => {}): Job {
  const job = jobFor(compiledTrial(trial), 1, { images: { agent: image }, settings });
  change(job, job.spec!.template.spec!);
  return job;
}

export const podOf = (namespace: string, metadata: Json, spec: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'forged', namespace, ...metadata },
  spec: { containers: [{ name: 'main', image: 'debian' }], ...nowhere, ...spec },
});

/** A Job with the Pod of `podOf`. */
export const plainJobOf = (namespace: string, metadata: Json, template: Json): Json => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'forged', namespace, ...metadata },
  spec: {
    template: {
      spec: { ...(podOf(namespace, {})['spec'] as Json), restartPolicy: 'Never' },
      ...template,
    },
  },
});
