import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readReward } from './reward-file.ts';

describe('readReward', () => {
  let logs: string;
  const at = (name: string): string => join(logs, 'verifier', name);
  const read = () => readReward(logs, Date.now() + 1000);
  beforeEach(() => {
    logs = mkdtempSync(join(tmpdir(), 'sb-logs-'));
    mkdirSync(join(logs, 'verifier'));
  });
  afterEach(() => rmSync(logs, { recursive: true, force: true }));

  it('reads reward.json before reward.txt and tells when they differ', () => {
    writeFileSync(at('reward.txt'), '0');
    expect(read().reward).to.deep.include({ reward: 0 });
    writeFileSync(at('reward.json'), '{"reward": 1}');
    expect(read()).to.deep.equal({
      reward: { kind: 'rewarded', reward: 1, rewards: { reward: 1 } },
      findings: [{ code: 'RewardFilesDisagree', message: 'reward.json says 1, reward.txt says 0' }],
    });
  });

  it('tells a reward that was written after the verifier had ended', () => {
    writeFileSync(at('reward.txt'), '1');
    expect(readReward(logs, Date.now() - 5000).findings).to.deep.equal([
      { code: 'RewardRewritten', message: 'reward.txt was written after the verifier had ended' },
    ]);
  });

  it('says that there is none', () => {
    expect(read().reward).to.deep.include({ reason: 'RewardMissing', type: 'RewardFileNotFoundError' });
  });

  const planted: [string, string, (path: string) => unknown][] = [
    ['a link', 'reward.json is a symbolic link', (path) => symlinkSync('/etc/hostname', path)],
    ['a FIFO', 'reward.json is a FIFO', (path) => execFileSync('mkfifo', [path])],
    ['a folder', 'reward.json is no regular file', (path) => mkdirSync(path)],
    [
      'a file of 65 KiB',
      'reward.json is larger than 64 KiB',
      (path) => writeFileSync(path, ' '.repeat(65 * 1024)),
    ],
  ];
  for (const [what, message, plant] of planted)
    it(`takes no reward from ${what}, even with a reward.txt beside it`, () => {
      writeFileSync(at('reward.txt'), '1');
      plant(at('reward.json'));
      expect(read().reward).to.deep.include({ kind: 'failed', reason: 'RewardInvalid', message });
    });

  it('takes no reward through a link in place of the folder', () => {
    rmSync(join(logs, 'verifier'), { recursive: true });
    mkdirSync(join(logs, 'other'));
    writeFileSync(join(logs, 'other/reward.txt'), '1');
    symlinkSync(join(logs, 'other'), join(logs, 'verifier'));
    expect(read().reward).to.deep.include({
      reason: 'RewardInvalid',
      message: '/logs/verifier is a symbolic link',
    });
  });
});
