/** Rules about docker-compose.yaml. It is read as it stands: variables are not filled in. */
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { lstatSync, realpathSync } from 'node:fs';
import { isRecord } from '../../text/json.ts';
import { readDocument } from '../compose/document.ts';
import { isPinned } from './config.ts';
import type { RuleName } from './rules.ts';

interface ComposeMessage {
  rule: RuleName;
  message: string;
}

type Table = Record<string, unknown>;

const tables = (value: unknown): [string, Table][] =>
  Object.entries(isRecord(value) ? value : {}).flatMap(([name, item]) =>
    isRecord(item) ? [[name, item]] : [],
  );
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** A directory of the host that a service sees. */
interface Bind {
  source: string;
  field: string;
  readOnly: boolean;
}

/** `file` is the absolute path of the compose file, `root` that of its task. */
export function composeMessages(
  text: string,
  { file, root }: { file: string; root: string },
): ComposeMessage[] {
  const read = readDocument(text);
  if ('fault' in read) return [{ rule: 'invalid-task-config', message: `the file ${read.fault}` }];
  const { services, volumes } = read.document;
  const local = localBinds(volumes);
  const built = new Set(
    tables(services).flatMap(([, { build, image }]) => (build && typeof image === 'string' ? [image] : [])),
  );
  return tables(services).flatMap(([name, service]) => {
    const field = `services.${name}`;
    return [
      ...imageMessages(service, field, built),
      ...privilegeMessages(service, field),
      ...bindsOf(service, field, local).flatMap((bind) => bindMessages(bind, { file, root })),
    ];
  });
}

/** Names of all services; none where the file cannot be read. */
export function servicesIn(text: string): string[] {
  const read = readDocument(text);
  return 'fault' in read ? [] : tables(read.document.services).map(([name]) => name);
}

function imageMessages({ image }: Table, field: string, built: Set<string>): ComposeMessage[] {
  if (typeof image !== 'string' || built.has(image) || isPinned(image)) return [];
  const message = `${field}.image ${image} may become another at any time; expected image@sha256:<digest>`;
  return [{ rule: 'unpinned-image', message }];
}

function privilegeMessages(service: Table, field: string): ComposeMessage[] {
  const places: [string, unknown][] = [
    [field, service],
    ...['post_start', 'pre_stop'].flatMap((hook) =>
      list(service[hook]).map((item, index): [string, unknown] => [`${field}.${hook}[${index}]`, item]),
    ),
  ];
  const privileged = places
    .filter(([, item]) => isRecord(item) && item['privileged'] === true)
    .map(([place]): ComposeMessage => ({
      rule: 'compose-privileged',
      message: `${place}.privileged is true; expected it to be left out`,
    }));
  if (list(service['cap_add']).length === 0) return privileged;
  const message = `${field}.cap_add asks for ${list(service['cap_add']).join(', ')}; expected no more than the container has`;
  return [...privileged, { rule: 'compose-additional-capabilities', message }];
}

/** Named volumes that are a directory of the host all the same. */
function localBinds(volumes: unknown): Map<string, Omit<Bind, 'field'>> {
  return new Map(
    tables(volumes).flatMap(([name, { driver = 'local', driver_opts: options }]) => {
      const { o = '', device } = isRecord(options) ? options : {};
      const flags = String(o).split(',');
      if (driver !== 'local' || typeof device !== 'string' || !flags.some((flag) => /^r?bind$/.test(flag)))
        return [];
      const access = flags.findLast((flag) => flag === 'ro' || flag === 'rw');
      return [[name, { source: device, readOnly: access === 'ro' }]];
    }),
  );
}

function bindsOf(service: Table, field: string, local: Map<string, Omit<Bind, 'field'>>): Bind[] {
  return list(service['volumes']).flatMap((volume, index): Bind[] => {
    const mount = typeof volume === 'string' ? shortMount(volume) : longMount(volume);
    if (!mount) return [];
    const at = `${field}.volumes[${index}]`;
    const named = local.get(mount.source);
    if (named) return [{ source: named.source, field: at, readOnly: named.readOnly || mount.readOnly }];
    return mount.bind ? [{ ...mount, field: at }] : [];
  });
}

type Mount = Omit<Bind, 'field'> & { bind: boolean };

/** `./a:/b:ro` */
function shortMount(text: string): Mount | undefined {
  const [source = '', target, mode = ''] = text.split(':');
  if (target === undefined) return undefined;
  return { source, readOnly: mode.split(',').includes('ro'), bind: /^[./~$]/.test(source) };
}

function longMount(volume: unknown): Mount | undefined {
  if (!isRecord(volume) || typeof volume['source'] !== 'string') return undefined;
  return {
    source: volume['source'],
    readOnly: volume['read_only'] === true,
    bind: volume['type'] === 'bind',
  };
}

function bindMessages(
  { source, field, readOnly }: Bind,
  { file, root }: { file: string; root: string },
): ComposeMessage[] {
  const found: ComposeMessage[] = [];
  if (!readOnly)
    found.push({
      rule: 'compose-writable-bind-mount',
      message: `${field} may write ${source} of the host; expected a read-only mount or a volume`,
    });
  if (source.startsWith('~') || source.includes('$')) return found;
  const local = resolve(dirname(file), source);
  if (isWithin(realPathOf(local), root)) return found;
  found.push({
    rule: 'compose-external-bind-mount',
    message: `${field} mounts ${source}, which is not within the task; expected a path of the task`,
  });
  if (throughLink(local))
    found.push({
      rule: 'compose-symlink-bind-mount',
      message: `${field} mounts ${source} through a link out of the task; expected a path of the task`,
    });
  return found;
}

function isWithin(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '' || (!way.startsWith('..') && !isAbsolute(way));
}

/** With the links of what is there followed. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(realPathOf(above), relative(above, path));
  }
}

function throughLink(path: string): boolean {
  const above = dirname(path);
  const link = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
  return link || (above !== path && throughLink(above));
}
