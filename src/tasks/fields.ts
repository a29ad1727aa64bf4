/**
 * Every field of task.toml and what becomes of it: the table of `docs/tasks.md` is made of this. What is refused is asked of `unsupported.ts`,
 * by the example beside the field, so a row changes by itself when its feature comes.
 */
import { parseTaskToml } from './toml/parse.ts';
import { unsupportedFields } from './unsupported.ts';

/** One field. `says`: what it does where it is run, in a few words; `Ignored` begins what has no effect, as in Harbor. */
export interface FieldRow {
  field: string;
  says: string;
  /** A task.toml that is refused as long as the field is, or the value that is named before it. */
  refused?: { toml: string; value?: string };
}

const row = (field: string, says: string, refused?: FieldRow['refused']): FieldRow => ({
  field,
  says,
  ...(refused && { refused }),
});
const but = (toml: string, value: string): FieldRow['refused'] => ({ toml, value });
const all = (toml: string): FieldRow['refused'] => ({ toml });

const TPU = '[environment.tpu]\ntype = "v4"\ntopology = "2x2"';

const general: FieldRow[] = [
  row('schema_version', 'Ignored, as in Harbor; `version` is its older name'),
  row('source', 'Ignored, as in Harbor'),
  row('metadata', 'Has no effect, but for `harbor.lint`, which chooses rules of `sb task check`'),
  row('task.name', 'Name of the task; default: the folder’s name'),
  row('task.version', 'Ignored, as in Harbor'),
  row('task.description', 'Ignored, as in Harbor'),
  row('task.authors[].name', 'Ignored, as in Harbor'),
  row('task.authors[].email', 'Ignored, as in Harbor'),
  row('task.keywords', 'Ignored, as in Harbor'),
];

const agent: FieldRow[] = [
  row('agent.timeout_sec', 'Timeout of the agent; default: none. The tests run all the same'),
  row('agent.user', 'User of the agent, by name or number, with `:group` or without; default: the image’s'),
  row(
    'agent.network_mode',
    'Network of the agent’s phase: `public`, `no-network` or `allowlist`; default: the environment’s. See [network](#network)',
  ),
  row('agent.allowed_hosts', 'Hosts of an allowlist'),
  row(
    'solution.env',
    'Variables of the solution, for the agent `oracle` alone; `${VAR}` and `${VAR:-default}`',
  ),
];

const environment: FieldRow[] = [
  row(
    'environment.docker_image',
    'Image to run as it is. Without a Dockerfile, the files of `environment/` are put into the workdir',
  ),
  row('environment.build_timeout_sec', 'Timeout of the image’s build; default: 600'),
  row('environment.os', '`linux`', but('[environment]\nos = "windows"', '`windows`')),
  row(
    'environment.cpus',
    'Requested CPUs, whole or with a fraction; default: 500m. See [resources](#resources)',
  ),
  row(
    'environment.memory_mb',
    'Request and limit of memory; default: 512Mi, no limit. `memory = "2G"` is its older form',
  ),
  row(
    'environment.storage_mb',
    'Limit of disk, of which 2 GiB are requested; default: 16Gi. `storage = "10G"` is its older form',
  ),
  row('environment.gpus', 'Number of GPUs'),
  row('environment.gpu_types', 'Types of GPU of which any will do. See [GPUs](#gpus)'),
  row('environment.tpu.type', 'Type of a TPU', all(TPU)),
  row('environment.tpu.topology', 'Topology of a TPU', all(TPU)),
  row(
    'environment.network_mode',
    'Network of every phase that has no other; default: `public`. See [network](#network)',
  ),
  row('environment.allowed_hosts', 'Hosts of an allowlist'),
  row(
    'environment.allow_internet',
    'Older form of `network_mode`: `true` is `public`, `false` is `no-network`',
  ),
  row(
    'environment.env',
    'Variables of every process; `${VAR}` and `${VAR:-default}`. See [variables](#variables)',
  ),
  row('environment.workdir', 'Working directory of every command, an absolute path; default: the image’s'),
  row(
    'environment.skills_dir',
    'Folder of skills in the container, for the agent. See [skills and MCP servers](#skills-and-mcp-servers)',
  ),
  row('environment.mcp_servers[].name', 'Name of an MCP server; the last of a name counts'),
  row('environment.mcp_servers[].transport', '`sse` (default), `streamable-http` (also `http`) or `stdio`'),
  row('environment.mcp_servers[].url', 'Address, for `sse` and `streamable-http`'),
  row('environment.mcp_servers[].command', 'Program, for `stdio`'),
  row('environment.mcp_servers[].args', 'Its arguments'),
  row(
    'environment.mcp_servers[].headers',
    'Headers, for `sse` and `streamable-http`; credentials only as `${VAR}`',
  ),
  row('environment.healthcheck.command', 'Run by the shell until it ends with 0, before the agent is set up'),
  row(
    'environment.healthcheck.interval_sec',
    'Pause between two tries; default: 5. All seconds of a healthcheck are rounded up',
  ),
  row('environment.healthcheck.timeout_sec', 'Timeout of one try; default: 30'),
  row('environment.healthcheck.start_period_sec', 'Time in which failures do not count; default: 0'),
  row('environment.healthcheck.start_interval_sec', 'Pause between two tries in that time; default: 5'),
  row('environment.healthcheck.retries', 'Failures in a row that end the Trial; default: 3, at least 1'),
];

