import { expect } from 'chai';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { inRun, rewarded, RUN } from '../../../test/support/builders/run-trials.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import { failureOf, world, type World } from '../../../test/support/client/world.ts';
import { showSteps } from '../../cli/runs/trial.ts';
import type { OutputFormat } from '../../cli/types.ts';
import { identityOf, trialName } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import { trialPrefix } from '../../results/keys.ts';
import { TRAJECTORY_MAX_BYTES, type Trajectory } from '../../wire/trajectory.ts';

const HOSTILE = '\u001b]0;owned\u0007\u202e';

const TRAJECTORY: Trajectory = {
  schema_version: 'ATIF-v1.8',
  agent: { name: 'solver', version: '2.1.0', model_name: 'anthropic/large' },
  steps: [
    { step_id: 1, source: 'user', message: `Write hello.${HOSTILE}` },
    {
      step_id: 2,
      source: 'agent',
      timestamp: '2026-01-01T10:20:30Z',
      message: 'I look around.',
      reasoning_content: 'what is here?',
      tool_calls: [
        { tool_call_id: 'a', function_name: 'Bash', arguments: { command: 'ls -l\necho done', timeout: 5 } },
        { tool_call_id: 'b', function_name: `Edit${HOSTILE}`, arguments: { path: '/app/x' } },
      ],
      observation: {
        results: [
          { source_call_id: 'a', content: Array.from({ length: 30 }, (_, at) => `line ${at}`).join('\n') },
          { content: `nobody asked\r${HOSTILE}` },
        ],
      },
      metrics: { prompt_tokens: 1234, cached_tokens: 1000, completion_tokens: 56 },
    },
  ],
  final_metrics: { total_prompt_tokens: 1234, total_completion_tokens: 56, total_cost_usd: 0.5 },
  subagent_trajectories: [
    {
      schema_version: 'ATIF-v1.8',
      trajectory_id: 'sub-1',
      agent: { name: 'helper', version: '1' },
      steps: [{ step_id: 1, source: 'agent', message: 'helping' }],
    },
  ],
};

describe('sb trial show --steps', () => {
  let w: World;
  let folder: Folder;
  beforeEach(async () => {
    w = await world();
    folder = await folderOf({});
  });
  afterEach(() => Promise.all([w.close(), folder.remove()]));

  const put = (trial: Trial, value: unknown, path = 'agent/trajectory.json') =>
    w.store.put(`${trialPrefix(trial)}${path}`, typeof value === 'string' ? value : JSON.stringify(value));
  const show = async (
    trial: Trial,
    { format = 'table', full = false }: { format?: OutputFormat; full?: boolean } = {},
  ) => {
    const io = recordedIo();
    await showSteps(w.session, { trial, format, full, io, jobsDir: folder.path });
    return io.terminal.stdout;
  };
  const failed = (trial: Trial) => failureOf(show(trial));

  it('is readable: who, commands, what came of them, tokens', async () => {
    const trial = rewarded(1);
    await put(trial, TRAJECTORY);
    const text = await show(trial);
    expect(text.split('\n')).to.deep.equal([
      'solver 2.1.0 anthropic/large',
      '',
      '#1 user',
      '  Write hello.\\u{202e}',
      '',
      '#2 agent  10:20:30, 1,234 in (1,000 cached), 56 out',
      '  what is here?',
      '  I look around.',
      '  → Bash: ls -l',
      '      echo done',
      ...Array.from({ length: 8 }, (_, at) => `  | line ${at}`),
      '  | … 22 more lines (--full)',
      '  → Edit\\u{202e}: {"path":"/app/x"}',
      '  | nobody asked',
      '  | \\u{202e}',
      '',
      'used 1,234 in, 56 out, $0.50',
      '',
      'sub-agent sub-1',
      'helper 1',
      '',
      '#1 agent',
      '  helping',
      '',
    ]);
    expect(await show(trial, { full: true }))
      .to.include('  | line 29\n')
      .and.not.include('--full');
  });

  it('cuts a long trajectory in its middle, and a long line at its end', async () => {
    const steps = Array.from({ length: 250 }, (_, at) => ({
      step_id: at + 1,
      source: 'agent' as const,
      message: 'x'.repeat(5000),
    }));
    const trial = rewarded(1);
    await put(trial, { ...TRAJECTORY, steps });
    const text = await show(trial);
    expect(text).to.include('… 50 steps (--full)').and.include('#250 agent').and.not.include('#120 agent');
    expect(Math.max(...text.split('\n').map((line) => line.length))).to.be.below(250);
  });

  it('is of every step of a task with steps, and one document for programs', async () => {
    const trial = inRun({ status: { ...rewarded(1).status, steps: [{ name: 'one' }, { name: 'two' }] } });
    await put(trial, TRAJECTORY, 'steps/one/agent/trajectory.json');
    await put(trial, TRAJECTORY, 'steps/two/agent/trajectory.json');
    expect(await show(trial))
      .to.include('step one\n')
      .and.include('step two\n');
    const json = await show(trial, { format: 'json' });
    expect(json).to.not.include('\u001b').and.not.include('\u202e');
    const { trajectories } = JSON.parse(json) as { trajectories: { step: string; trajectory: Trajectory }[] };
    expect(trajectories.map(({ step }) => step)).to.deep.equal(['one', 'two']);
    expect(trajectories[0]?.trajectory).to.deep.equal(TRAJECTORY);
  });

  it('takes the copy on this machine before the store', async () => {
    const trial = rewarded(1);
    const file = join(folder.path, RUN, trialName(identityOf(trial)), 'agent/trajectory.json');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify({ ...TRAJECTORY, notes: 'the copy' }));
    expect(await show(trial)).to.include('the copy');
  });

  it('refuses what is none, and more of it than there may be', async () => {
    const trial = rewarded(1);
    expect(await failed(trial)).to.include({ code: 'SB-E093' });
    await put(trial, { ...TRAJECTORY, steps: [{ step_id: 0 }] });
    expect((await failed(trial)).why).to.include('agent/trajectory.json is no trajectory');
    await put(trial, { ...TRAJECTORY, notes: 'x'.repeat(TRAJECTORY_MAX_BYTES) });
    expect((await failed(trial)).why).to.include('is no trajectory');
  });
});
