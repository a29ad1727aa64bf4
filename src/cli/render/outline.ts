/** What is done for tasks, for people: a line for each step. */
import type { GpusOutline, StepOutline, TaskOutline } from '../../client/documents/plan.ts';
import { counted } from '../../text/figures.ts';
import { safeLine } from '../../text/safe.ts';

type Networks = Pick<NonNullable<StepOutline['networks']>, 'environment' | 'agent' | 'verifier'>;

/** In their order. */
const PHASES = ['environment', 'agent', 'verifier'] as const satisfies (keyof Networks)[];

/** Tasks and hosts that are shown. */
const TASKS = 20;
const HOSTS = 5;

/** A line for each task and each of its steps, with its newline; so many tasks and no more. */
export function outlineLines(outlines: readonly TaskOutline[]): string[] {
  const shown = outlines.slice(0, TASKS).flatMap((outline) => linesOf(outline, isInPart(outline, outlines)));
  const more = outlines.length - TASKS;
  const lines = more > 0 ? [...shown, `… and ${more} more; -o json lists all`] : shown;
  return lines.map((line) => `${line}\n`);
}

/** Whether only some of a task's agents do it that way. */
const isInPart = ({ task }: TaskOutline, outlines: readonly TaskOutline[]): boolean =>
  outlines.filter((other) => other.task === task).length > 1;

function linesOf({ task, agents, gpus, services, steps }: TaskOutline, isOfAgents: boolean): string[] {
  const head = [
    task,
    ...(isOfAgents ? [`with ${agents.join(', ')}`] : []),
    ...(gpus ? [gpusText(gpus)] : []),
    ...(services ? [`beside ${services.join(', ')}`] : []),
  ];
  const [only] = steps;
  if (only?.name === null) return [safeLine(`${head.join(', ')}: ${stepText(only)}`)];
  return [
    safeLine(`${head.join(', ')}:`),
    ...steps.map((step) => `  ${safeLine(`${step.name}: ${stepText(step)}`)}`),
  ];
}

const gpusText = ({ count, types }: GpusOutline): string =>
  `${counted(count, 'GPU')}${types.length > 0 ? ` (${types.join(' or ')})` : ''}`;

const stepText = (step: StepOutline): string =>
  [agentText(step), verifierText(step), ...networkTexts(step)].join('; ');

const agentText = ({ agent: { timeout_seconds: seconds } }: StepOutline): string =>
  seconds === null ? 'agent without timeout' : `agent ${seconds} s`;

function verifierText({ verifier: { timeout_seconds: seconds, mode, container } }: StepOutline): string {
  const verifier = `verifier ${seconds} s`;
  if (mode === null) return `${verifier}, shared or separate as the namespace or the installation says`;
  if (!container) return verifier;
  const { image, built_from: folder, has_tests: hasTests, gpus } = container;
  const from = hasTests ? (image ?? `built from ${folder}`) : 'the agent’s image';
  return [`${verifier}, separate`, from, ...(gpus ? [gpusText(gpus)] : [])].join(', ');
}

function networkTexts({ networks = {} }: StepOutline): string[] {
  const texts = PHASES.map((phase) => networkText(networks[phase]));
  const [first] = texts;
  if (first !== undefined && texts.every((text) => text === first)) return [first];
  return PHASES.flatMap((phase, index) => {
    const text = texts[index];
    return text === undefined ? [] : [`${phase}: ${text}`];
  });
}

function networkText(network: Networks[keyof Networks]): string | undefined {
  if (!network) return undefined;
  const { hosts } = network;
  if (hosts.length === 0) return 'no network';
  const more = hosts.length > HOSTS ? ` and ${hosts.length - HOSTS} more` : '';
  return `only ${hosts.slice(0, HOSTS).join(', ')}${more}`;
}
