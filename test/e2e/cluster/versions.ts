/** What is pulled, by version; what is built instead has the same in `go/programs/go.mod`. A change makes a new program cache and new images. */
export const versions = {
  kubernetes: '1.34.4',
  kind: '0.32.0',
  versitygw: '1.8.0',
  buildkit: '0.27.1',
} as const;

/** npm as it stands in for the one of `node:26-slim`. */
export const npmVersion = '11.19.1';

/** The machine has one local cluster; every checkout shares it. */
export const clusterName = 'sb';
export const nodes = ['sb-control-plane', 'sb-worker'] as const;
export const serviceNames = ['sb-registry', 'sb-s3', 'sb-buildkit'] as const;
