/** What CodeBuild and CloudWatch Logs throw, in the words of the ports. */
import { awsError } from '../../aws/errors.ts';
import type { AwsAction } from '../../aws/permissions.ts';
import type { ProviderError, ProviderReason } from '../../errors.ts';

const REASONS: Record<string, ProviderReason> = {
  AccountLimitExceededException: 'QuotaExceeded',
  ResourceNotFoundException: 'NotFound',
};

/** CodeBuild calls it an invalid input where the project’s role is not yet known, or does not trust it. */
const isRefusedRole = (error: unknown): boolean =>
  error instanceof Error &&
  error.name === 'InvalidInputException' &&
  error.message.includes('not authorized to perform: sts:AssumeRole');

/** `call` is what was being done, `on` the resource as IAM names it: `project/abundant-sb-build`. */
export const codebuildError = (
  { call, action, on }: { call: string; action: AwsAction; on: string },
  error: unknown,
): ProviderError =>
  isRefusedRole(error)
    ? awsError({ call, reasons: { InvalidInputException: 'AccessDenied' } }, error)
    : awsError({ call, needs: `${action} on ${on}`, reasons: REASONS }, error);
