/** Older spellings that Harbor still reads, brought to today's before the schema is applied. */
import type { TomlTable } from 'smol-toml';
import { shown } from './problems.ts';
import type { Path } from './problems.ts';

/** Reports a problem with the value at a path: the sentence goes on after the field's name. */
export type Report = (path: Path, rest: string) => void;

export const isTable = (value: unknown): value is TomlTable =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

const tablesIn = (list: unknown): [number, TomlTable][] =>
  Array.isArray(list) ? list.flatMap((item, index) => (isTable(item) ? [[index, item]] : [])) : [];

/** Changes the parsed document in place. */
export function modernise(document: TomlTable, report: Report): void {
  if ('version' in document) {
    document['schema_version'] ??= document['version'];
    delete document['version'];
  }
  moderniseEnvironment(document['environment'], ['environment'], report);
  moderniseVerifier(document['verifier'], ['verifier'], report);
  moderniseArtifacts(document['artifacts']);
  for (const [index, step] of tablesIn(document['steps'])) {
    moderniseVerifier(step['verifier'], ['steps', index, 'verifier'], report);
    moderniseArtifacts(step['artifacts']);
  }
}

function moderniseVerifier(verifier: unknown, path: Path, report: Report): void {
  if (isTable(verifier)) moderniseEnvironment(verifier['environment'], [...path, 'environment'], report);
}

function moderniseEnvironment(environment: unknown, path: Path, report: Report): void {
  if (!isTable(environment)) return;
  moderniseSize(environment, [...path, 'memory'], report);
  moderniseSize(environment, [...path, 'storage'], report);
  moderniseInternet(environment, [...path, 'allow_internet'], report);
  // What writes the field always writes nothing into it where there is no image.
  if (environment['docker_image'] === '') delete environment['docker_image'];
  if (typeof environment['os'] === 'string') environment['os'] = environment['os'].toLowerCase();
  for (const [, server] of tablesIn(environment['mcp_servers']))
    if (server['transport'] === 'http') server['transport'] = 'streamable-http';
}

function moderniseInternet(environment: TomlTable, path: Path, report: Report): void {
  const allowed = environment['allow_internet'];
  delete environment['allow_internet'];
  if (allowed === undefined) return;
  if (typeof allowed !== 'boolean') return report(path, `is ${shown(allowed)}; expected true or false`);
  if ('network_mode' in environment || 'allowed_hosts' in environment) return;
  environment['network_mode'] = allowed ? 'public' : 'no-network';
}

/** Megabytes in each unit of the old sizes. */
const UNITS: Record<string, number> = { G: 1024, M: 1, K: 1 / 1024 };

function moderniseSize(environment: TomlTable, path: Path, report: Report): void {
  const field = String(path.at(-1));
  const value = environment[field];
  delete environment[field];
  if (value === undefined) return;
  const [, amount, unit] = (typeof value === 'string' && /^\s*(\d+(?:\.\d+)?)([GMK])\s*$/i.exec(value)) || [];
  if (amount === undefined || unit === undefined)
    return report(path, `is ${shown(value)}; expected a size such as "2G" or "512M"`);
  const megabytes = Math.trunc(Number(amount) * (UNITS[unit.toUpperCase()] ?? 1));
  const current = environment[`${field}_mb`];
  if (current !== undefined && current !== megabytes)
    report(
      path,
      `is ${shown(value)} (${megabytes} MB), but ${field}_mb is ${shown(current)}; expected one of the two`,
    );
  environment[`${field}_mb`] ??= megabytes;
}

function moderniseArtifacts(artifacts: unknown): void {
  for (const [, artifact] of tablesIn(artifacts))
    if (artifact['destination'] === '') delete artifact['destination'];
}
