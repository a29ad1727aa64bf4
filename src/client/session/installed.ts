/** Whether the custom resources of the cluster are those that this `sb` was made for. */
import { API_VERSION, GROUP, VERSION } from '../../crds/names.ts';
import { isNotFound } from '../../kube/errors.ts';
import type { KubeClient } from '../../kube/types.ts';
import { CliError } from '../failures/error.ts';
import type { Session } from './types.ts';

/** What `/apis/<group>` says; everybody who is logged in may read it. */
interface ApiGroup {
  versions: { version: string }[];
}

/** A part of an OpenAPI schema: what the API server publishes, or what our types say. */
interface Fields {
  properties?: Record<string, Fields>;
  items?: Fields;
}

/** Versions of our group that the API server serves; empty where it does not know the group. */
export async function servedVersions(kube: KubeClient): Promise<string[]> {
  try {
    const group = (await kube.raw(`/apis/${GROUP}`)) as ApiGroup;
    return group.versions.map(({ version }) => version);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** Throws SB-E007 where our resources are missing, of another version, or older than this `sb`. */
export async function checkInstalled({ kube, context }: Session): Promise<void> {
  const versions = await servedVersions(kube);
  const refuse = (why: string, fix: string): never => {
    throw new CliError('SB-E007', {
      what: `cannot use the custom resources in the cluster of context ${context}`,
      why,
      fix,
    });
  };
  const apply = 'kubectl apply --server-side -k config/crd    (in a checkout of sb-operator)';
  if (versions.length === 0) refuse(`the cluster has no resources of ${GROUP}`, apply);
  if (!versions.includes(VERSION))
    refuse(`the cluster has ${GROUP}/${versions.join(', ')}; this sb speaks ${API_VERSION}`, apply);
  const missing = await missingFields(kube);
  if (missing.length > 0)
    refuse(`they are older than this sb: they do not know ${missing.slice(0, 5).join(', ')}`, apply);
}

/** Fields of ours that the cluster's schema does not have, as `Trial spec.agent.name`. */
export async function missingFields(kube: KubeClient): Promise<string[]> {
  const [{ definitions }, document] = await Promise.all([
    import('../../crds/definition.ts'),
    kube.raw(`/openapi/v3/apis/${API_VERSION}`) as Promise<{
      components?: { schemas?: Record<string, Fields> };
    }>,
  ]);
  const published = Object.entries(document.components?.schemas ?? {});
  return definitions.flatMap(({ spec: { names, versions } }) => {
    const theirs = published.find(([name]) => name.endsWith(`.${VERSION}.${names.kind}`))?.[1];
    const ours = versions[0]?.schema.openAPIV3Schema as Fields;
    return absentFrom(ours, theirs ?? {}).map((field) => `${names.kind} ${field}`);
  });
}

/** Paths that `ours` has and `theirs` has not; what lies below a missing field is not named. */
function absentFrom(ours: Fields, theirs: Fields): string[] {
  const own = Object.entries(ours.properties ?? {}).flatMap(([name, field]) => {
    const other = theirs.properties?.[name];
    if (!other) return [name];
    return absentFrom(field, other).map((path) => `${name}.${path}`);
  });
  return ours.items ? [...own, ...absentFrom(ours.items, theirs.items ?? {})] : own;
}
