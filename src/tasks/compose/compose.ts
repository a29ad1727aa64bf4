/**
 * A task's docker-compose.yaml → services that are containers of one Pod, or why not. Pure.
 *
 * ```
 * text ─ document.ts ─► plain JSON ─┬─ refusals.ts ───► every key that does not map
 *  (stored in metadata.json)        └─ interpolate.ts ─ schema.ts ─► service.ts, mounts.ts, network.ts, order.ts ─► Compose
 * ```
 *
 * Whatever is wrong is told all at once: what cannot be used of a service hides nothing of the others.
 */
import { isRecord } from '../../text/json.ts';
import { misfits } from '../toml/misfits.ts';
import type { ComposeSource, Table } from './document.ts';
import { dotEnv, envVar, pairsOf, variablesOf } from './env.ts';
import { filled } from './interpolate.ts';
import { mountsOf, type Mounted } from './mounts.ts';
import { NAME, namesOf, refuseNetworks, refusePorts, type Named } from './network.ts';
import { dependenciesOf, inOrder, refuseConditions } from './order.ts';
import { Place } from './place.ts';
import { refuseKeys } from './refusals.ts';
import { Service, Whole } from './schema.ts';
import { serviceOf } from './service.ts';
import type { Compose, ComposeProblem, ComposeService, Variables } from './types.ts';

/** The agent's. */
export const MAIN = 'main';
/** Each is a container, and a Pod has to fit on one node. */
const SERVICES_MAX = 16;

/** Never throws. `variables`: see `variables.ts`. */
export function composeOf(source: ComposeSource, variables: Variables): Compose {
  const problems: ComposeProblem[] = [];
  const place = new Place(problems);
  refuseKeys(source.document, place);
  const known = dotEnv(source, variables);
  const whole: Whole = usable(Whole, filledIn(source.document, known, place), place);
  const all = namedServices(whole, place.at('services'));
  const services = servicesOf(all, { source, whole, variables: known });
  refusePorts(all);
  refuseNetworks(all, new Set(Object.keys(whole.networks ?? {})));
  refuseConditions(services, place.at('services'));
  return { services: inOrder(services, place.at('services')), problems };
}

/** Keys whose variables are filled in where they are read, since a Secret may stand for a whole value. */
const LATER = /^services\n[^\n]*\n(environment|env_file|build\nargs)$/;

/** A copy with the variables filled in; keys stay as they are, as in Compose. */
function filledIn(value: unknown, variables: Variables, place: Place): unknown {
  if (LATER.test(place.path.join('\n'))) return value;
  if (typeof value === 'string') return filled(value, variables, place);
  if (Array.isArray(value)) return value.map((item, index) => filledIn(item, variables, place.at(index)));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, filledIn(item, variables, place.at(key))]),
  );
}

/** A table without those of its keys whose values do not fit. */
function usable(schema: typeof Whole | typeof Service, table: unknown, place: Place): Table {
  const found = misfits(schema, table);
  for (const { path, rest } of found) place.at(...path).invalid(rest);
  const bad = new Set(found.map(({ path }) => path[0]));
  return Object.fromEntries(Object.entries(isRecord(table) ? table : {}).filter(([key]) => !bad.has(key)));
}

/** With main, which Harbor adds where the file does not name it. */
function namedServices({ services = {} }: Whole, place: Place): Named[] {
  const all = Object.entries({ ...services, [MAIN]: services[MAIN] ?? null });
  if (all.length > SERVICES_MAX)
    place.unsupported(`there are ${all.length} services; expected at most ${SERVICES_MAX}, main among them`);
  return all.slice(0, SERVICES_MAX).map(([name, table]) => {
    const own = place.at(name);
    if (!NAME.test(name))
      own.unsupported(
        'no container and no host of a Pod can be called so; expected at most 40 lower-case letters, digits and hyphens, and no sb- at the beginning',
      );
    return { name, service: usable(Service, table ?? {}, own), place: own };
  });
}

interface Around {
  source: ComposeSource;
  whole: Whole;
  variables: Variables;
}

function servicesOf(all: readonly Named[], { source, whole, variables }: Around): ComposeService[] {
  const declared = new Set(Object.keys(whole.volumes ?? {}));
  const names = namesOf(all);
  const mounted = new Map(all.map((named) => [named.name, mountsOf(named, declared)]));
  refuseShared(mounted);
  const services = all.map((named) => {
    const { name, service, place } = named;
    return serviceOf(named, {
      env: variablesOf(service, place, { source, variables }),
      args: argsOf(named, variables),
      mounts: (mounted.get(name) ?? []).map(({ mount }) => mount),
      names: names.get(name) ?? [],
      dependsOn: dependenciesOf(named, all),
    });
  });
  for (const { name, place } of all) {
    const { image, build } = whole.services?.[name] ?? {};
    if (name !== MAIN && !image && !build)
      place.invalid('it has neither image nor build; expected one of them');
  }
  return services.map((service) => withImage(service, services));
}

const argsOf = ({ service: { build }, place }: Named, variables: Variables) =>
  typeof build === 'object'
    ? pairsOf(build.args, place.at('build', 'args'), variables).map(([name, value]) => envVar(name, value))
    : [];

/** Says where the image comes from: one that another service builds has that service’s tag. */
function withImage(service: ComposeService, all: readonly ComposeService[]): ComposeService {
  const { image, build } = service;
  if (build || image === undefined) return service;
  const maker = all.find((one) => one.image === image && makes(one));
  return maker && maker !== service ? { ...service, imageOf: maker.name } : service;
}

/** Main is built where nothing else is said. */
const makes = ({ name, build }: ComposeService): boolean => build !== undefined || name === MAIN;

/** What one container writes into a folder of the task another one would see: copies are not shared. */
function refuseShared(mounted: ReadonlyMap<string, Mounted[]>): void {
  const copies = [...mounted].flatMap(([name, list]) =>
    list.flatMap(({ mount, ...rest }) =>
      mount.kind === 'copy' ? [{ name, from: mount.from, ...rest }] : [],
    ),
  );
  for (const { name, from, writable, place } of copies) {
    const other = copies.find((one) => one.from === from && one.name !== name);
    if (writable && other)
      place.unsupported(
        `${name} may write ${from}, which ${other.name} mounts as well, and each has a copy of its own; mount it read-only, or share a volume`,
      );
  }
}
