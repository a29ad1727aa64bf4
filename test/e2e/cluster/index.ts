/** What tests and the demo may use of the local cluster. */
export { down } from './down.ts';
export { ensureBaseImages, standIns } from './images/base-images.ts';
export { paths } from './machine/paths.ts';
export { docker, environment, kubectl } from './machine/process.ts';
export { buildkitAddress, registry, s3 } from './parts/services.ts';
export { isHealthy, status } from './status.ts';
export { up } from './up.ts';
export { nodes } from './versions.ts';
