import { standingOf } from '../../../crds/sandbox-reasons.ts';
import type { Sandbox } from '../../../crds/sandbox.ts';
import type { SandboxRow } from '../../documents/sandbox.ts';

/** What is told of a Sandbox in one line. Pure. */
export function rowOf({ metadata, spec, status = {} }: Sandbox): SandboxRow {
  const { pool } = status;
  return {
    sandbox: metadata.name,
    namespace: metadata.namespace ?? '',
    ...readyOf(status),
    mode: spec.operatingMode,
    image: status.image ?? spec.image ?? null,
    node: orNull(status.nodeName),
    owner: orNull(spec.owner),
    created_at: orNull(metadata.creationTimestamp),
    expires_at: orNull(status.expiresAt),
    ...(pool && { pool }),
  };
}

const orNull = <T>(value: T | undefined): T | null => value ?? null;

function readyOf(status: NonNullable<Sandbox['status']>): Pick<SandboxRow, 'ready' | 'reason' | 'message'> {
  const standing = standingOf({ status });
  if (!standing) return { ready: false, reason: 'Pending', message: '' };
  const { type, status: holds, reason, message } = standing;
  return { ready: type === 'Ready' && holds === 'True', reason, message };
}
