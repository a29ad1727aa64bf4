/** Keys that do not map to containers of one Pod, each with the sentence that refuses it; and those that change nothing here. */
import { isRecord } from '../../text/json.ts';
import type { Table } from './document.ts';
import type { Place } from './place.ts';
import { Service, Whole } from './schema.ts';

/** A value that says nothing: as if the key were not there. */
export function saysNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isRecord(value)) return Object.keys(value).length === 0;
  return value === null || value === undefined || value === false || value === 'false' || value === '';
}

const LIMITS = 'no limit of a container but those of CPU and memory is set here; leave it out';
const KERNEL = 'the kernel’s settings are those of the node; leave it out';
const NAMESPACE = 'a container has its own processes and users, and no others; leave it out';
const DEVICES = 'no device of a node is given to a container; leave it out';
const NAMES = 'names are looked up as in every Pod, and services by their own; leave it out';
const ONE_FILE = 'only this one file is read; write out here what it would add';
const FILES = 'is not mounted here; mount a file of environment/ under volumes';
const HOOKS = 'nothing is run beside the service’s own command; put it into that';

const OF_SERVICE: Record<string, string> = {
  privileged: 'a container of a Trial has no rights of its node; leave it out',
  cap_drop: 'a container keeps the capabilities that Docker gives by default; leave it out',
  devices: DEVICES,
  device_cgroup_rules: DEVICES,
  gpus: 'GPUs are given to main alone; set gpus under [environment] in task.toml',
  pid: NAMESPACE,
  ipc: NAMESPACE,
  uts: NAMESPACE,
  userns_mode: NAMESPACE,
  cgroup: NAMESPACE,
  cgroup_parent: NAMESPACE,
  group_add: 'a process has the groups that its image gives its user; leave it out',
  runtime: 'the runtime is the Pod’s; set spec.environment.runtimeClassName in the Trial',
  isolation: 'the runtime is the Pod’s; leave it out',
  credential_spec: 'it belongs to Windows; leave it out',
  extra_hosts: NAMES,
  dns: NAMES,
  dns_search: NAMES,
  dns_opt: NAMES,
  domainname: NAMES,
  external_links: 'there are no containers but those of this file; leave it out',
  mac_address: 'all services have the one network interface of the Pod; leave it out',
  sysctls: KERNEL,
  ulimits: LIMITS,
  pids_limit: LIMITS,
  memswap_limit: LIMITS,
  mem_swappiness: LIMITS,
  oom_kill_disable: LIMITS,
  oom_score_adj: LIMITS,
  cpu_count: LIMITS,
  cpu_percent: LIMITS,
  cpu_period: LIMITS,
  cpu_quota: LIMITS,
  cpu_rt_period: LIMITS,
  cpu_rt_runtime: LIMITS,
  cpu_shares: LIMITS,
  cpuset: LIMITS,
  blkio_config: LIMITS,
  storage_opt: LIMITS,
  read_only: 'a container can write its own files; leave it out',
  volume_driver: 'volumes are folders of the Pod; leave it out',
  volumes_from: 'volumes are shared by their names alone; name them under volumes of both services',
  secrets: FILES,
  configs: FILES,
  extends: ONE_FILE,
  profiles: 'no profile is active, so the service would never start; leave out the profile or the service',
  post_start: HOOKS,
  pre_stop: HOOKS,
  provider: 'services are containers here; leave it out',
  models: 'no model is run beside a task; leave it out',
  use_api_socket: 'a container never sees the Docker of a node; leave it out',
};

/** What only Docker’s own tools ask for, and how a container is stopped, which is when nobody needs it any more. */
const IGNORED = new Set([
  'annotations',
  'attach',
  'develop',
  'label_file',
  'labels',
  'logging',
  'pull_policy',
  'pull_refresh_after',
  'stop_grace_period',
  'stop_signal',
]);

const OF_WHOLE: Record<string, string> = {
  include: ONE_FILE,
  secrets: FILES,
  configs: FILES,
  models: OF_SERVICE['models'] ?? '',
};
const IGNORED_OF_WHOLE = new Set(['name', 'version']);

const OF_BUILD: Record<string, string> = Object.fromEntries(
  [
    'additional_contexts',
    'dockerfile_inline',
    'entitlements',
    'extra_hosts',
    'isolation',
    'network',
    'platforms',
    'privileged',
    'provenance',
    'sbom',
    'secrets',
    'shm_size',
    'ssh',
    'ulimits',
  ].map((key) => [key, 'an image is built from context, dockerfile, target and args alone; leave it out']),
);
const IGNORED_OF_BUILD = new Set(['cache_from', 'cache_to', 'labels', 'no_cache', 'pull', 'tags']);

/** Of a swarm, which Compose without one takes no notice of. */
const IGNORED_OF_DEPLOY = new Set([
  'endpoint_mode',
  'labels',
  'placement',
  'rollback_config',
  'update_config',
]);

