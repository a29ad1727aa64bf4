/** Pure: variables of containers, and how those of ours reach the broker. */
import { posix } from 'node:path';
import { BROKER_AUDIENCE } from '../../crds/names.ts';
import { POD_PATHS } from '../../wire/pod-paths.ts';
import type { Container } from '../reading/containers.ts';
import type { VolumeSource } from './layout.ts';

export type EnvEntry = NonNullable<Container['env']>[number];

/**
 * A text as a Pod must have it among `env`, `command` and `args` so that its container gets just this text: the kubelet replaces
 * `$(NAME)` there, and a doubled dollar sign stands for one. Values out of Secrets and ConfigMaps are taken as they are.
 */
export const literal = (text: string): string => text.replaceAll('$', '$$$$');

/** Where the broker is, and how to know it. */
export interface Broker {
  brokerUrl: string;
  /** PEM of the CA that signed the broker's certificate. */
  brokerCa: string;
  /** Its IP address, for a Pod that can look up no name. */
  brokerAddress?: string | undefined;
}

export const brokerEnv = ({ brokerUrl, brokerCa, brokerAddress }: Broker): EnvEntry[] => [
  { name: 'SB_BROKER_URL', value: literal(brokerUrl) },
  { name: 'SB_BROKER_CA', value: literal(brokerCa) },
  ...(brokerAddress === undefined ? [] : [{ name: 'SB_BROKER_ADDRESS', value: literal(brokerAddress) }]),
];

/** The kubelet refreshes the token; each is good for this long. */
const TOKEN_SECONDS = 3600;

/** The token that is shown to the broker. */
export const BROKER_TOKEN: VolumeSource = {
  projected: {
    sources: [
      {
        serviceAccountToken: {
          audience: BROKER_AUDIENCE,
          expirationSeconds: TOKEN_SECONDS,
          path: posix.basename(POD_PATHS.token),
        },
      },
    ],
  },
};

/** The folder that the token is mounted at. */
export const TOKEN_FOLDER = posix.dirname(POD_PATHS.token);
