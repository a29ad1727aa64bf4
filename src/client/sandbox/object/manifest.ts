/** The Sandbox object that options describe. Pure. */
import { randomBytes } from 'node:crypto';
import type { Sandbox, SandboxSpec } from '../../../crds/sandbox.ts';
import { ANNOTATION, API_VERSION } from '../../../crds/names.ts';
import type { CreateOptions, Source } from '../types.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** As the object's name; about 51 bits. */
export const newName = (): string =>
  `sandbox-${[...randomBytes(10)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('')}`;

export function manifestOf(
  { name = newName(), executionBackend: _backend, ...options }: CreateOptions,
  namespace: string,
): Sandbox {
  const { onProgress: _progress, readyTimeoutMs: _timeout, signal: _signal, env, ...spec } = options;
  return {
    apiVersion: API_VERSION,
    kind: 'Sandbox',
    metadata: { name, namespace, annotations: { [ANNOTATION.creation]: randomBytes(12).toString('hex') } },
    // The API server puts what has a default, and says what is wrong.
    spec: { ...spec, ...sourceOf(options), ...(env && { env: variables(env) }) } as SandboxSpec,
  };
}

const sourceOf = (source: Source): Partial<SandboxSpec> =>
  'poolRef' in source ? { poolRef: { name: source.poolRef } } : {};

const variables = (env: NonNullable<CreateOptions['env']>): SandboxSpec['env'] =>
  Object.entries(env).map(([name, value]) =>
    typeof value === 'string'
      ? { name, value }
      : { name, secretKeyRef: { name: value.secret, key: value.key } },
  );