const OF_LIMITS: Record<string, string> = { pids: LIMITS };
const OF_RESERVATIONS: Record<string, string> = {
  devices: OF_SERVICE['gpus'] ?? '',
  generic_resources: DEVICES,
};

interface Known {
  maps: readonly string[];
  refused: Record<string, string>;
  ignored?: ReadonlySet<string>;
}

const SERVICE: Known = { maps: Object.keys(Service.properties), refused: OF_SERVICE, ignored: IGNORED };
const WHOLE: Known = { maps: Object.keys(Whole.properties), refused: OF_WHOLE, ignored: IGNORED_OF_WHOLE };
const BUILD: Known = {
  maps: ['context', 'dockerfile', 'target', 'args'],
  refused: OF_BUILD,
  ignored: IGNORED_OF_BUILD,
};
const DEPLOY: Known = {
  maps: ['replicas', 'mode', 'resources', 'restart_policy'],
  refused: {},
  ignored: IGNORED_OF_DEPLOY,
};
const AMOUNTS = ['cpus', 'memory'];
const VOLUME: Known = {
  maps: ['driver', 'driver_opts', 'external'],
  refused: {},
  ignored: new Set(['labels', 'name']),
};
const NETWORK: Known = {
  maps: ['driver', 'external', 'internal'],
  refused: Object.fromEntries(
    ['driver_opts', 'enable_ipv4', 'enable_ipv6', 'ipam'].map((key) => [
      key,
      'all services have the one address of the Pod; leave it out',
    ]),
  ),
  ignored: new Set(['attachable', 'labels', 'name']),
};
const ATTACHED: Known = {
  maps: ['aliases'],
  refused: Object.fromEntries(
    ['driver_opts', 'interface_name', 'ipv4_address', 'ipv6_address', 'link_local_ips', 'mac_address'].map(
      (key) => [key, 'all services have the one address of the Pod; leave it out, and use names'],
    ),
  ),
  ignored: new Set(['gw_priority', 'priority']),
};
const DRIVER = 'volumes are empty folders of the Pod, and networks the one of the Pod; leave out the driver';

/** Says of each key that is not run why. */
function keysOf(table: unknown, { maps, refused, ignored }: Known, place: Place): void {
  for (const [key, value] of entriesOf(table)) {
    if (maps.includes(key) || ignored?.has(key) || key.startsWith('x-')) continue;
    const why = Object.hasOwn(refused, key) ? refused[key] : undefined;
    if (why === undefined) place.at(key).invalid('Compose knows no such key; leave it out');
    else if (!saysNothing(value)) place.at(key).unsupported(why);
  }
}

const tableOf = (value: unknown): Table => (isRecord(value) ? value : {});
const entriesOf = (value: unknown): [string, unknown][] => Object.entries(tableOf(value));

/** Every key of a document that is not run, whatever else is wrong with it. */
export function refuseKeys(document: Table, place: Place): void {
  keysOf(document, WHOLE, place);
  for (const [name, service] of entriesOf(document['services']))
    refuseKeysOfService(tableOf(service), place.at('services', name));
  for (const [name, volume] of entriesOf(document['volumes']))
    refuseKeysOfVolume(tableOf(volume), place.at('volumes', name));
  for (const [name, network] of entriesOf(document['networks']))
    refuseKeysOfNetwork(tableOf(network), place.at('networks', name));
}

function refuseKeysOfService(service: Table, place: Place): void {
  keysOf(service, SERVICE, place);
  keysOf(service['build'], BUILD, place.at('build'));
  const { deploy, networks } = service;
  keysOf(deploy, DEPLOY, place.at('deploy'));
  const { limits, reservations } = tableOf(tableOf(deploy)['resources']);
  const resources = place.at('deploy', 'resources');
  keysOf(limits, { maps: AMOUNTS, refused: OF_LIMITS }, resources.at('limits'));
  keysOf(reservations, { maps: AMOUNTS, refused: OF_RESERVATIONS }, resources.at('reservations'));
  for (const [name, network] of entriesOf(networks)) keysOf(network, ATTACHED, place.at('networks', name));
}

function refuseKeysOfVolume(volume: Table, place: Place): void {
  keysOf(volume, VOLUME, place);
  const { driver, driver_opts: options, external } = volume;
  if (!saysNothing(driver) && driver !== 'local') place.at('driver').unsupported(DRIVER);
  if (!saysNothing(options))
    place.at('driver_opts').unsupported('a volume is an empty folder of the Pod; leave them out');
  if (!saysNothing(external))
    place
      .at('external')
      .unsupported('nothing is there before a Trial; leave it out, and the volume is empty at first');
}

function refuseKeysOfNetwork(network: Table, place: Place): void {
  keysOf(network, NETWORK, place);
  const { driver, external, internal } = network;
  if (!saysNothing(driver) && driver !== 'bridge') place.at('driver').unsupported(DRIVER);
  if (!saysNothing(external))
    place.at('external').unsupported('there is no network but the Pod’s; leave it out');
  if (!saysNothing(internal))
    place.at('internal').unsupported('what a Pod may reach is said by phase; set network_mode in task.toml');
}
