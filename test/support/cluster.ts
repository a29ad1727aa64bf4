/** The local cluster, as tests see it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { NAMESPACE_LABEL } from '../../src/installation/names.ts';
import { eventuallyTrue } from './eventually.ts';
import { findProgram } from './programs.ts';
import { TEMPORARY } from './temporary.ts';

/** The checkout. */
export const root = join(import.meta.dirname, '../..');

/** Written by `npm run cluster:up`; `SB_KUBECONFIG` names another cluster. */
export const kubeconfig = process.env['SB_KUBECONFIG'] ?? join(root, '.cluster/kubeconfig');

/** What a program said and how it ended. */
export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs kubectl in the checkout; `input` is a manifest for `-f -`. Resolves whatever the exit code. */
export async function kubectl(args: string[], input?: object): Promise<Said> {
  const program = findProgram('kubectl') ?? 'kubectl';
  const child = spawn(program, args, { cwd: root, env: { ...process.env, KUBECONFIG: kubeconfig } });
  child.stdin.on('error', () => {});
  child.stdin.end(input === undefined ? '' : JSON.stringify(input));
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close') as Promise<[number | null]>,
    text(child.stdout),
    text(child.stderr),
  ]);
  return { code: code ?? -1, stdout, stderr };
}

/** As `kubectl`, and throws where it fails. Resolves to what was printed. */
export async function kubectlOk(args: string[], input?: object): Promise<string> {
  const { code, stdout, stderr } = await kubectl(args, input);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr || stdout}`);
  return stdout;
}

/** Waits until the API server serves the CRDs of `which`. One that has no conditions yet is an error to kubectl, which then waits for nothing. */
export const areEstablished = (which: string[]): Promise<void> =>
  eventuallyTrue(
    `CRDs are established: ${which.join(' ')}`,
    async () =>
      (await kubectl(['wait', '--for=condition=Established', '--timeout=10s', ...which])).code === 0,
    30,
  );

/** Makes a namespace with a name of its own and resolves to that name. */
export async function makeNamespace(prefix: string): Promise<string> {
  // Where the installation wants namespaces to be opened to Trials, these are.
  const labels = { [NAMESPACE_LABEL.key]: NAMESPACE_LABEL.value, ...TEMPORARY };
  const metadata = { generateName: `${prefix}-`, labels };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata };
  const printed = await kubectlOk(['create', '-f', '-', '-o', 'name'], namespace);
  return printed.trim().replace('namespace/', '');
}

/** Asks for the namespace's removal without waiting for it. */
export const dropNamespace = (name: string): Promise<string> =>
  kubectlOk(['delete', 'namespace', name, '--wait=false', '--ignore-not-found']);

/** Marks the running tests as pending where no cluster answers; under `SB_E2E=1` a missing cluster is a failure. */
export async function needCluster(context: Mocha.Context): Promise<void> {
  const { code, stderr } = existsSync(kubeconfig)
    ? await kubectl(['get', '--raw', '/readyz', '--request-timeout=5s'])
    : { code: -1, stderr: `there is no ${kubeconfig}` };
  if (code === 0) return;
  if (process.env['SB_E2E'] === '1') throw new Error(`no cluster: ${stderr}`);
  process.stderr.write(
    '      no cluster answers (npm run cluster:up makes one): tests against it are pending\n',
  );
  context.skip();
}