const verifier: FieldRow[] = [
  row('verifier.timeout_sec', 'Timeout of the tests; default: 600'),
  row('verifier.env', 'Variables of the tests alone; `${VAR}` and `${VAR:-default}`'),
  row('verifier.user', 'User of the tests; default: the image’s'),
  row('verifier.network_mode', 'Network of the tests; default: the environment’s. See [network](#network)'),
  row('verifier.allowed_hosts', 'Hosts of an allowlist'),
  row(
    'verifier.environment_mode',
    '`shared`: the tests run where the agent was. `separate`: in a container of their own. See [separate verifiers](#separate-verifiers)',
  ),
  row('verifier.environment', 'Container of a separate verifier, with the fields of `environment`'),
  row('verifier.collect[].command', 'Run by the shell after the agent, before the artifacts are copied'),
  row('verifier.collect[].service', 'Service of `docker-compose.yaml` that it runs in; default: `main`'),
  row('verifier.collect[].timeout_sec', 'Timeout; default: 60'),
  row('verifier.collect[].user', 'User; default: the image’s'),
];

const artifacts: FieldRow[] = [
  row('artifacts[]', 'A path to keep, or a table. See [artifacts](#artifacts)'),
  row('artifacts[].source', 'Path in the container, absolute or relative to the workdir'),
  row('artifacts[].destination', 'Path under `output/`; default: the source’s'),
  row('artifacts[].exclude', 'What a folder is copied without, in patterns of `tar --exclude`'),
  row('artifacts[].service', 'Service of `docker-compose.yaml` that has it; default: `main`'),
];

const steps: FieldRow[] = [
  row('multi_step_reward_strategy', 'How the steps’ rewards are put together: `mean` (default) or `final`'),
  row('steps[].name', 'Folder of the step under `steps/`'),
  row('steps[].agent', 'The fields of `agent`, for this step'),
  row('steps[].verifier', 'The fields of `verifier`, for this step'),
  row('steps[].min_reward', 'The following steps run only if the reward is at least this'),
  row('steps[].healthcheck', 'The fields of `environment.healthcheck`, before this step’s agent'),
  row('steps[].artifacts', 'As `artifacts`, for this step'),
];

export const FIELD_ROWS: readonly FieldRow[] = [
  ...general,
  ...agent,
  ...environment,
  ...verifier,
  ...artifacts,
  ...steps,
];

/** Why the field, or a value of it, is refused today; undefined where it is run. */
export function refusalOfField({ refused }: FieldRow): string | undefined {
  const [first] = refused ? unsupportedFields(parseTaskToml(refused.toml)) : [];
  return first?.reason;
}

/** What becomes of the field, as a cell of the table. */
export function becomes(one: FieldRow): string {
  const refusal = refusalOfField(one);
  if (refusal === undefined) return `${one.says}.`;
  const { value } = one.refused ?? {};
  return value === undefined ? `Refused: ${refusal}.` : `${one.says}. Refused: ${value}; ${refusal}.`;
}
