/** Helm on the chart of this checkout. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OPERATOR, OPERATOR_SELECTOR } from '../../../src/installation/names.ts';
import { kubeconfig, kubectlOk, root } from '../../support/cluster.ts';
import { findProgram } from '../../support/programs.ts';
import { objectsOf } from './chart.ts';

export const CHART = join(root, 'charts/sb-operator');
export const profile = (name: string): string[] => ['-f', join(CHART, `profiles/${name}.yaml`)];

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program in the checkout, on the local cluster. Resolves whatever the exit code. */
export async function ran(program: string, args: string[], input?: string): Promise<Ran> {
  const env = { ...process.env, KUBECONFIG: kubeconfig };
  const running = promisify(execFile)(program, args, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 });
  if (input !== undefined) running.child.stdin?.end(input);
  return running.then(
    (said) => ({ ...said, code: 0 }),
    ({ code, stdout = '', stderr, message }: Error & Partial<Ran>) => ({
      code: code ?? -1,
      stdout,
      stderr: stderr || message,
    }),
  );
}

/** The same; throws where it fails. */
export async function done(program: string, args: string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await ran(program, args, input);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

/** Helm without a cluster takes this version for the cluster's. */
const VERSION = ['--kube-version', '1.34.4'];

/** What the chart renders. */
export const rendered = (helm: string, args: string[] = [], namespace = 'sb-system'): Promise<string> =>
  done(helm, ['template', 'any', CHART, '-n', namespace, ...VERSION, ...args]);

/** The one sentence with which it refuses. */
export async function refusal(helm: string, args: string[]): Promise<string> {
  const { code, stderr } = await ran(helm, ['template', 'any', CHART, ...VERSION, ...args]);
  if (code === 0) throw new Error(`helm accepts ${args.join(' ')}`);
  return stderr;
}

export const kustomized = (folder: string): Promise<string> =>
  done(findProgram('kubectl') ?? 'kubectl', ['kustomize', join(root, folder)]);

/** Image of the operator that is installed. */
export const operatorImage = (): Promise<string> =>
  kubectlOk([
    'get',
    // Earlier versions are a Deployment.
    'statefulsets,deployments',
    '-l',
    OPERATOR_SELECTOR,
    '-n',
    OPERATOR.namespace,
    '-o',
    'jsonpath={.items[0].spec.template.spec.containers[0].image}',
  ]);

/** Takes away what kubectl has applied of config/overlays/local, but for the CRDs, with which every Trial would go. */
export async function removeOperator(): Promise<void> {
  const items = objectsOf(await kustomized('config/overlays/local')).filter(
    ({ kind }) => kind !== 'CustomResourceDefinition',
  );
  await kubectlOk(['delete', '--ignore-not-found', '-f', '-'], { apiVersion: 'v1', kind: 'List', items });
}
