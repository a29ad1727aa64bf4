/** JSON Schemas of objects as kubeconform reads them: Kubernetes' own, out of the sources of a version, and those of CRDs. */
import { loadAll } from 'js-yaml';
import { globSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { done } from './helm.ts';

/** Where kubeconform looks, below a folder. */
export const LOCATION = '{{.ResourceKind}}{{.KindSuffix}}.json';

/** The folder of a Go module’s sources, downloaded where it is not there yet. */
async function sources(module: string): Promise<string> {
  const said = await done('go', ['mod', 'download', '-json', module]);
  return (JSON.parse(said) as { Dir: string }).Dir;
}

type Schema = Record<string, unknown>;

/** Closed, as the API server is where it validates strictly. */
function closed(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(closed);
  if (typeof part !== 'object' || part === null) return part;
  const own: Schema = Object.fromEntries(Object.entries(part).map(([key, below]) => [key, closed(below)]));
  if (own['x-kubernetes-int-or-string'] === true) return { ...own, type: ['string', 'number'] };
  const isOpen = own['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in own;
  const isObject = typeof own['properties'] === 'object' && (own['type'] === 'object' || '$ref' in own);
  return isObject && !isOpen ? { ...own, additionalProperties: false } : own;
}

interface Swagger {
  definitions: Record<string, Schema>;
}
interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

const fileOf = ({ group, version, kind }: GroupVersionKind): string =>
  `${[kind.toLowerCase(), ...(group === '' ? [] : [group.split('.')[0]]), version].join('-')}.json`;

/** Kubernetes' kinds of that version. */
export async function kubernetesSchemas(version: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = join(await sources(`k8s.io/kubernetes@v${version}`), 'api/openapi-spec/swagger.json');
  const { definitions } = JSON.parse(await readFile(file, 'utf8')) as Swagger;
  // Published as texts, and numbers are taken all the same.
  for (const name of ['util.intstr.IntOrString', 'api.resource.Quantity'])
    definitions[`io.k8s.apimachinery.pkg.${name}`] = { type: ['string', 'number'] };
  const all = JSON.stringify({ definitions: closed(definitions) });
  await writeFile(join(folder, '_definitions.json'), all);
  for (const [name, definition] of Object.entries(definitions))
    for (const kind of (definition['x-kubernetes-group-version-kind'] ?? []) as GroupVersionKind[])
      await writeFile(
        join(folder, fileOf(kind)),
        JSON.stringify({ $ref: `_definitions.json#/definitions/${name}` }),
      );
}

interface Crd {
  kind: string;
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}

/** The kinds of the CRDs in these files. */
export async function crdSchemas(files: readonly string[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const crds = texts.flatMap((text) => loadAll(text) as Crd[]);
  for (const { kind, spec } of crds)
    for (const { name, schema } of kind === 'CustomResourceDefinition' ? spec.versions : []) {
      const { properties, ...rest } = schema.openAPIV3Schema as { properties: Schema };
      const metadata = { type: 'object' };
      const whole = closed({ ...rest, properties: { ...properties, metadata } });
      const file = fileOf({ group: spec.group, version: name, kind: spec.names.kind });
      await writeFile(join(folder, file), JSON.stringify(whole));
    }
}

/** CRDs of the Prometheus operator. */
export async function monitoringCrds(): Promise<string[]> {
  const folder = await sources('github.com/prometheus-operator/prometheus-operator@v0.85.0');
  return globSync(join(folder, 'example/prometheus-operator-crd/*{monitors,prometheusrules}.yaml'));
}
