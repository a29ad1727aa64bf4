/** The ECR client and the words for its failures. */
import { ECRClient, type ECRClientConfig } from '@aws-sdk/client-ecr';
import { awsError } from '../../aws/errors.ts';
import { httpWithin } from '../../aws/http.ts';
import { arnIn } from '../../aws/partition.ts';
import type { AwsAction } from '../../aws/permissions.ts';
import { ProviderError } from '../../errors.ts';

/** Where ECR is, and as whom to ask it. */
export interface EcrPlace {
  region: string;
  /** Base URL of a server that is not AWS; default: the SDK’s own search, `AWS_ENDPOINT_URL_ECR` among it. */
  endpoint?: string;
  /** Default: the SDK’s own search (environment, IRSA, Pod Identity, instance role). */
  credentials?: NonNullable<ECRClientConfig['credentials']>;
  /** Milliseconds that a call may stand still; default: half a minute. */
  timeoutMs?: number;
}

const REQUEST_TIMEOUT_MS = 30_000;

/** One attempt a call: retries are a decorator’s. */
export const ecrClient = ({
  region,
  endpoint,
  credentials,
  timeoutMs = REQUEST_TIMEOUT_MS,
}: EcrPlace): ECRClient =>
  new ECRClient({
    region,
    maxAttempts: 1,
    requestHandler: httpWithin(timeoutMs),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  });

export interface EcrCall {
  /** `resolve …:tag`. */
  call: string;
  action: AwsAction & `ecr:${string}`;
  region: string;
  /** Missing for what concerns the whole registry. */
  repository?: string;
}

/** Throws what ECR or the SDK threw in the words of the port; a missing repository names the command that makes it. */
export function ecrError({ call, action, region, repository }: EcrCall, error: unknown): ProviderError {
  if (repository !== undefined && (error as Error).name === 'RepositoryNotFoundException') {
    const make = `aws ecr create-repository --repository-name ${repository} --region ${region}`;
    const message = `${call}: there is no ECR repository ${repository} in ${region}; make it with: ${make}`;
    return new ProviderError('NotFound', message, { cause: error });
  }
  const on =
    repository === undefined ? '*' : arnIn(region, `ecr:${region}:<account>:repository/${repository}`);
  return awsError({ call, needs: `${action} on ${on}` }, error);
}
