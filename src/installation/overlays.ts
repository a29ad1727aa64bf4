/** The installations that config/overlays begins with: what each has beside or instead of the defaults, as an admin edits it. */
import type { KubeObject } from '../kube/types.ts';
import { OPERATOR } from './names.ts';
import { trialNamespace } from './operator.ts';
import { DEFAULTS, type Values } from './values.ts';

/** A variable, its value, and what somebody who changes it must know. */
export type Setting = readonly [name: string, value: string, about?: string];

export interface Overlay {
  /** What it is for, and what has to be filled in; a line each. */
  about: readonly string[];
  /** Repository of the operator's image. Its digest is filled in: a tag could be pushed anew. */
  image: string;
  imageAbout: string;
  settings: readonly Setting[];
  /** What somebody must know who changes what clients are told: above which key, and the text. */
  clientAbout: readonly [key: string, about: string];
  clientEndpoint?: string;
  /** Credentials for the store, where no cloud gives the Pod an identity. */
  storeSecret?: { data: Record<string, string>; about: string };
  /** A namespace for Trials. Where there is one, an admin says of every other whether Trials may be in it. */
  trials?: { namespace: KubeObject; about: string };
}

/** The values of the installation that it makes. */
export const valuesOf = ({ settings, clientEndpoint }: Overlay, version: string): Values => ({
  ...DEFAULTS,
  version,
  settings: { ...DEFAULTS.settings, ...Object.fromEntries(settings.map(([name, value]) => [name, value])) },
  ...(clientEndpoint !== undefined && { clientEndpoint }),
});

const PLACEHOLDERS = '`npm run generate` puts these values back.';

const ACCOUNT = '123456789012';

const aws: Overlay = {
  about: [
    'The operator on EKS: S3, ECR, CodeBuild, CloudWatch Logs. Put your account, region and the digest of the operator’s image in the place of these; docs/aws.md says how to make the rest.',
    'Credentials come from EKS Pod Identity, which needs nothing here; for IRSA apply config/overlays/aws-irsa instead.',
    PLACEHOLDERS,
  ],
  image: `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/abundant-sb-operator`,
  imageAbout:
    'Of the image that you pushed. A tag could be pushed anew: every Trial would run what it then means.',
  settings: [
    ['SB_PROFILE', 'aws'],
    ['SB_AWS_REGION', 'us-east-1'],
    ['SB_S3_REGION', '', 'Empty: the bucket is in SB_AWS_REGION.'],
    ['SB_S3_BUCKET', 'abundant-sb-artifacts'],
    ['SB_STACK', 'abundant-sb'],
    ['SB_ECR_REPO', 'abundant-sb-sandboxes'],
    ['SB_CODEBUILD_PROJECT', 'abundant-sb-build'],
    ['SB_K8S_NAMESPACE', 'agents'],
    ['SB_IMAGE_PLATFORM', 'linux/amd64'],
    ['SB_LOG_GROUP', '/sb/eks/logs'],
    ['SB_MAX_CONCURRENT_BUILDS', '20'],
  ],
  clientAbout: [
    'profile',
    'Bucket and region as above: clients such as sb go there with credentials of their own.',
  ],
  trials: {
    namespace: trialNamespace('agents'),
    about:
      'Where Trials are: SB_K8S_NAMESPACE. One label opens it to them (config/components/labelled-namespaces), the other holds all its Pods to what theirs keep to.',
  },
};

const REGISTRY = 'sb-registry:5000';

const local: Overlay = {
  about: [
    'The local cluster: storage, registry and BuildKit are containers on its network. `npm run cluster:up` puts the digest of the built image in the place of the zeros.',
    PLACEHOLDERS,
  ],
  image: `${REGISTRY}/sb-operator`,
  imageAbout: 'Put in by `npm run cluster:up`.',
  settings: [
    ['SB_PROFILE', 'local'],
    ['SB_S3_ENDPOINT', 'http://sb-s3:7070'],
    ['SB_S3_PUBLIC_ENDPOINT', 'http://127.0.0.1:7070'],
    ['SB_IMAGE_REPOSITORY', `${REGISTRY}/sandboxes`],
    [
      'SB_REGISTRY_MIRRORS',
      ['docker.io', 'public.ecr.aws', 'localhost:5000', REGISTRY]
        .map((host) => `${host}=http://${REGISTRY}`)
        .join(','),
    ],
    ['SB_BUILDKIT_ADDR', 'tcp://sb-buildkit:1234'],
    ['SB_BUILDCTL_IMAGE', `${REGISTRY}/buildctl:v0.27.1`],
    ['SB_MAX_CONCURRENT_BUILDS', '4'],
  ],
  clientAbout: ['endpoint', 'As this machine reaches it.'],
  clientEndpoint: 'http://127.0.0.1:7070',
  storeSecret: {
    data: { AWS_ACCESS_KEY_ID: 'sb', AWS_SECRET_ACCESS_KEY: 'sb-local-only' },
    about: 'sb reads it by this name.',
  },
};

export const OVERLAYS: Record<string, Overlay> = { local, aws };

/** What installs the operator, or another version of it. */
export const APPLY = `kubectl apply -k config/overlays/<${Object.keys(OVERLAYS).join('|')}>`;

/** An overlay that changes one object of another. */
export interface OverlayOver {
  about: readonly string[];
  /** Name of the other one. */
  over: string;
  patch: KubeObject;
}

/** For clusters without the Pod Identity agent: the role is named on the ServiceAccount. */
export const IRSA: OverlayOver = {
  about: [
    'As config/overlays/aws, for clusters without the Pod Identity agent: the role is named on the ServiceAccount.',
    PLACEHOLDERS,
  ],
  over: 'aws',
  patch: {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: {
      name: OPERATOR.name,
      annotations: { 'eks.amazonaws.com/role-arn': `arn:aws:iam::${ACCOUNT}:role/abundant-sb-operator` },
    },
  },
};
