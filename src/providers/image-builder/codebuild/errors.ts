/** What CodeBuild and CloudWatch Logs throw, in the words of the ports. */
import { awsError } from '../../aws/errors.ts';
import type { AwsAction } from '../../aws/permissions.ts';
import type { ProviderError, ProviderReason } from '../../errors.ts';

const REASONS: Record<string, ProviderReason> = {
  AccountLimitExceededException: 'QuotaExceeded',
  ResourceNotFoundException: 'NotFound',
};

/** `call` is what was being done, `on` the resource as IAM names it: `project/abundant-sb-build`. */
export const codebuildError = (
  { call, action, on }: { call: string; action: AwsAction; on: string },
  error: unknown,
): ProviderError => awsError({ call, needs: `${action} on ${on}`, reasons: REASONS }, error);
