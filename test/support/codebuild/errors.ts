/** AWS's errors, by the codes and HTTP statuses that it gives them. */

export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export const invalidInput = (message: string): AwsError => new AwsError('InvalidInputException', message);
export const notFound = (message: string): AwsError => new AwsError('ResourceNotFoundException', message);
export const limitExceeded = (message: string): AwsError =>
  new AwsError('AccountLimitExceededException', message);
export const throttled = (): AwsError => new AwsError('ThrottlingException', 'Rate exceeded');
export const internalFailure = (): AwsError =>
  new AwsError('InternalFailure', 'The request processing has failed because of an unknown error', 500);
export const expiredToken = (): AwsError =>
  new AwsError('ExpiredTokenException', 'The security token included in the request is expired', 403);
