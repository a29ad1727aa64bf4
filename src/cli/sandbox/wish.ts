/** Options of `sb sandbox`, as the client takes them. Pure. */
import { CliError } from '../../client/failures/error.ts';
import type { Extension } from '../../client/sandbox/object/change.ts';
import type { CommandOptions, CreateOptions, Source } from '../../client/sandbox/types.ts';
import { durationMs } from '../launch/wish.ts';

type Env = Record<string, string | undefined>;

/** As they were typed. */
export interface CreateFlags {
  image?: string;
  build?: string;
  pool?: string;
  env?: string[];
  envSecret?: string[];
  cpus?: string;
  memory?: string;
  storage?: string;
  user?: string;
  workdir?: string;
  volume?: string[];
  ttl?: string;
  idleTimeout?: string;
  onExpiry?: 'Delete' | 'Suspend';
  network?: 'Public' | 'None' | 'Allowlist';
  allowHost?: string[];
  recreate?: 'Never' | 'OnLoss';
  owner?: string;
}

const misused = (why: string, fix: string): CliError =>
  new CliError('SB-E036', { what: 'an option cannot be used', why, fix });

const seconds = (text: string): number => Math.max(1, Math.round(durationMs(text) / 1000));

/** Only fields that are given. */
const given = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;

/** Throws SB-E036. */
export function wishOf({ name, ...flags }: CreateFlags & { name?: string }, env: Env): CreateOptions {
  const variables = { ...variablesOf(flags.env ?? [], env), ...secretsOf(flags.envSecret ?? []) };
  const limits = given({ cpu: flags.cpus, memory: flags.memory, 'ephemeral-storage': flags.storage });
  return {
    executionBackend: 'kubernetes',
    ...sourceOf(flags),
    ...given({ name, user: flags.user, workdir: flags.workdir, owner: flags.owner }),
    ...given({ expiryAction: flags.onExpiry, recreatePolicy: flags.recreate }),
    ...(Object.keys(variables).length > 0 && { env: variables }),
    ...(Object.keys(limits).length > 0 && { resources: { limits } }),
    ...(flags.volume && { volumes: flags.volume.map(volumeOf) }),
    ...(flags.ttl && { ttlSeconds: seconds(flags.ttl) }),
    ...(flags.idleTimeout && { idleTimeoutSeconds: seconds(flags.idleTimeout) }),
    ...networkOf(flags),
  };
}

function networkOf({ network, allowHost: allowedHosts }: CreateFlags): Pick<CreateOptions, 'network'> {
  const mode = network ?? (allowedHosts && 'Allowlist');
  return mode ? { network: { mode, enforcement: 'BestEffort', ...given({ allowedHosts }) } } : {};
}

function sourceOf({ image, build, pool }: CreateFlags): Source {
  const sources: Source[] = [
    ...(image === undefined ? [] : [{ image }]),
    ...(build === undefined ? [] : [{ buildRef: { name: build } }]),
    ...(pool === undefined ? [] : [{ poolRef: pool }]),
  ];
  const [source, ...others] = sources;
  if (source && others.length === 0) return source;
  throw misused('give exactly one of --image, --build and --pool', 'sb sandbox create --image debian:13');
}

function variablesOf(words: readonly string[], env: Env): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const [name = '', ...value] = word.split('=');
      if (word.includes('=')) return [name, value.join('=')];
      const own = env[name];
      if (own === undefined) throw misused(`this shell has no variable ${name}`, `--env ${name}=<value>`);
      return [name, own];
    }),
  );
}

function secretsOf(words: readonly string[]): Record<string, { secret: string; key: string }> {
  return Object.fromEntries(
    words.map((word) => {
      const {
        name = '',
        secret,
        key,
      } = /^(?<name>[^=]+)=(?<secret>[^/]+)\/(?<key>.+)$/.exec(word)?.groups ?? {};
      if (secret === undefined || key === undefined)
        throw misused(`${word} names no key of a Secret`, '--env-secret TOKEN=<secret>/<key>');
      return [name, { secret, key }];
    }),
  );
}

function volumeOf(word: string): NonNullable<CreateOptions['volumes']>[number] {
  const [name, mountPath, size, ...more] = word.split(':');
  if (!name || !mountPath || !size || more.length > 0)
    throw misused(`${word} is no volume`, '--volume data:/data:10Gi');
  return { name, mountPath, size, accessMode: 'ReadWriteOnce' };
}

/** Of a command. Throws SB-E036. */
export const commandWish = (
  { user, cwd, env: words, timeout }: { user?: string; cwd?: string; env?: string[]; timeout?: string },
  env: Env,
): CommandOptions => ({
  ...(user !== undefined && { user }),
  ...(cwd !== undefined && { cwd }),
  ...(words && { env: variablesOf(words, env) }),
  ...(timeout !== undefined && { timeoutMs: durationMs(timeout) }),
});

/** Throws SB-E036. */
export function extensionsOf({
  forTime,
  until,
  idleTimeout,
}: {
  forTime?: string;
  until?: string;
  idleTimeout?: string;
}): Extension[] {
  const ends: Extension[] = [
    ...(until === undefined ? [] : [{ until: pointInTime(until) }]),
    ...(forTime === undefined ? [] : [{ forMs: durationMs(forTime) }]),
  ];
  if (ends.length > 1) throw misused('give either a duration or --until', 'sb sandbox extend <sandbox> 2h');
  return [...ends, ...(idleTimeout === undefined ? [] : [{ idleTimeoutSeconds: seconds(idleTimeout) }])];
}

function pointInTime(text: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw misused(`${text} is no time`, '--until 2026-12-24T18:00:00Z');
  return time;
}
