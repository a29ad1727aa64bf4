/** The AWS that tests run against: moto, a front that counts and refuses, S3, and a CodeBuild that builds. See docs/testing-aws.md. */
export * from './facts.ts';
export { makeRepository, needMoto, startMoto, type Moto } from './moto.ts';
export { AwsError, callAws, type Service } from './wire.ts';
export { startAws, type Aws, type AwsOptions } from './aws.ts';
export { denied, throttled, type AwsCall, type Refusal } from './calls.ts';
export { startFront, type AwsFront } from './front.ts';
export { assumeRole } from './sessions.ts';
export { startCloud, type Cloud, type CloudOptions } from './cloud.ts';
