/** What the API server refuses, and `sb task check` and `--dry-run` say before it. */
import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder } from '../../../test/support/folder.ts';
import { readTask } from '../folder/read.ts';
import { refusedOf } from './refusals.ts';

const many = (count: number, line: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => line(at)).join('\n');
const long = (length: number): string => 'x'.repeat(length);
const env = (table: string, lines: string): string => `[${table}.env]\n${lines}\n`;
const healthcheck = (lines: string): string =>
  `[environment.healthcheck]\n${lines.includes('command') ? '' : 'command = "true"\n'}${lines}\n`;

/** By what task.toml says, the fields that are refused. */
const REFUSED: [toml: string, ...fields: string[]][] = [
  [`artifacts = [${many(65, (at) => `"/a${at}",`)}]`, 'artifacts'],
  [`artifacts = ["/${long(4096)}"]`, 'artifacts[0].source'],
  [`artifacts = [{source = "/a", destination = "${long(1025)}"}]`, 'artifacts[0].destination'],
  ...['environment', 'verifier', 'solution'].flatMap((table): [string, string][] => [
    [
      env(
        table,
        many(129, (at) => `A${at} = ""`),
      ),
      `${table}.env`,
    ],
    [env(table, `A = "${long(32_769)}"`), `${table}.env.A`],
    [env(table, `"a b" = ""`), `${table}.env."a b"`],
    [env(table, `1A = ""`), `${table}.env.1A`],
    [env(table, `${long(129)} = ""`), `${table}.env.${long(129)}`],
  ]),
  [`[environment]\ndocker_image = "${long(1025)}"`, 'environment.docker_image'],
  [`[environment]\nworkdir = "/${long(4096)}"`, 'environment.workdir'],
  ['[environment]\ngpus = 65', 'environment.gpus'],
  ['[environment]\nbuild_timeout_sec = 2592001', 'environment.build_timeout_sec'],
  [healthcheck(`command = "${long(4097)}"`), 'environment.healthcheck.command'],
  [healthcheck('command = ""'), 'environment.healthcheck.command'],
  [healthcheck('retries = 1001'), 'environment.healthcheck.retries'],
  ...['interval_sec', 'timeout_sec', 'start_period_sec', 'start_interval_sec'].map(
    (field): [string, string] => [healthcheck(`${field} = 2592001`), `environment.healthcheck.${field}`],
  ),
  ['[agent]\ntimeout_sec = 2592001', 'agent.timeout_sec'],
  ['[verifier]\ntimeout_sec = 1e9', 'verifier.timeout_sec'],
  [`[agent]\nuser = "${long(130)}"`, 'agent.user'],
  ['[agent]\nuser = "a b"\n[verifier]\nuser = "-x"', 'agent.user', 'verifier.user'],
];

const TAKEN = [
  '',
  '[environment]\ndocker_image = ""',
  '[agent]\nuser = "1000:1000"\n[verifier]\nuser = "agent:staff"',
  env(
    'environment',
    many(128, (at) => `A${at} = ""`),
  ),
  env('environment', 'A = "${NOT_SET}"\nB = "${NOT_SET:-x}"'),
  healthcheck('retries = 1000\nstart_period_sec = 2592000'),
  '[environment]\nmemory_mb = 4096\nstorage_mb = 20480\ncpus = 0.5\ngpus = 64',
];

describe('What the API refuses of a task', () => {
  const folders: string[] = [];
  after(() => Promise.all(folders.map(removeTaskFolder)));

  async function fieldsOf(toml: string) {
    const dir = await taskFolder({ ...MINIMAL, 'solution/solve.sh': '#!/bin/sh\n', 'task.toml': toml });
    folders.push(dir);
    return refusedOf(await readTask(dir));
  }

  for (const [toml, ...fields] of REFUSED)
    it(`is ${fields.map((field) => field.slice(0, 60)).join(' and ')}: ${toml.slice(0, 40).replaceAll('\n', ' ')}`, async () => {
      const found = await fieldsOf(toml);
      expect(found.map(({ field }) => field)).to.deep.equal(fields);
      for (const { field, message } of found) {
        expect(message)
          .to.include(field)
          .and.match(/expected|is empty/);
        expect(message.length).to.be.below(field.length + 200);
      }
    });

  it('is nothing that it takes', async () => {
    for (const toml of TAKEN) expect(await fieldsOf(toml), toml.slice(0, 80)).to.deep.equal([]);
  });
});
