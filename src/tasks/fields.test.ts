import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { withFields } from '../generate/task-fields.ts';
import { FIELD_ROWS, refusalOfField } from './fields.ts';
import { TaskConfig } from './toml/schema.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Names of fields by the file and the title of a test that sees them run; a title that is not there fails. */
const SEEN: [file: string, title: string, fields: string[]][] = [
  [
    'src/tasks/compile/network.test.ts',
    'what the phase says before that',
    ['agent.allowed_hosts', 'environment.allowed_hosts', 'verifier.allowed_hosts'],
  ],
  ['src/tasks/check/check.test.ts', 'lets a task and its dataset choose rules', ['metadata']],
  ['src/tasks/folder/read.test.ts', 'takes the name from task.toml', ['task.name']],
  [
    'src/tasks/unsupported.test.ts',
    'has nothing to say of what is run',
    [
      ...['agent', 'environment', 'verifier'].map((table) => `${table}.network_mode`),
      'environment.os',
      'environment.gpus',
      'verifier.collect[].service',
      'artifacts[].service',
    ],
  ],
  ['src/tasks/toml/parse.test.ts', 'reads the deprecated names', ['environment.allow_internet']],
  [
    'src/tasks/compile/compile.test.ts',
    'takes what the task says where the Trial is silent',
    [
      'agent.timeout_sec',
      'environment.cpus',
      'environment.memory_mb',
      'environment.storage_mb',
      'environment.env',
      'verifier.timeout_sec',
      'artifacts[].destination',
      'verifier.collect[].user',
      'verifier.collect[].timeout_sec',
    ],
  ],
  ['src/tasks/compile/compile.test.ts', 'fills in Harbor’s defaults', ['environment.build_timeout_sec']],
  ['src/tasks/compile/compile.test.ts', 'for the oracle alone', ['solution.env']],
  ['src/tasks/compile/compile.test.ts', 'puts the task’s variables after the Trial’s', ['verifier.env']],
  [
    'src/tasks/compile/tools.test.ts',
    'are given to an agent that takes them, with headers that name its variables',
    ['name', 'transport', 'url', 'command', 'args', 'headers'].map(
      (name) => `environment.mcp_servers[].${name}`,
    ),
  ],
  [
    'src/controllers/trial/manifests.test.ts',
    'goes to a node with one of the GPUs',
    ['environment.gpu_types'],
  ],
  [
    'src/courier/scenarios/container.test.ts',
    'gives an agent the task’s skills and MCP servers',
    ['environment.skills_dir'],
  ],
  [
    'src/courier/scenarios/container.test.ts',
    'has the files beside an image in its workdir',
    ['environment.docker_image', 'environment.workdir'],
  ],
  [
    'src/courier/scenarios/container.test.ts',
    'takes a user with a group, as numbers that no image knows',
    ['agent.user', 'verifier.user'],
  ],
  [
    'src/courier/scenarios/phases.test.ts',
    'starts the entrypoint with arguments that it may ignore, and waits for its health',
    ['command', 'interval_sec', 'retries', 'start_period_sec', 'start_interval_sec'].map(
      (name) => `environment.healthcheck.${name}`,
    ),
  ],
  [
    'src/courier/scenarios/phases.test.ts',
    'ends with HealthcheckFailed after the retries',
    ['environment.healthcheck.timeout_sec'],
  ],
  [
    'src/courier/scenarios/phases.test.ts',
    'keeps artifacts as Harbor does',
    ['artifacts[]', 'artifacts[].source', 'artifacts[].exclude'],
  ],
  ['src/courier/scenarios/hostile.test.ts', 'runs collect hooks', ['verifier.collect[].command']],
  [
    'src/courier/scenarios/steps.test.ts',
    'run one after another in one container, each with its own files and its own results',
    ['steps[].name', 'steps[].artifacts'],
  ],
  [
    'test/e2e/separate-verifier.test.ts',
    'has of the agent’s container what was declared, at the path that it had',
    ['verifier.environment_mode'],
  ],
  [
    'src/tasks/compile/verifier-environment.test.ts',
    'is all its own where it has a table',
    ['verifier.environment'],
  ],
  [
    'src/courier/scenarios/steps.test.ts',
    'have users, instructions and variables of their own',
    ['steps[].agent', 'steps[].verifier'],
  ],
  ['src/courier/scenarios/steps.test.ts', 'wait for their own healthcheck', ['steps[].healthcheck']],
  ['src/courier/scenarios/steps.test.ts', 'end where a reward is below its least', ['steps[].min_reward']],
  [
    'src/courier/scenarios/steps.test.ts',
    'come to the reward of the last where the task says so',
    ['multi_step_reward_strategy'],
  ],
];

interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  $defs?: Record<string, Schema>;
}

/** What has the fields of another table is not listed again. */
const SAME = /^(verifier\.environment|steps\[\]\.(agent|verifier|healthcheck|artifacts))$/;

type Defs = Record<string, Schema>;

const resolved = (schema: Schema, defs: Defs): Schema =>
  schema.$ref === undefined ? schema : (defs[schema.$ref.split('/').at(-1) ?? ''] ?? {});

/** Names of the fields at and below a path. */
function fieldsIn(schema: Schema, path: string, defs: Defs): string[] {
  if (SAME.test(path)) return [path];
  const forms = [schema, ...(schema.anyOf ?? [])].map((form) => resolved(form, defs));
  const properties = forms.find((form) => form.properties)?.properties;
  if (properties)
    return Object.entries(properties).flatMap(([key, child]) =>
      fieldsIn(child, path === '' ? key : `${path}.${key}`, defs),
    );
  const items = forms.find((form) => form.items)?.items;
  const inner = items ? fieldsIn(items, `${path}[]`, defs) : [];
  return inner.length > 1 ? inner : [path];
}

/** Of an artifact the plain form is a row of its own, and an older name is no field of the schema. */
const OWN = new Set(['artifacts[]', 'environment.allow_internet']);

describe('the fields of task.toml', () => {
  const listed = FIELD_ROWS.map(({ field }) => field);

  it('are listed once, all that are read and nothing else', () => {
    expect(listed).to.have.length(new Set(listed).size);
    expect(listed.filter((field) => !OWN.has(field))).to.have.members(fieldsIn(TaskConfig as Schema, '', {}));
  });

  it('are those of Harbor’s own schema', function () {
    const file = join(ROOT, '../shared/harbor/task-schema.json');
    if (!existsSync(file)) this.skip();
    const schema = JSON.parse(readFileSync(file, 'utf8')) as Schema;
    const missing = fieldsIn(schema, '', schema.$defs ?? {}).filter((field) => !listed.includes(field));
    expect(missing).to.deep.equal([]);
  });

  it('are refused as the table says, by their own names', () => {
    for (const row of FIELD_ROWS)
      if (row.refused && refusalOfField(row) !== undefined)
        expect(row.says, row.field).not.to.match(/^Ignored/);
  });

  it('are run before the eyes of a test, where they are run', () => {
    const run = FIELD_ROWS.filter((row) => !row.says.startsWith('Ignored,'))
      .filter((row) => refusalOfField(row) === undefined || row.refused?.value !== undefined)
      .map(({ field }) => field);
    expect(SEEN.flatMap(([, , fields]) => fields)).to.have.members(run);
  });

  for (const [file, title] of SEEN)
    it(`are seen by “${title}”`, () => {
      expect(readFileSync(join(ROOT, file), 'utf8')).to.include(title);
    });

  it('are the table of docs/tasks.md; otherwise run npm run generate', () => {
    const page = readFileSync(join(ROOT, 'docs/tasks.md'), 'utf8');
    const cells = (text: string): string => text.replace(/ +/g, ' ').replace(/-{3,}/g, '---');
    expect(cells(page)).to.equal(cells(withFields(page)));
  });
});
