/** Entry point: `courier.js trial` beside a task container, `courier.js sandbox` beside that of a Sandbox, `courier.js regrade` beside separate verifiers alone, `courier.js context [--configmap SHA256]` before a build. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { POD_PATHS, BESIDE, pathsBeside } from '../wire/pod-paths.ts';
import { explain } from './failure.ts';
import { SECRET_PREFIX } from '../wire/assignment.ts';
import type { BrokerSettings, Settings } from './settings.ts';
import { runTrial } from './trial.ts';
import { redact } from './record/trial-log.ts';

const TERMINATION_LOG = '/dev/termination-log';
const CONTEXT = '/context';
const CONTEXT_CONFIG_MAP = '/context-configmap';

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const brokerOf = (env: NodeJS.ProcessEnv): BrokerSettings => ({
  url: required(env, 'SB_BROKER_URL'),
  ca: required(env, 'SB_BROKER_CA'),
  ...(env['SB_BROKER_ADDRESS'] && { address: env['SB_BROKER_ADDRESS'] }),
  tokenFile: POD_PATHS.token,
});

function settingsOf(env: NodeJS.ProcessEnv): Settings {
  const { control, logs, task } = POD_PATHS;
  return {
    broker: brokerOf(env),
    paths: {
      control,
      logs,
      task,
      scratch: tmpdir(),
      terminationLog: TERMINATION_LOG,
      beside: volumesBeside(),
    },
    hostname: hostname(),
    secrets: Object.fromEntries(
      Object.entries(env).flatMap(([name, value]) =>
        name.startsWith(SECRET_PREFIX) && value !== undefined ? [[name, value]] : [],
      ),
    ),
  };
}

const volumesBeside = (): Settings['paths']['beside'] => {
  const names = existsSync(BESIDE) ? readdirSync(BESIDE) : [];
  return Object.fromEntries(names.map((name) => [name, pathsBeside(name)]));
};

const write = (line: string): void => void process.stdout.write(line);

async function trial(own: Pick<Settings, 'regrade'> = {}): Promise<number> {
  const stop = new AbortController();
  process.on('SIGTERM', () => stop.abort());
  const settings = { ...settingsOf(process.env), ...own };
  await runTrial({ settings, stop: stop.signal, now: () => new Date(), write });
  return 0;
}

/** `filesSha256`: of the files that a ConfigMap must have; undefined for an archive. */
async function context(filesSha256: string | undefined): Promise<number> {
  const { copyContext, fetchContext } = await import('./context.ts');
  const note = (line: string): void => write(`${redact(line)}\n`);
  const failure =
    filesSha256 === undefined
      ? await fetchContext({ broker: brokerOf(process.env), folder: CONTEXT, note })
      : await copyContext(CONTEXT_CONFIG_MAP, CONTEXT, filesSha256);
  if (!failure) return 0;
  note(`${failure.reason}: ${failure.message}`);
  writeFileSync(
    TERMINATION_LOG,
    JSON.stringify({ ...failure, message: redact(failure.message).slice(0, 1024) }),
  );
  return 1;
}

async function sandbox(): Promise<number> {
  const { runSandbox } = await import('./sandbox/sandbox.ts');
  const { systemClock } = await import('../async/clock.ts');
  const stop = new AbortController();
  process.on('SIGTERM', () => stop.abort());
  const { broker, paths } = settingsOf(process.env);
  await runSandbox({
    broker,
    control: paths.control,
    own: paths.scratch,
    stop: stop.signal,
    clock: systemClock,
    note: (line) => write(`${redact(line)}\n`),
    leaveMessage: (message) => writeFileSync(TERMINATION_LOG, message),
  });
  return 0;
}

async function main([command, option, value]: string[]): Promise<number> {
  if (command === 'trial') return await trial();
  if (command === 'regrade') return await trial({ regrade: true });
  if (command === 'sandbox') return await sandbox();
  if (command === 'context') return await context(option === '--configmap' ? (value ?? '') : undefined);
  throw new Error('usage: courier.js trial | regrade | sandbox | context [--configmap SHA256]');
}

/** The one place where nobody is left to handle an error. */
function die(error: unknown): never {
  process.stderr.write(`${redact(explain(error))}\n`);
  process.exit(1);
}

main(process.argv.slice(2)).then((code) => process.exit(code), die);
