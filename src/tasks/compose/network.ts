/** What of services concerns the one network that they have in a Pod: their names, their ports, and who reaches whom. */
import { isRecord } from '../../text/json.ts';
import type { Path } from '../toml/problems.ts';
import type { Place } from './place.ts';
import type { Service } from './schema.ts';

/** A service with its key in the document. */
export interface Named {
  name: string;
  service: Service;
  place: Place;
}

/**
 * A single label: a name with dots would hide a host of the internet from everybody in the Pod, the courier too. So would one that begins with
 * `sb-` hide a server of the installation, such as the store of a local cluster.
 */
export const NAME = /^(?!sb-)[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/;
const LABEL = /^(?!sb-)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** Everything that a service is called, each name once. Links are names for other services. */
export function namesOf(all: readonly Named[]): Map<string, string[]> {
  const names = new Map(all.map(({ name }) => [name, [name]]));
  for (const named of all)
    for (const { of, name, place } of aliasesOf(named)) {
      const known = names.get(of);
      if (!known) place.invalid(`there is no service ${of}`);
      else if (!LABEL.test(name) || name === 'localhost')
        place.unsupported(
          `the name ${JSON.stringify(name)} cannot be looked up in a Pod; expected lower-case letters, digits and hyphens, and no sb- at the beginning`,
        );
      else if (!known.includes(name)) known.push(name);
    }
  return names;
}

interface Alias {
  of: string;
  name: string;
  place: Place;
}

function aliasesOf({ name: of, service, place }: Named): Alias[] {
  const { hostname, container_name: container, links = [] } = service;
  return [
    ...(hostname === undefined ? [] : [{ of, name: hostname, place: place.at('hostname') }]),
    ...(container === undefined ? [] : [{ of, name: container, place: place.at('container_name') }]),
    ...networkAliases(service).map(({ alias, at }) => ({
      of,
      name: alias,
      place: place.at('networks', ...at),
    })),
    ...links.map((link, index) => {
      const [target = '', alias = target] = String(link).split(':', 2);
      return { of: target, name: alias, place: place.at('links', index) };
    }),
  ];
}

function networkAliases({ networks }: Service): { alias: string; at: Path }[] {
  if (!isRecord(networks)) return [];
  return Object.entries(networks).flatMap(([network, attached]) => {
    const aliases = isRecord(attached) ? attached['aliases'] : [];
    return (Array.isArray(aliases) ? aliases : []).map((alias, index) => ({
      alias: String(alias),
      at: [network, 'aliases', index],
    }));
  });
}

/** Two containers of a Pod cannot listen on one port. What they listen on without saying so is not known. */
export function refusePorts(all: readonly Named[]): void {
  const taken = new Map<string, string>();
  for (const named of all)
    for (const { port, place } of portsOf(named)) {
      const other = taken.get(port) ?? named.name;
      taken.set(port, other);
      if (other !== named.name)
        place.unsupported(
          `${other} listens on port ${port} as well, and the containers of a Pod share one network; let one of them listen on another port`,
        );
    }
}

interface Port {
  /** With its protocol. */
  port: string;
  place: Place;
}

/** Ports of the container; what they are published as on a machine means nothing here. */
function portsOf({ service: { ports = [], expose = [] }, place }: Named): Port[] {
  const said = [
    ...ports.map((port, index) => ({ text: textOf(port), place: place.at('ports', index) })),
    ...expose.map((port, index) => ({ text: String(port), place: place.at('expose', index) })),
  ];
  return said.flatMap(({ text, place: at }) => {
    const found = portRange(text);
    if (!found) at.invalid(`${JSON.stringify(text)} is no port; expected one such as "8080:80"`);
    return (found ?? []).map((port) => ({ port, place: at }));
  });
}

const textOf = (port: NonNullable<Service['ports']>[number]): string =>
  typeof port === 'object' ? `${port.target}/${port.protocol ?? 'tcp'}` : String(port);

const PORT = /^(?:[^/]*:)?(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp))?$/;
const PORTS_MAX = 256;

function portRange(text: string): string[] | undefined {
  const [, begin, end = begin, protocol = 'tcp'] = PORT.exec(text) ?? [];
  const [first, last] = [Number(begin), Number(end)];
  if (!(first > 0 && first <= last && last <= 65_535 && last - first < PORTS_MAX)) return undefined;
  return Array.from({ length: last - first + 1 }, (_, at) => `${first + at}/${protocol}`);
}

/** Services that share no network must not reach each other, and in a Pod they would. `declared`: networks of the file. */
export function refuseNetworks(all: readonly Named[], declared: ReadonlySet<string>): void {
  const networks = new Map(all.map((named) => [named.name, networksOf(named, all)]));
  for (const { service, place } of all)
    for (const network of ownNetworks(service))
      if (network !== 'default' && !declared.has(network))
        place.at('networks').invalid(`${network} is not among those under networks of the file`);
  for (const [at, { name, place }] of all.entries()) {
    const own = networks.get(name) ?? [];
    const apart = all
      .slice(0, at)
      .find((other) => !networks.get(other.name)?.some((one) => own.includes(one)));
    if (apart)
      place
        .at('networks')
        .unsupported(
          `${name} and ${apart.name} share no network, and in a Pod every service reaches all others; give them one in common`,
        );
  }
}

const DEFAULT = ['default'];

function ownNetworks({ networks }: Service): string[] {
  const named = Array.isArray(networks) ? networks.map(String) : Object.keys(networks ?? {});
  return named.length > 0 ? named : DEFAULT;
}

/** With those of the service whose network it shares. */
function networksOf({ service, place }: Named, all: readonly Named[]): string[] {
  const { network_mode: mode } = service;
  if (mode === undefined || mode === '') return ownNetworks(service);
  const [, target] = /^service:(.+)$/.exec(mode) ?? [];
  const other = all.find(({ name }) => name === target);
  const at = place.at('network_mode');
  if (mode === 'none')
    at.unsupported('what services may reach is said by phase; set network_mode in task.toml');
  else if (target === undefined)
    at.unsupported('all services share the network of the Pod, and none has the node’s; leave it out');
  else if (!other) at.invalid(`there is no service ${target}`);
  return other ? ownNetworks(other.service) : DEFAULT;
}
