import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { join } from 'node:path';
import { rewarded, RUN } from './follow/testing/trials.ts';
import { RunView } from './follow/view.ts';
import { printOutcome, printSubmitted } from './launch/outcome.ts';
import { summaryEvent, trialEvent } from './render/progress/events.ts';
import { run } from './run.ts';
import { publishedSchema, SCHEMAS } from './schemas.ts';
import { folderOf, GOOD_TASK, type Folder } from './testing/task-folder.ts';
import { recordedIo } from './testing/terminal.ts';

describe('What -o json prints', () => {
  let folder: Folder;
  before(async () => {
    folder = await folderOf(GOOD_TASK);
  });
  after(() => folder.remove());
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  const fits = (name: string, document: unknown): void => {
    const check = ajv.compile({ ...publishedSchema(name), $id: `${name}-${Math.random()}` });
    expect(check(document), ajv.errorsText(check.errors)).to.equal(true);
  };
  const said = async (...args: string[]): Promise<unknown> => {
    const io = recordedIo({ env: { HOME: '/nonexistent' } });
    await run(args, io);
    return JSON.parse(io.terminal.stdout);
  };
  const view = new RunView({ run: RUN, expected: 2 });
  const taken = view.take({ trial: rewarded(0.5), deleted: false });
  const summary = view.summary(new Date());

  it('keeps to the published schemas', async () => {
    fits(
      'task-check',
      await said('task', 'check', '--json', '--strict', folder.path, join(folder.path, 'tests')),
    );
    fits('task-hash', await said('task', 'hash', '-o', 'json', folder.path));
    fits('version', await said('version', '-o', 'json'));
  });

  it('keeps to the schema of a run’s document', async () => {
    const { terminal } = recordedIo();
    const report = { trials: 1, files: 1, kept: 0, bytes: 1, problems: [] };
    const ended = {
      ending: 'over',
      summary,
      trials: [...view.trials()],
      folder: '/jobs',
      report,
      cancelled: 0,
      run: RUN,
      namespace: 'default',
    } as const;
    await printOutcome(terminal, 'json', { ...ended, trials: [...ended.trials] });
    fits('run', JSON.parse(terminal.stdout));
  });

  it('keeps to the schema of a run that nobody waits for', async () => {
    const { terminal } = recordedIo();
    const tasks = { stored: 1, present: 0, bytes: 1 };
    const submitted = { tasks, created: 1, unchanged: 0, refused: [] };
    await printSubmitted(terminal, 'json', { run: RUN, namespace: 'default', submitted });
    fits('run-detached', JSON.parse(terminal.stdout));
  });

  it('keeps to the schema of a run’s events', () => {
    const head = { time: '2026-01-01T00:00:00Z', run: RUN };
    fits('run-event', trialEvent(head, taken!.line, undefined));
    fits('run-event', summaryEvent(head.time, summary));
    fits('run-event', { event: 'note', ...head, message: 'x' });
  });

  it('has a schema for each that refuses something else', () => {
    for (const name of Object.keys(SCHEMAS)) {
      const check = ajv.compile({ ...publishedSchema(name), $id: `refuse-${name}` });
      expect(check({ surprise: true }), name).to.equal(false);
    }
  });
});
