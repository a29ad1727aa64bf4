/** Pure: the one user of everything in a container, where there is one, and who runs in a namespace that has users of its own. */
import { ID_MAX, type UidRange } from '../../crds/namespace-rules.ts';

/** By numbers; a name means what the image says, and whoever runs in it can say something else. */
export interface SoleUser {
  user: number;
  group?: number;
}

/** The user that `USER` or a field names by its number; undefined for root and for a name. */
export function numbersOf(user: string): SoleUser | undefined {
  const [, uid, gid] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(user) ?? [];
  if (uid === undefined || Number(uid) === 0 || [uid, gid ?? 0].some((id) => Number(id) > ID_MAX))
    return undefined;
  return { user: Number(uid), ...(gid !== undefined && { group: Number(gid) }) };
}

/** Who runs in a Pod of a namespace that has users of its own. */
export interface AssignedUsers {
  /** In the place of the images' own users, as `user:group`. */
  image: string;
  courier: number;
}

/** The user in the place of an image's own: as on OpenShift, it gives way, and the group is root's: images made for OpenShift let that group write what their user writes. */
export const imageUserIn = ({ first }: UidRange): string => `${first}:0`;

/**
 * Users out of the range, for a Pod each of whose containers is run by one user of it; undefined for all others, which only an SCC that allows more
 * than `restricted-v2` takes. `working`: the user of each container, with `imageUserIn` for the images' own. `draw`: any number; decides which user
 * the courier is, who is none of the others.
 */
export function usersFrom(
  range: UidRange,
  working: readonly (SoleUser | undefined)[],
  draw: number,
): AssignedUsers | undefined {
  const { first, last } = range;
  const users = new Set(working.map((one) => one?.user ?? 0));
  if ([...users].some((user) => user < first || user > last)) return undefined;
  const free = last - first + 1 - users.size;
  return free > 0
    ? { image: imageUserIn(range), courier: drawFree({ first, free, users }, draw) }
    : undefined;
}

/** One of the numbers from `first` on that are not of `users`. */
function drawFree(
  { first, free, users }: { first: number; free: number; users: Set<number> },
  draw: number,
): number {
  const taken = [...users].toSorted((one, other) => one - other);
  return taken.reduce((uid, user) => (uid < user ? uid : uid + 1), first + (draw % free));
}
