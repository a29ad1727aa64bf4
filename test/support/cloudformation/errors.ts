/** CloudFormation's errors, by the codes and statuses that its query protocol gives them. Sources: service model 2010-05-15 and docs/testing-aws.md. */
import { AwsError } from '../codebuild/errors.ts';

export { AwsError };

export const invalid = (message: string): AwsError => new AwsError('ValidationError', message);
export const noStack = (name: string): AwsError => invalid(`Stack with id ${name} does not exist`);
export const noStackTo = (name: string): AwsError => invalid(`Stack [${name}] does not exist`);
export const noChangeSet = (name: string): AwsError =>
  new AwsError('ChangeSetNotFound', `ChangeSet [${name}] does not exist`, 404);
export const stackExists = (name: string): AwsError =>
  new AwsError('AlreadyExistsException', `Stack [${name}] already exists`);
export const badStatus = (message: string): AwsError => new AwsError('InvalidChangeSetStatus', message);
export const unsupported = (what: string): AwsError => invalid(`${what} is not supported by this stand-in`);

/** Codes of the JSON protocols, which the signature check speaks, and what CloudFormation and STS say instead. */
const QUERY_CODES: Readonly<Record<string, string>> = {
  ExpiredTokenException: 'ExpiredToken',
  UnrecognizedClientException: 'InvalidClientTokenId',
  InvalidSignatureException: 'SignatureDoesNotMatch',
  MissingAuthenticationTokenException: 'MissingAuthenticationToken',
  IncompleteSignatureException: 'IncompleteSignature',
  ThrottlingException: 'Throttling',
  AccessDeniedException: 'AccessDenied',
};

export const inQuery = (error: AwsError): AwsError =>
  new AwsError(QUERY_CODES[error.code] ?? error.code, error.message, error.status);
