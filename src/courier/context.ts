/** Brings the context of a build into the folder that the builder reads. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { filesHash } from '../crds/content.ts';
import type { BuildFailedReason } from '../crds/reasons.ts';
import { ArchiveError } from '../tasks/archive/directory.ts';
import { unpack } from '../tasks/archive/unpack.ts';
import { brokerClient } from './broker/broker-client.ts';
import { DIRECTLY, HttpFailure } from './broker/http.ts';
import type { Patience } from './broker/retry.ts';
import { explain } from './failure.ts';
import type { BrokerSettings } from './settings.ts';
import { copyConfigMap, withArchive } from './task/source.ts';

/** Why there is no context, as the termination message says it. */
export interface ContextFailure {
  reason: BuildFailedReason;
  message: string;
}

const PATIENCE_MS = 5 * 60_000;

export interface ContextDeps {
  broker: BrokerSettings;
  /** Empty folder to fill. */
  folder: string;
  note: (line: string) => void;
}

/** Downloads, checks and unpacks the archive; resolves what went wrong. */
export async function fetchContext({
  broker,
  folder,
  note,
}: ContextDeps): Promise<ContextFailure | undefined> {
  const patience: Patience = { totalMs: PATIENCE_MS, note };
  const client = brokerClient(broker, patience);
  let expected = '';
  const url = async (): Promise<string> => {
    const context = await client.context();
    expected = context.sha256;
    return context.url;
  };
  try {
    const archive = { path: join(folder, '.context.zip'), url, storage: DIRECTLY, patience };
    return await withArchive(archive, async (path, sha256) => {
      if (sha256 !== expected) return mismatch(`the context’s SHA-256 is ${sha256}, not ${expected}`);
      await unpack(path, folder, { context: '' });
      return undefined;
    });
  } catch (error) {
    return failureOf(error);
  }
}

const mismatch = (message: string): ContextFailure => ({ reason: 'ContextMismatch', message });

function failureOf(error: unknown): ContextFailure {
  if (error instanceof ArchiveError)
    return mismatch(`the context is no archive that can be unpacked: ${error.message}`);
  const gone = error instanceof HttpFailure && error.status === 404;
  return { reason: gone ? 'ContextNotFound' : 'BuilderUnavailable', message: explain(error) };
}

/**
 * Copies a mounted ConfigMap, whose keys are flattened paths; resolves what went wrong. The kubelet mounts it after the operator read it:
 * `expected`, `filesHash` in hex, tells whether these are the same files.
 */
export async function copyContext(
  mount: string,
  folder: string,
  expected: string,
): Promise<ContextFailure | undefined> {
  try {
    const found = filesHash(await copyConfigMap(mount, folder));
    if (readdirSync(folder).length === 0)
      return { reason: 'ContextNotFound', message: 'the context’s ConfigMap is empty' };
    if (found === expected) return undefined;
    return mismatch(
      `the context’s ConfigMap was changed: the SHA-256 of its files is ${found}, not ${expected}`,
    );
  } catch (error) {
    return {
      reason: 'ContextNotFound',
      message: `the context’s ConfigMap cannot be used: ${explain(error)}`,
    };
  }
}
