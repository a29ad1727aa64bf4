/** Kueue, for the one story about it: it sees the Jobs of the namespaces that it is given, and is gone afterwards. */
import type { V1Deployment } from '@kubernetes/client-node';
import { load, loadAll } from 'js-yaml';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../../../../src/kube/types.ts';
import { buildSmallImage, inRegistry } from '../images/build.ts';
import { goEnvironment } from '../machine/compiler.ts';
import { digest, paths } from '../machine/paths.ts';
import { kubectl, run } from '../machine/process.ts';
import { step } from '../machine/progress.ts';
import { buildTool } from '../programs.ts';
import { registry } from './services.ts';

const module = join(paths.assets, 'go/kueue');
const folder = join(paths.cache, `kueue-${digest(readFileSync(join(module, 'go.mod')))}`);
const program = join(folder, 'manager');
const Dockerfile = 'FROM debian:bookworm-slim\nCOPY --chmod=755 manager /manager\nUSER 65532\n';
const name = `kueue:${digest(folder, Dockerfile)}`;
const namespace = 'kueue-system';

/** Its program once, minutes of processor time; the image where the registry has none. */
async function ensureImage(): Promise<string> {
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    const of = { module, path: 'sigs.k8s.io/kueue/cmd/kueue' };
    await step('Kueue', () => buildTool({ ...of, target: program }));
  }
  if (!(await inRegistry(name))) await buildSmallImage(name, { Dockerfile, manager: readFileSync(program) });
  return `${registry.inCluster}/${name}`;
}

/** Nobody here looks at its queues by the API, and an API that does not answer is in the way of whoever deletes a namespace. */
const LEFT_OUT = /^APIService|visibility|(editor|viewer|batch-admin|batch-user)-role$/;
/** Of Jobs and its own kinds. The others would have every Pod of the cluster wait for it. */
const HOOKS = /-(batch-v1-job|kueue-x-k8s-io-v1beta2-\w+)$/;

interface Hooks extends KubeObject {
  webhooks: { clientConfig: { service: { path: string } }; namespaceSelector?: object }[];
}

interface Config extends KubeObject {
  data: Record<string, string>;
}

/** What the module brings for an installation, of which the story needs little. */
function needed(object: KubeObject, of: { image: string; namespaces: string[] }): KubeObject {
  const { image, namespaces } = of;
  const key = 'kubernetes.io/metadata.name';
  const namespaceSelector = { matchExpressions: [{ key, operator: 'In', values: namespaces }] };
  if (object.kind.endsWith('WebhookConfiguration')) {
    const webhooks = (object as Hooks).webhooks
      .filter(({ clientConfig }) => HOOKS.test(clientConfig.service.path))
      .map((hook) =>
        hook.clientConfig.service.path.includes('batch') ? { ...hook, namespaceSelector } : hook,
      );
    return { ...object, webhooks } as KubeObject;
  }
  if (object.kind === 'ConfigMap') return { ...object, data: trimmed((object as Config).data) } as KubeObject;
  if (object.kind !== 'Deployment') return object;
  const { spec } = object as KubeObject & Pick<V1Deployment, 'spec'>;
  const [container] = spec?.template.spec?.containers ?? [];
  if (container)
    Object.assign(container, {
      image,
      imagePullPolicy: 'IfNotPresent',
      resources: { requests: { cpu: '50m', memory: '64Mi' } },
    });
  return object;
}

const trimmed = (data: Record<string, string>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(data).map(([file, text]) => {
      const own = {
        featureGates: { VisibilityOnDemand: false },
        integrations: { frameworks: ['batch/job'] },
      };
      return [file, JSON.stringify({ ...(load(text) as object), ...own })];
    }),
  );

/** Installs it and waits until it takes queues. Disposed of, it is removed with all that it knows. */
export async function startKueue(namespaces: string[]): Promise<AsyncDisposable> {
  const image = await ensureImage();
  const find = ['list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/kueue'];
  await run('go', ['mod', 'download', 'sigs.k8s.io/kueue'], { cwd: module, env: goEnvironment });
  const source = (await run('go', find, { cwd: module, env: goEnvironment })).trim();
  const rendered = await kubectl(['kustomize', join(source, 'config/default')], { secret: true });
  const items = (loadAll(rendered) as KubeObject[])
    .filter(({ kind, metadata }) => !LEFT_OUT.test(kind) && !LEFT_OUT.test(metadata.name))
    .map((object) => needed(object, { image, namespaces }));
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const remove = () => kubectl(['delete', '--ignore-not-found', '-f', '-'], { input });
  try {
    await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input });
    // It waits for its own certificate, which the kubelet brings within two minutes.
    const of = ['-n', namespace, 'deployment/kueue-controller-manager'];
    await kubectl(['rollout', 'status', ...of, '--timeout=240s']);
  } catch (error) {
    await remove();
    throw error;
  }
  return { [Symbol.asyncDispose]: async () => void (await remove()) };
}
