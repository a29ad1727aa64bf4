/** Reads the reward that the verifier left, past everything that may lie in its place. */
import { readSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../../crds/findings.ts';
import { disagreement, parseRewardJson, parseRewardText, rewardFailure } from './reward.ts';
import type { Reward } from './reward.ts';
import { below, openSafely, withOpened } from '../results/safe-open.ts';
import type { Opened } from '../results/safe-open.ts';

const MAX_BYTES = 64 * 1024;

const NOUNS: Record<string, string> = {
  Symlink: 'a symbolic link',
  Fifo: 'a FIFO',
  Socket: 'a socket',
  Device: 'a device',
};

/** The reward in `<logs>/verifier`, and what looks odd about it. `endedAt`: when the verifier was through, in ms since 1970. */
export function readReward(logs: string, endedAt: number): { reward: Reward; findings: Finding[] } {
  const folder = openSafely(join(logs, 'verifier'), 'folder');
  if (typeof folder === 'string')
    return {
      reward: rewardFailure('RewardInvalid', `/logs/verifier is ${NOUNS[folder] ?? 'no folder'}`),
      findings: [],
    };
  return withOpened(folder, ({ fd }) => {
    const json = readOne(fd, 'reward.json', { parse: parseRewardJson, endedAt });
    const text = readOne(fd, 'reward.txt', { parse: parseRewardText, endedAt });
    const read = [json, text].filter((file) => file !== undefined);
    const odd = json && text && disagreement(json.reward, text.reward);
    return {
      reward: read[0]?.reward ?? MISSING,
      findings: [
        ...read.flatMap(({ findings }) => findings),
        ...(odd === undefined ? [] : [{ code: 'RewardFilesDisagree' as const, message: odd }]),
      ],
    };
  });
}

const MISSING = rewardFailure('RewardMissing', 'the verifier wrote neither reward.json nor reward.txt');

interface Reading {
  parse: (text: string) => Reward;
  endedAt: number;
}

function readOne(
  folder: number,
  name: string,
  { parse, endedAt }: Reading,
): { reward: Reward; findings: Finding[] } | undefined {
  const opened = openSafely(below(folder, name), 'file');
  if (opened === 'Missing') return undefined;
  if (typeof opened === 'string')
    return {
      reward: rewardFailure('RewardInvalid', `${name} is ${NOUNS[opened] ?? 'no regular file'}`),
      findings: [],
    };
  return withOpened(opened, (file) => ({
    reward: contentsOf(file, name, parse),
    // `endedAt` has no fractions of a millisecond, and the verifier may write in its last.
    findings:
      Math.floor(file.stats.mtimeMs) > endedAt
        ? [{ code: 'RewardRewritten', message: `${name} was written after the verifier had ended` }]
        : [],
  }));
}

function contentsOf({ fd }: Opened, name: string, parse: Reading['parse']): Reward {
  const bytes = Buffer.alloc(MAX_BYTES + 1);
  let length = 0;
  for (let read = -1; read !== 0 && length < bytes.length; length += read)
    read = readSync(fd, bytes, length, bytes.length - length, null);
  if (length > MAX_BYTES)
    return rewardFailure('RewardInvalid', `${name} is larger than ${MAX_BYTES / 1024} KiB`);
  return parse(bytes.toString('utf8', 0, length));
}
