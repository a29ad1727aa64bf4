/** The stacks of an installation on AWS, by what follows its name and a hyphen in theirs; in the order in which they are made. */
import { artifacts } from './artifacts.ts';
import { cluster } from './cluster.ts';
import { network } from './network.ts';
import type { Template } from './template.ts';

export const STACKS = { artifacts, network, cluster } as const satisfies Record<string, Template>;
