/** Rules about what the shape of a task lets an agent do to its reward: `sb task check --integrity`. */
import { posix } from 'node:path';
import type { TaskConfig } from '../index.ts';
import { CONTEXT } from '../task.ts';
import type { FoundFile } from '../folder/walk.ts';
import type { FieldMessage, Verification } from './config.ts';
import { downloads, packagesOf } from './commands.ts';
import type { RuleName } from './rules.ts';
import { commandsOf, logicalLines } from './shell.ts';

/** What task.toml says. */
export const shapeMessages = (config: TaskConfig, verifications: readonly Verification[]): FieldMessage[] => [
  ...publicNetwork(config),
  ...sameUser(config, verifications),
  ...sharedSteps(config, verifications),
];

/** Where the network of an agent's phase is said: its step's table, the task's, the container's. */
function publicNetwork({ environment, agent, steps = [] }: TaskConfig): FieldMessage[] {
  const mode = agent.network_mode ?? environment.network_mode;
  const modes =
    steps.length === 0
      ? [{ path: ['agent', 'network_mode'], mode }]
      : steps.map((step, index) => ({
          path: ['steps', index, 'agent', 'network_mode'],
          mode: step.agent.network_mode ?? mode,
        }));
  const first = modes.find((one) => one.mode === 'public');
  if (!first) return [];
  const message =
    'the agent has the internet, where the solution may be found and what it learns of the tests may be sent; expected network_mode = "no-network", or "allowlist" with the hosts that the work needs';
  return [{ rule: 'public-network', path: first.path, message }];
}

function sameUser({ agent, verifier, steps = [] }: TaskConfig, all: readonly Verification[]): FieldMessage[] {
  const users = (step: (typeof steps)[number] | undefined) => [
    step?.agent.user ?? agent.user,
    step?.verifier.user ?? verifier.user,
  ];
  return all.flatMap(({ separate, step }): FieldMessage[] => {
    const [works, judges] = users(step?.config);
    if (separate || works === undefined || String(works) !== String(judges)) return [];
    const path = step ? ['steps', step.index, 'verifier', 'user'] : ['verifier', 'user'];
    const message = `agent and verifier are both ${works}, who may read the tests and write the reward; expected a user of its own for one of them, or environment_mode = "separate"`;
    return [{ rule: 'same-user', path, message }];
  });
}

function sharedSteps({ steps = [] }: TaskConfig, all: readonly Verification[]): FieldMessage[] {
  const shared = all.filter(({ separate }) => !separate);
  if (steps.length < 2 || shared.length === 0) return [];
  const message =
    'the agent goes on in the container in which an earlier step was judged, and sees what those tests left outside of /tests and /logs; expected environment_mode = "separate" under [verifier]';
  return [{ rule: 'shared-steps', path: ['steps'], message }];
}

export interface ScriptMessage {
  rule: RuleName;
  line: number;
  message: string;
}

/** What the script of a verifier says. */
export const scriptMessages = (text: string, { separate }: { separate: boolean }): ScriptMessage[] => [
  ...downloadsIn(text, separate),
  ...rewardFiles(text),
];

/** Each tool once, where it comes first. */
function downloadsIn(text: string, separate: boolean): ScriptMessage[] {
  const first = new Map<string, number>();
  for (const { line, text: statement } of logicalLines(text))
    for (const tool of downloadersIn(statement)) if (!first.has(tool)) first.set(tool, line);
  const how = separate
    ? 'what it gets can change from one Trial to the next; expected it in the verifier’s image'
    : 'in the container that the agent had, whose caches, configuration and programs it takes; expected it in the image, or environment_mode = "separate" under [verifier]';
  return [...first].map(([tool, line]) => ({
    rule: 'verifier-download',
    line,
    message: `${tool} downloads when the tests run, ${how}`,
  }));
}

