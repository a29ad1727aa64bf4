/** What an exec plugin answers: a token, and until when it is good. */
import { sleep, systemClock } from '../../../async/clock.ts';
import { openCloud } from '../../../providers/profiles/cloud.ts';
import { eksToken } from '../../../providers/profiles/eks.ts';
import { explainCloud } from '../account/failures.ts';
import type { CloudContext } from '../steps.ts';

interface ExecCredential {
  apiVersion: string;
  kind: 'ExecCredential';
  status: { token: string; expirationTimestamp: string };
}

const API = 'client.authentication.k8s.io';
const VERSIONS = [`${API}/v1`, `${API}/v1beta1`];

/** Whoever asks says in which version it wants the answer; one that says nothing gets the newest. */
function versionIn(asked: string | undefined): string {
  if (!asked) return `${API}/v1`;
  try {
    const { apiVersion } = JSON.parse(asked) as { apiVersion?: unknown };
    return VERSIONS.find((version) => version === apiVersion) ?? `${API}/v1`;
  } catch {
    return `${API}/v1`;
  }
}

export async function execCredential(
  place: { cluster: string; region: string },
  { env, now }: Pick<CloudContext, 'env' | 'now'>,
): Promise<ExecCredential> {
  try {
    const { account } = await openCloud({
      region: place.region,
      env,
      sleep: (ms) => sleep(systemClock, ms),
    });
    const { token, expires } = eksToken(place, await account.credentials(), now());
    return {
      apiVersion: versionIn(env['KUBERNETES_EXEC_INFO']),
      kind: 'ExecCredential',
      // Whole seconds, as Go reads them.
      status: { token, expirationTimestamp: expires.toISOString().replace(/\.\d+Z$/, 'Z') },
    };
  } catch (error) {
    throw explainCloud(error);
  }
}
