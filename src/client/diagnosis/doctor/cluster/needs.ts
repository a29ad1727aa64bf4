/** Every permission that `sb` uses in the namespace of a run, with what it uses it for. */
import { GROUP } from '../../../../crds/names.ts';
import type { Need } from '../../../session/preflight.ts';

/** A permission, on a subresource where there is one. */
export type Want = Need & { subresource?: string };

export interface Purpose {
  /** `sb cloud run`. */
  command: string;
  wants: readonly Want[];
  /** Nothing can be run without it. */
  essential: boolean;
}

const on = (group: string, resource: string, verbs: readonly string[]): Want[] =>
  verbs.map((verb) => ({ verb, group, resource }));

export const PURPOSES: readonly Purpose[] = [
  {
    command: 'sb cloud run',
    essential: true,
    wants: on(GROUP, 'trials', ['create', 'patch', 'get', 'list', 'watch']),
  },
  {
    command: 'sb cloud run --force-build',
    essential: false,
    wants: on(GROUP, 'taskbuilds', ['create', 'patch', 'get', 'list']),
  },
  { command: 'sb cloud run --env-file', essential: false, wants: on('', 'secrets', ['create', 'patch']) },
  {
    command: 'sb run delete',
    essential: false,
    wants: [
      ...on(GROUP, 'trials', ['delete']),
      ...on(GROUP, 'taskbuilds', ['list', 'delete']),
      ...on('', 'secrets', ['get', 'delete']),
    ],
  },
  { command: 'sb run rerun', essential: false, wants: on('', 'secrets', ['get', 'create']) },
  {
    command: 'sb trial explain',
    essential: false,
    wants: [
      ...on('', 'pods', ['get', 'list']),
      ...on('', 'events', ['list']),
      ...on('batch', 'jobs', ['get', 'list']),
    ],
  },
  {
    command: 'sb trial logs',
    essential: false,
    wants: [{ verb: 'get', group: '', resource: 'pods', subresource: 'log' }],
  },
  {
    command: 'sb trial debug',
    essential: false,
    wants: [{ verb: 'create', group: '', resource: 'pods', subresource: 'exec' }],
  },
];
