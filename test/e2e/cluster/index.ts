/** What tests and the demo may use of the local cluster. */
export { startAwsBuildkit } from './aws/buildkit.ts';
export { ensureAwsTools, type AwsTools } from './aws/tools.ts';
export { down } from './down.ts';
export { ensureGitOps, type GitOpsProgram } from './gitops.ts';
export { ensureHelm, type HelmTools } from './helm.ts';
export { ensureBaseImages, standIns } from './images/base-images.ts';
export { hostAddress } from './machine/containers.ts';
export { enginePid } from './machine/engine.ts';
export { imageFlavour } from './images/flavour.ts';
export { ensureOperatorImage } from './images/operator-image.ts';
export { paths } from './machine/paths.ts';
export { docker, environment, kubectl } from './machine/process.ts';
export { deployOperator } from './parts/operator.ts';
export { ensurePrometheus } from './prometheus.ts';
export { buildkitAddress, registry, s3 } from './parts/services.ts';
export { isHealthy, status, table } from './status.ts';
export { up } from './up.ts';
export { nodes } from './versions.ts';
