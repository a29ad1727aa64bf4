/** One service that fits its schema → what its container is made of. */
import { posix } from 'node:path';
import Value from 'typebox/value';
import { User, type EnvVar } from '../../crds/environment.ts';
import { present } from '../../crds/present.ts';
import { wordsOf } from './amounts.ts';
import { inEnvironment } from './document.ts';
import { healthcheckOf } from './healthcheck.ts';
import type { Named } from './network.ts';
import type { Place } from './place.ts';
import { saysNothing } from './refusals.ts';
import { resourcesOf } from './resources.ts';
import type { Service } from './schema.ts';
import type { ComposeBuild, ComposeService, Restart } from './types.ts';

/** What is read of it elsewhere. */
interface Known extends Pick<ComposeService, 'env' | 'mounts' | 'names' | 'dependsOn'> {
  /** `args` of its build. */
  args: EnvVar[];
}

export function serviceOf(named: Named, { args, ...known }: Known): ComposeService {
  const { name, service, place } = named;
  refuseCapabilities(named);
  refuseOptions(named);
  refuseCopies(named);
  refuseTerminals(named);
  const { image, build, user, working_dir: workdir } = service;
  return {
    name,
    ...present({
      image: image === '' ? undefined : image,
      build: build === undefined ? undefined : buildOf(build, args, place.at('build')),
      entrypoint: commandOf(service.entrypoint, place.at('entrypoint')),
      command: commandOf(service.command, place.at('command')),
      user: userOf(user, place.at('user')),
      workdir: workdirOf(workdir, place.at('working_dir')),
      healthcheck: healthcheckOf(service.healthcheck, place.at('healthcheck')),
    }),
    ...known,
    restart: restartOf(service, place),
    resources: resourcesOf(service, place),
    noNewPrivileges: (service.security_opt ?? []).some((option) => NO_NEW_PRIVILEGES.test(String(option))),
  };
}

/** What Docker gives every container, and a Trial’s has too. */
const CAPABILITIES = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
);

function refuseCapabilities({ service: { cap_add: added = [] }, place }: Named): void {
  const more = added.map(String).find((one) => !CAPABILITIES.has(one.toUpperCase().replace(/^CAP_/, '')));
  if (more !== undefined)
    place
      .at('cap_add')
      .unsupported(
        `a container of a Trial does not get ${more}, only what Docker gives by default; leave it out`,
      );
}

const NO_NEW_PRIVILEGES = /^no-new-privileges([:=]true)?$/;

function refuseOptions({ service: { security_opt: options = [], platform = '' }, place }: Named): void {
  const option = options.map(String).find((one) => !NO_NEW_PRIVILEGES.test(one));
  if (option !== undefined)
    place.at('security_opt').unsupported(`${option} is not set here; expected no-new-privileges, or none`);
  if (!/^(linux\/amd64)?$/.test(platform))
    place.at('platform').unsupported(`${platform} is not run; expected linux/amd64`);
}

function refuseCopies({ service: { scale = 1, deploy }, place }: Named): void {
  const { replicas = 1, mode = 'replicated' } = deploy ?? {};
  const says = 'a service is one container; leave it out, or name each of them';
  if (Number(scale) !== 1) place.at('scale').unsupported(says);
  if (Number(replicas) !== 1) place.at('deploy', 'replicas').unsupported(says);
  if (mode !== 'replicated')
    place.at('deploy', 'mode').unsupported('a service is one container that lives on; leave it out');
}

/** The container of main lives on without its command. */
function refuseTerminals({ name, service, place }: Named): void {
  for (const key of ['tty', 'stdin_open'] as const)
    if (name !== 'main' && !saysNothing(service[key]))
      place.at(key).unsupported('nobody types into a service; let its command live on without that');
}

const isOutside = (path: string): boolean =>
  posix.isAbsolute(path) || /^\.\.(\/|$)/.test(posix.normalize(path));

function buildOf(
  build: NonNullable<Service['build']>,
  args: EnvVar[],
  place: Place,
): ComposeBuild | undefined {
  const { context = '.', dockerfile, target } = typeof build === 'string' ? { context: build } : build;
  const folder = inEnvironment(context);
  if (dockerfile !== undefined && isOutside(dockerfile))
    place.at('dockerfile').unsupported(`${dockerfile} lies outside of the context; put it there`);
  for (const { name, secretKeyRef } of args)
    if (secretKeyRef)
      place
        .at('args', name)
        .unsupported('a Secret’s value would stay in the image for everybody to read; leave it out');
  if (folder === undefined) {
    place
      .at('context')
      .unsupported(`${context} is no folder of environment/, of which images are built; put the files there`);
    return undefined;
  }
  return {
    context: `${folder}/`,
    ...present({ dockerfile: dockerfile === undefined ? undefined : posix.normalize(dockerfile), target }),
    args: Object.fromEntries(args.map(({ name, value = '' }) => [name, value])),
  };
}

/** An empty one takes away the image’s. */
function commandOf(command: Service['command'], place: Place): string[] | undefined {
  if (command === undefined || command === null) return undefined;
  if (typeof command !== 'string') return command.map(String);
  const words = wordsOf(command);
  if (!words) place.invalid('a quote in it is not closed');
  return words;
}

const USER = User('');

function userOf(user: Service['user'], place: Place): string | undefined {
  if (user === undefined || user === '') return undefined;
  if (Value.Check(USER, String(user))) return String(user);
  place.invalid(
    `${JSON.stringify(user)} is no user; expected a name or a number, perhaps with a group after a colon`,
  );
  return undefined;
}

function workdirOf(workdir: string | undefined, place: Place): string | undefined {
  if (workdir === undefined || workdir === '') return undefined;
  if (posix.isAbsolute(workdir)) return posix.normalize(workdir);
  place.invalid(`${workdir} is no absolute path`);
  return undefined;
}

const RESTARTS: Record<string, Restart['when']> = {
  no: 'never',
  none: 'never',
  false: 'never',
  always: 'always',
  any: 'always',
  'unless-stopped': 'always',
  'on-failure': 'failed',
};

/** `deploy.restart_policy` holds where `restart` says nothing, as in Compose. */
function restartOf({ restart, deploy }: Service, place: Place): Restart {
  const text = String(restart ?? policyOf(deploy?.restart_policy) ?? 'no');
  const [, word = '', tries] = /^([a-z-]+)(?::(\d{1,6}))?$/.exec(text) ?? [];
  const { [word]: when } = RESTARTS;
  if (when === 'failed') return { when, ...(tries !== undefined && { tries: Number(tries) }) };
  if (when === undefined)
    place
      .at('restart')
      .invalid(`${JSON.stringify(text)} is no policy; expected no, always, unless-stopped or on-failure`);
  return { when: when ?? 'never' };
}

const policyOf = (policy: NonNullable<Service['deploy']>['restart_policy']): string | undefined =>
  policy && [policy.condition ?? 'any', policy.max_attempts].filter((part) => part !== undefined).join(':');
