/** Recordings of real agents, shortened, in `src/agents/transcripts/fixtures/<agent>/<what happened>.txt`, and lines that nobody would write. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { AgentReport, Transcript } from '../../src/agents/agent.ts';
import { TRAJECTORY_MAX_BYTES } from '../../src/wire/trajectory.ts';
import { anyCharacter } from './any-character.ts';
import { validateTrajectory } from './atif.ts';

const FOLDER = join(import.meta.dirname, '../../src/agents/transcripts/fixtures');

export const recording = (agent: string, name: string): string[] =>
  readFileSync(join(FOLDER, agent, `${name}.txt`), 'utf8').split('\n');

/** Names of an agent's recordings. */
export const recordings = (agent: string): string[] =>
  readdirSync(join(FOLDER, agent)).map((file) => file.replace(/\.txt$/, ''));

/** What a parser says of lines. Throws where the trajectory is none of Harbor's format, or too large. */
export function reported(read: Transcript['read'], lines: readonly string[]): AgentReport {
  const report = read(lines, { model: 'openai/the-model', version: '1.2.3' });
  if (report.trajectory) {
    validateTrajectory(report.trajectory);
    const bytes = Buffer.byteLength(JSON.stringify(report.trajectory, null, 1));
    if (bytes > TRAJECTORY_MAX_BYTES) throw new Error(`${bytes} bytes are too many`);
  }
  return report;
}

/** Lines of an agent's recordings, with any of their values replaced, cut anywhere, in any order. */
export function garbledLines(agent: string): fc.Arbitrary<string[]> {
  const lines = recordings(agent)
    .flatMap((name) => recording(agent, name))
    .filter((line) => line !== '');
  const garbled = fc
    .tuple(fc.constantFrom(...lines), fc.array(fc.tuple(fc.nat(200), fc.jsonValue()), { maxLength: 3 }))
    .map(([line, changes]) => changes.reduce((text, [at, value]) => replaced(text, at, value), line));
  const cut = fc.tuple(garbled, fc.nat(2_000)).map(([line, at]) => line.slice(0, at));
  return fc.array(fc.oneof(garbled, garbled, cut, fc.string({ unit: anyCharacter }), fc.json()), {
    maxLength: 40,
  });
}

/** The line with the value at that place, counted through all that are nested in it, replaced. */
function replaced(line: string, at: number, value: unknown): string {
  if (!line.startsWith('{')) return replacedInText(line, at, value);
  let seen = 0;
  const places = [...line.matchAll(/"[^"]*":/g)].length;
  if (places === 0) return line;
  return JSON.stringify(
    JSON.parse(line, (key, old: unknown) => (key !== '' && seen++ === at % places ? value : old)),
  );
}

/** The same for a line that is a part of a document, or has values in the midst of text. */
function replacedInText(line: string, at: number, value: unknown): string {
  const values = [...line.matchAll(/(?<=:\s*)("[^"]*"|-?[\d.]+|true|false)/g)];
  const old = values[at % Math.max(1, values.length)];
  return old
    ? line.slice(0, old.index) + JSON.stringify(value) + line.slice(old.index + old[0].length)
    : line;
}