/** What stands before a command without being one. */
const BEFORE = /^(if|then|else|elif|while|until|do|!|\{|\(|sudo|exec|time|env|command|[A-Za-z_]\w*=.*)$/;

function downloadersIn(statement: string): string[] {
  const commands = commandsOf(statement);
  return commands.flatMap(({ words: all, output, separator }, index) => {
    const words = all.slice(all.findIndex((word) => !BEFORE.test(word)));
    const [program = '', ...args] = words;
    const named = [posix.basename(program), ...args];
    const piped = separator === '|' ? (commands[index + 1]?.words ?? []) : [];
    const isDownload = isInstall(named) || downloads({ words: named, output }, piped);
    return isDownload ? [named[0] ?? ''] : [];
  });
}

const OFFLINE = /(^| )(--offline|--no-index|--no-download)( |$)/;
const INSTALLS: readonly RegExp[] = [
  /^(apt|apt-get|aptitude|yum|dnf|microdnf|apk|pacman|zypper)\b.* (install|add|-S) /,
  /^(npm|pnpm|yarn|bun) (install|i|ci|add|dlx|x|exec) /,
  /^(npm|pnpm|yarn|bun) (install|i|ci) $/,
  /^(npx|bunx|uvx) /,
  /^uv (sync|tool run) /,
  /^uv run .*(--with|-w)\b/,
  /^(cargo|go|gem|conda|mamba|poetry) install /,
];

function isInstall(words: readonly string[]): boolean {
  const call = `${words.join(' ')} `;
  return !OFFLINE.test(call) && (packagesOf(words).length > 0 || INSTALLS.some((one) => one.test(call)));
}

/** Harbor reads reward.json first, whatever reward.txt says. */
function rewardFiles(text: string): ScriptMessage[] {
  const lines = [...logicalLines(text)];
  const lineOf = (name: string): number | undefined => lines.find((one) => one.text.includes(name))?.line;
  const [json, plain] = [lineOf('/logs/verifier/reward.json'), lineOf('/logs/verifier/reward.txt')];
  if (json === undefined || plain === undefined) return [];
  const message =
    'the tests write reward.json and reward.txt, of which reward.json counts; expected one of them, so that another one is a sign of tampering';
  return [{ rule: 'two-reward-files', line: Math.max(json, plain), message }];
}

/** Files of the agent's build context that have what is to stay hidden. `sameContents` says whether two files of the task are alike. */
export async function hiddenInContext(
  files: readonly FoundFile[],
  sameContents: (one: FoundFile, other: FoundFile) => Promise<boolean>,
): Promise<{ path: string; message: string }[]> {
  const hidden = files.filter(({ path, size }) => size >= LEAST_BYTES && HIDDEN.test(path));
  const context = files.filter(({ path }) => path.startsWith(CONTEXT));
  const found: { path: string; message: string }[] = [];
  for (const file of context) {
    const alike = hidden.filter(({ size }) => size === file.size);
    const names = await Promise.all(
      alike.map(async (one) => ((await sameContents(file, one)) ? [one.path] : [])),
    );
    const [same] = names.flat();
    if (same !== undefined)
      found.push({
        path: file.path,
        message: `it has the contents of ${same}, which the agent so may know; expected nothing of tests and solution in environment/ but input that the agent is given anyway`,
      });
  }
  return found;
}

const HIDDEN = /^(steps\/[^/]+\/)?(tests|solution)\/(?!Dockerfile$|docker-compose\.yaml$)/;
/** Shorter files are alike by chance. */
const LEAST_BYTES = 16;

/** What services beside the agent's container say; `names`: of all services. */
export const serviceMessages = (names: readonly string[]): string[] => {
  const others = names.filter((name) => name !== 'main');
  if (others.length === 0) return [];
  return [
    `the agent reaches ${others.join(', ')}, and may change what the tests find there; expected a separate verifier that judges what artifacts and collect hooks with service = "${others[0]}" have saved`,
  ];
};
