import { join } from 'node:path';
import { AUTHORITIES, OPERATOR, OPERATOR_SELECTOR } from '../../../../src/installation/names.ts';
import { machineAuthorities } from '../images/operator-image.ts';
import { paths } from '../machine/paths.ts';
import { CommandFailed, kubectl, until } from '../machine/process.ts';

const placeholder = `sb-registry:5000/sb-operator@sha256:${'0'.repeat(64)}`;
const localOverlay = 'config/overlays/local';
/** What some overlays have and others do not. */
const chosen = ['operator-namespaces', 'taskbuild-namespaces']
  .flatMap((policy) => [`${policy}-binding.yaml`, `${policy}.yaml`])
  .map((file) => `config/components/labelled-namespaces/${file}`);
const inSystem = ['-n', OPERATOR.namespace];

/**
 * Installs the operator with the given image and waits until every replica of it is ready and one leads. `overlay` is a kustomization of this checkout, in
 * whose output `values` are put in the place of their names.
 */
export async function deployOperator(
  image: string,
  { overlay = localOverlay, values = {} }: { overlay?: string; values?: Record<string, string> } = {},
): Promise<void> {
  const rendered = await kubectl(['kustomize', join(paths.root, overlay)], { secret: true });
  const input = Object.entries({ ...values, [placeholder]: image }).reduce(
    (text, [name, value]) => text.replaceAll(name, value),
    rendered,
  );
  // Applying one overlay takes away nothing that another one brought.
  await kubectl([
    'delete',
    '--ignore-not-found',
    ...chosen.flatMap((file) => ['-f', join(paths.root, file)]),
  ]);
  await trustAsHere();
  await removeFormer();
  // Server-side: the schemas of the CRDs are larger than the annotation of a client-side apply may be.
  await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
  try {
    await kubectl([...inSystem, 'rollout', 'status', `statefulset/${OPERATOR.name}`, '--timeout=120s']);
    await until('a replica of the operator leads', 60, leads);
  } catch (cause) {
    throw new CommandFailed(`the operator does not become ready:\n${await whatPodsSay()}`, { cause });
  }
}

/** Earlier versions were a Deployment of this name; applying takes nothing away. */
const removeFormer = (): Promise<string> =>
  kubectl([...inSystem, 'delete', 'deployment', OPERATOR.name, '--ignore-not-found']);

/** What this machine needs to reach a package registry, builds of agents' programs need as well. */
async function trustAsHere(): Promise<void> {
  const file = await machineAuthorities();
  if (file === undefined) return;
  const namespace = ['create', 'namespace', OPERATOR.namespace, '--dry-run=client', '-o', 'yaml'];
  const authorities = ['create', 'configmap', AUTHORITIES, ...inSystem, `--from-file=ca.crt=${file}`];
  for (const made of [namespace, [...authorities, '--dry-run=client', '-o', 'yaml']])
    await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input: await kubectl(made) });
}

/** A replica is ready when its caches are, whether or not it may be leader. */
async function leads(): Promise<boolean> {
  const holder = '-o=jsonpath={.spec.holderIdentity}';
  const leader = await kubectl([...inSystem, 'get', 'lease', OPERATOR.name, holder]).catch(() => '');
  const each = '-o=jsonpath={range .items[*]}{.metadata.name}_{.metadata.uid}{"\\n"}{end}';
  const pods = await kubectl([...inSystem, 'get', 'pods', each]);
  return leader !== '' && pods.split('\n').includes(leader);
}

async function whatPodsSay(): Promise<string> {
  const pods = await kubectl([...inSystem, 'get', 'pods', '-o', 'wide']).catch(String);
  const logs = await kubectl([...inSystem, 'logs', '-l', OPERATOR_SELECTOR, '--tail=10', '--prefix']).catch(
    String,
  );
  return `${pods}\n${logs}`;
}
