/** A plan as files for Git or `kubectl apply`. */
import { dump } from 'js-yaml';
import { safeYaml } from '../../../text/safe.ts';
import type { BuildManifest, RunPlan, TrialManifest } from './types.ts';

/** Every manifest, builds before the Trials that wait for them. The Secret is not among them: see `secretNote`. */
export function* manifests({ tasks }: RunPlan): Generator<TrialManifest | BuildManifest> {
  for (const { build } of tasks) if (build) yield build;
  for (const { trials } of tasks) yield* trials;
}

/** As it is kept in Git: without a time to live, for a GitOps tool creates again what is missing. */
function forGit(manifest: TrialManifest | BuildManifest): TrialManifest | BuildManifest {
  if (manifest.kind !== 'Trial') return manifest;
  const { ttlSecondsAfterFinished: _, ...spec } = manifest.spec;
  return { ...manifest, spec };
}

/**
 * The manifests as YAML documents for Git, each with its `---` and a newline at the end. The same plan gives the same bytes, and another version of
 * a task another name: the API server refuses another spec under the name of a Trial that is there.
 */
export function* yamlDocuments(plan: RunPlan): Generator<string> {
  for (const manifest of manifests(plan))
    yield `---\n${safeYaml(forGit(manifest), (value) => dump(value, { noRefs: true, lineWidth: -1 }))}`;
}

/** How to make the Secret that the manifests refer to and that is never printed; undefined where there is none. */
export function secretNote({ secret, namespace, run }: RunPlan): string | undefined {
  if (!secret) return undefined;
  const keys = Object.keys(secret.data ?? {});
  const literals = keys.map((key) => `--from-literal=${key}=…`).join(' ');
  const where = namespace === undefined ? '' : ` -n ${namespace}`;
  return `the manifests refer to the Secret ${secret.metadata.name}, which is not printed; without it the Trials of ${run} wait:\n  kubectl create secret generic ${secret.metadata.name}${where} ${literals}`;
}
