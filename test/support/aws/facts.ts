/** The account that the tests' AWS knows. */
export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';
/** The host of the account's private registry. */
export const ECR_HOST = `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com`;
export const REPOSITORY = 'abundant-sb-sandboxes';
export const CACHE_REPOSITORY = `${REPOSITORY}-cache`;
/** A repository that admins allow builds to name, and into which the builds' role may not push, where a test wants that. */
export const CLOSED_REPOSITORY = 'closed-to-builds';
export const PROJECT = 'abundant-sb-build';
export const BUCKET = 'abundant-sb-artifacts';
export const STACK = 'abundant-sb';

/** Keys that every service of the tests' AWS takes; versitygw's own, because it knows no others. */
export const CREDENTIALS = { accessKeyId: 'sb', secretAccessKey: 'sb-local-only' } as const;

/** A registry that has had enough of everybody; BuildKit alone knows it. */
export const LIMITED_HOST = 'registry.limited.test';
