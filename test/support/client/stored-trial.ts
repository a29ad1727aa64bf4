/** A Trial's files in a store, as courier and operator leave them. */
import { createHash } from 'node:crypto';
import type { Manifest } from '../../../src/wire/uploads.ts';
import { identityOf, trialName } from '../../../src/crds/names.ts';
import { trialPrefix } from '../../../src/results/keys.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { ArtifactStore } from '../../../src/providers/artifact-store/port.ts';
import { aMetadata, aStoredOutcome } from '../builders/objects.ts';

const sha256 = (contents: string | Uint8Array): string => createHash('sha256').update(contents).digest('hex');

const TASK_URI_KEY = 'tasks/local/hello/0123456789ab/';

/** Where the metadata of every stored Trial's task is. */
export const TASK_METADATA_KEY = `${TASK_URI_KEY}metadata.json`;

/** Stores files and a manifest of them, config.json and result.json beside it, and the task's metadata. Resolves prefix and trial name. */
export async function storeTrial(
  store: ArtifactStore,
  trial: Trial,
  files: Record<string, string | Uint8Array>,
): Promise<{ prefix: string; trialName: string }> {
  const prefix = trialPrefix(trial);
  for (const [path, contents] of Object.entries(files)) await store.put(`${prefix}${path}`, contents);
  const manifest: Manifest = {
    version: 1,
    trial: { ...identityOf(trial), attempt: 1 },
    files: Object.entries(files).map(([path, contents]) => ({
      path,
      size: Buffer.byteLength(contents),
      sha256: sha256(contents),
    })),
    skipped: [],
    links: [],
    folders: [],
  };
  const config = {
    task: { path: store.uri(TASK_URI_KEY), source: 'local' },
    agent: { name: 'oracle', env: {} },
    environment: { type: null, import_path: 'sb-operator:kubernetes' },
    verifier: { disable: false, env: {} },
  };
  await store.put(TASK_METADATA_KEY, JSON.stringify(aMetadata({ digest: 'ab'.repeat(32) })));
  await store.put(`${prefix}manifest.json`, JSON.stringify(manifest));
  await store.put(`${prefix}outcome.json`, JSON.stringify(aStoredOutcome(trial)));
  await store.put(`${prefix}config.json`, JSON.stringify(config));
  await store.put(`${prefix}result.json`, JSON.stringify({ reward: 1 }));
  return { prefix, trialName: trialName(identityOf(trial)) };
}
