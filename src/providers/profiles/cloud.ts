/** The ports of an account of AWS, for `sb cloud` alone: with the user's own credentials, every call retried. */
import type { Account, Inspection, Purge } from '../account/port.ts';
import { retried } from '../retry.ts';
import type { Stacks } from '../stacks/port.ts';

export interface CloudPlace {
  region: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Rejects where nobody waits any more. */
  sleep: (ms: number) => Promise<unknown>;
  /** How often a call is made at most. Default: as a person waits who makes an installation. */
  attempts?: number;
}

export interface CloudPorts {
  account: Account;
  stacks: Stacks;
  /** Opened when it is needed. `account`: whose buckets may be deleted. */
  purge(account: string): Promise<Purge>;
  /** Opened when it is needed. */
  inspection(): Promise<Inspection>;
}

/** A person waits: a throttled call is worth a minute. */
const PATIENT = { attempts: 8, baseMs: 500, maxMs: 20_000 } as const;

export async function openCloud({ region, env, sleep, attempts }: CloudPlace): Promise<CloudPorts> {
  // Loaded here: `sb` starts without them.
  const [{ awsAccount }, { cloudFormation }] = await Promise.all([
    import('../account/aws.ts'),
    import('../stacks/cloudformation.ts'),
  ]);
  const policy = { ...PATIENT, ...(attempts && { attempts }), sleep };
  return {
    account: retried(awsAccount({ region, env }), policy),
    stacks: retried(cloudFormation({ region, sleep }), policy),
    async purge(account) {
      const { awsPurge } = await import('../account/purge.ts');
      const byPath = Boolean(env['AWS_ENDPOINT_URL'] || env['AWS_ENDPOINT_URL_S3']);
      return retried(awsPurge({ region, account, byPath }), policy);
    },
    async inspection() {
      const { awsInspection } = await import('../account/inspection.ts');
      return retried(awsInspection({ region, env }), policy);
    },
  };
}
