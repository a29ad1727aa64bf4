/** The stacks of an installation on AWS, by what follows its name and a hyphen in theirs; in the order in which they are made. */
import { alarm } from './alarm.ts';
import { artifacts } from './artifacts.ts';
import { cluster, clusterRoles } from './cluster.ts';
import { network } from './network.ts';
import type { Template } from './template.ts';

export const STACKS = { artifacts, network, cluster } as const satisfies Record<string, Template>;

/** As files: with that in the place of `cluster` where the cluster is the user's, and the alarm, which admins add where they want it. */
export const TEMPLATES = { ...STACKS, 'cluster-roles': clusterRoles, alarm } as const;
