import { join } from 'node:path';
import { paths } from '../machine/paths.ts';
import { CommandFailed, kubectl } from '../machine/process.ts';

const placeholder = 'sb-registry:5000/sb-operator:latest';
const inSystem = ['-n', 'sb-system'];

/** Installs the operator with the given image and waits until every replica of it is ready. */
export async function deployOperator(image: string): Promise<void> {
  const rendered = await kubectl(['kustomize', join(paths.root, 'config/overlays/local')], { secret: true });
  const input = rendered.replaceAll(placeholder, image);
  // Server-side: the schemas of the CRDs are larger than the annotation of a client-side apply may be.
  await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
  try {
    await kubectl([...inSystem, 'rollout', 'status', 'deployment/sb-operator', '--timeout=120s']);
  } catch (cause) {
    throw new CommandFailed(`the operator does not become ready:\n${await whatPodsSay()}`, { cause });
  }
}

async function whatPodsSay(): Promise<string> {
  const pods = await kubectl([...inSystem, 'get', 'pods', '-o', 'wide']).catch(String);
  const logs = await kubectl([
    ...inSystem,
    'logs',
    '-l',
    'app.kubernetes.io/name=sb-operator',
    '--tail=10',
    '--prefix',
  ]).catch(String);
  return `${pods}\n${logs}`;
}
