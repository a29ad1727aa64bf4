/** A Sandbox that is kept busy with commands and files, of which it is known beforehand what has to come of each. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxEnvironment } from '../../../src/client/sandbox/environment.ts';

/** What was asked of all Sandboxes, and what came of it. */
export interface Tally {
  commands: number;
  bytes: number;
  /** Sentences about what was lost, wrong, or there twice. */
  wrong: string[];
}

interface Given {
  sandbox: SandboxEnvironment;
  /** Counts the commands of a Sandbox from 1; each writes its own into a file there. */
  number: number;
  random: () => number;
}

/** What has come and what was to come, as texts that are equal. Bytes: of what was compared. */
interface Came {
  is: string;
  expected: string;
  bytes: number;
}

const RAN = '/ran';
const sha = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const between = (least: number, most: number, random: () => number): number =>
  least + Math.floor(random() * (most - least));
const lines = (first: number, count: number): string =>
  Array.from({ length: count }, (_, index) => `${first + index}\n`).join('');

/** Numbered lines at once: what is missing, doubled or in another order is another text. */
async function says({ sandbox, number, random }: Given): Promise<Came> {
  const [count, code] = [between(1, 60_000, random), between(0, 120, random)];
  const command = `echo ${number} >> ${RAN}; seq ${number} ${number + count - 1}; echo ${number} >&2; exit ${code}`;
  const { exitCode, stdout, stderr } = await sandbox.runCommand(command);
  const expected = `${code} ${number}\n ${sha(lines(number, count))}`;
  return { is: `${exitCode} ${stderr} ${sha(stdout)}`, expected, bytes: stdout.length };
}

/** The same over seconds, so that it is under way when something happens. */
async function saysSlowly({ sandbox, number, random }: Given): Promise<Came> {
  const [count, code] = [between(20, 100, random), between(0, 120, random)];
  const command = `echo ${number} >> ${RAN}; for i in $(seq ${number} ${number + count - 1}); do echo $i; sleep 0.1; done; exit ${code}`;
  const { exitCode, stdout } = await sandbox.runCommand(command);
  return {
    is: `${exitCode} ${stdout}`,
    expected: `${code} ${lines(number, count)}`,
    bytes: stdout.length,
  };
}

/** Bytes that go in. */
async function listens({ sandbox, number, random }: Given): Promise<Came> {
  const stdin = Buffer.from(lines(number, between(1, 60_000, random)));
  const { exitCode, stdout } = await sandbox.runCommand(`echo ${number} >> ${RAN}; sha256sum`, { stdin });
  return { is: `${exitCode} ${stdout}`, expected: `0 ${sha(stdin)}  -\n`, bytes: stdin.length };
}

/** A file there and back. */
async function keeps({ sandbox, number, random }: Given): Promise<Came> {
  const contents = Buffer.from(lines(number, between(1, 60_000, random)));
  await sandbox.writeFile('/kept', contents);
  const back = await sandbox.readBytes('/kept');
  await sandbox.runCommand(`echo ${number} >> ${RAN}`);
  return { is: sha(back), expected: sha(contents), bytes: 2 * contents.length };
}

const WORK = [says, saysSlowly, saysSlowly, listens, keeps];
const PAUSE_MS = 1000;

/** One thing after another until `until` (milliseconds since the epoch); then whatever ran must have run once. */
export async function keepBusy(
  sandbox: SandboxEnvironment,
  tally: Tally,
  { until, random }: { until: number; random: () => number },
): Promise<void> {
  let number = 0;
  while (Date.now() < until) {
    number += 1;
    tally.commands += 1;
    const work = WORK[between(0, WORK.length, random)] ?? says;
    await work({ sandbox, number, random }).then(
      ({ is, expected, bytes }) => {
        tally.bytes += bytes;
        if (is !== expected)
          tally.wrong.push(
            `${sandbox.name}, ${number}, ${work.name}: ${shown(is)} in place of ${shown(expected)}`,
          );
      },
      (error: unknown) =>
        tally.wrong.push(`${sandbox.name}, ${number}, ${work.name} is lost: ${String(error)}`),
    );
    await sleep(random() * PAUSE_MS);
  }
  const ran = await sandbox.readFile(RAN).catch(String);
  if (ran !== lines(1, number))
    tally.wrong.push(`${sandbox.name}: of ${number} commands these ran: ${shown(ran)}`);
}

const shown = (text: string): string => JSON.stringify(text.length > 400 ? `${text.slice(0, 400)}…` : text);
