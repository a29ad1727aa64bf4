/** What may differ from one installation to another. */
import type { Pod } from '../kube/kinds.ts';
import { BROKER, METRICS_PORT, OPERATOR } from './names.ts';

export interface Values {
  /** Of the operator, as in package.json; clients compare it with their own. */
  version: string;
  /** Where the operator is. */
  namespace: string;
  /** The operator's image, which is the courier's too. */
  image: string;
  replicas: number;
  resources: NonNullable<NonNullable<Pod['spec']>['containers'][number]['resources']>;
  /** Where its Pods may be; default: anywhere that is open to all. */
  placing?: Pick<NonNullable<Pod['spec']>, 'nodeSelector' | 'tolerations'>;
  /** The operator's environment, by name of the variable (src/config.ts): what comes beside or instead of `commonSettings`. */
  settings: Record<string, string>;
  /** Base URL of the store as clients reach it; undefined: AWS. */
  clientEndpoint?: string;
}

/** `image` is what overlays put their own in the place of. */
export const DEFAULTS: Omit<Values, 'version'> = {
  namespace: OPERATOR.namespace,
  image: `${OPERATOR.name}:latest`,
  replicas: 2,
  resources: {
    // The share of the CPU where the Pods of Trials want all of a node's cores: see burst in docs/benchmarks.md.
    requests: { cpu: '500m', memory: '256Mi' },
    limits: { memory: '1Gi' },
  },
  settings: { SB_PROFILE: 'local', SB_S3_BUCKET: 'abundant-sb-artifacts', SB_S3_REGION: 'us-east-1' },
};

/** The variables that follow from the objects themselves. */
const commonSettings = (namespace: string): Record<string, string> => ({
  SB_BROKER_URL: `https://${BROKER.service}.${namespace}.svc:${BROKER.port}`,
  SB_BROKER_PORT: `${BROKER.port}`,
  SB_PROBE_PORT: `${BROKER.probePort}`,
  SB_METRICS_PORT: `${METRICS_PORT}`,
});

/** The operator's whole environment. */
export const settingsOf = ({ namespace, settings }: Values): Record<string, string> => ({
  ...settings,
  ...commonSettings(namespace),
});

/** What clients must know (src/client/session/types.ts): it follows from the operator's own settings. */
export function clientConfigOf({ settings, clientEndpoint, version }: Values): Record<string, string> {
  const { SB_PROFILE = '', SB_S3_BUCKET = '', SB_S3_REGION, SB_AWS_REGION } = settings;
  const { SB_KMS_KEY_ID, SB_VERIFIER_MODE } = settings;
  return {
    profile: SB_PROFILE,
    bucket: SB_S3_BUCKET,
    region: SB_S3_REGION || SB_AWS_REGION || '',
    ...(clientEndpoint !== undefined && { endpoint: clientEndpoint }),
    ...(SB_KMS_KEY_ID && { kmsKeyId: SB_KMS_KEY_ID }),
    ...(SB_VERIFIER_MODE !== undefined && { verifierMode: SB_VERIFIER_MODE }),
    operatorVersion: version,
  };
}
