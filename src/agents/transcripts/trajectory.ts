/** Makes a trajectory while a transcript is read. It never holds much more than a trajectory may have. */
import { present } from '../../crds/present.ts';
import type { Usage } from '../../crds/trial-status.ts';
import type { Trajectory } from '../../wire/trajectory.ts';
import { bounded, TEXT_CHARS_MAX, type Unnumbered } from './bounded.ts';
import { conversation, nameText, type Conversation, type Steps } from './conversation.ts';
import { costOf, countOf } from './json.ts';

/** Conversations of sub-agents that are kept. */
const SUB_AGENTS_MAX = 64;
/** For all of a trajectory that is not a step: names, notes, totals. */
const AROUND_BYTES = 4_096;

/** What a transcript says of the program itself. */
export interface About {
  name: string;
  sessionId?: string;
  version?: string;
  model?: string;
}

export interface TrajectoryBuilder {
  main: Conversation;
  /** That of a sub-agent, which a call with that id began. */
  subAgent(callId: string): Conversation;
  /** Undefined where there is no step. */
  done(about: About, usage: Usage | undefined): Trajectory | undefined;
}

const NOBODY: Conversation = { user: () => {}, system: () => {}, agent: () => {}, result: () => {} };

/** `maxBytes`: of the trajectory as it is stored. */
export function trajectoryBuilder(maxBytes: number): TrajectoryBuilder {
  let [held, leftOut, textChars] = [0, 0, TEXT_CHARS_MAX];
  const grown = (chars: number): void => void (held += chars);
  const main = conversation(grown);
  const subAgents = new Map<string, Steps>();
  const shorten = (toBytes: number): void => {
    const all = [main, ...subAgents.values()];
    const shorter = bounded(
      all.map(({ steps }) => steps),
      { maxBytes: toBytes, textChars },
    );
    for (const [index, one] of all.entries()) one.replace(shorter.lists[index] ?? []);
    leftOut += shorter.leftOut;
    [held, textChars] = [0, shorter.textChars];
  };
  const bound = (): void => {
    if (held > 4 * maxBytes) shorten(2 * maxBytes);
  };
  return {
    main: watched(main, bound),
    subAgent: (callId) => {
      const id = nameText(callId);
      const known = subAgents.get(id) ?? (subAgents.size < SUB_AGENTS_MAX ? conversation(grown) : undefined);
      if (!known) return NOBODY;
      subAgents.set(id, known);
      return watched(known, bound);
    },
    done: (about, usage) => {
      shorten(maxBytes - AROUND_BYTES * (1 + subAgents.size));
      const notes = notesOf(leftOut, textChars);
      return trajectoryOf({ about, usage, notes, main, subAgents });
    },
  };
}

const watched = (one: Conversation, then: () => void): Conversation => ({
  user: (...message) => (one.user(...message), then()),
  system: (...message) => (one.system(...message), then()),
  agent: (said) => (one.agent(said), then()),
  result: (...result) => (one.result(...result), then()),
});

function notesOf(leftOut: number, textChars: number): string | undefined {
  const notes = [
    ...(leftOut > 0 ? [`${leftOut} steps in the middle are left out.`] : []),
    ...(textChars < TEXT_CHARS_MAX
      ? [`The middle of texts longer than ${textChars} characters is left out.`]
      : []),
  ];
  return notes.length > 0 ? notes.join(' ') : undefined;
}

interface Finished {
  about: About;
  usage: Usage | undefined;
  notes: string | undefined;
  main: Steps;
  subAgents: ReadonlyMap<string, Steps>;
}

function trajectoryOf({ about, usage, notes, main, subAgents }: Finished): Trajectory | undefined {
  const apart = [...subAgents].filter(([, { steps }]) => steps.length > 0);
  for (const [id, own] of apart)
    [main, ...subAgents.values()].some((one) => one !== own && one.refer(id, id));
  if (main.steps.length === 0) return undefined;
  const made = headOf(about);
  return {
    ...made,
    steps: numbered(main.steps),
    ...present({ notes, final_metrics: usage && totalsOf(usage, main.count) }),
    ...(apart.length > 0 && {
      subagent_trajectories: apart.map(([id, { steps }]) => ({
        ...made,
        trajectory_id: id,
        steps: numbered(steps),
      })),
    }),
  };
}

const headOf = ({ name, sessionId, version, model }: About): Omit<Trajectory, 'steps'> => ({
  schema_version: 'ATIF-v1.8',
  ...present({ session_id: sessionId && nameText(sessionId) }),
  agent: {
    name,
    version: nameText(version ?? 'unknown'),
    ...present({ model_name: model && nameText(model) }),
  },
});

const numbered = (steps: readonly Unnumbered[]): Trajectory['steps'] =>
  steps.map((step, index) => ({ step_id: index + 1, ...step }));

/** `steps`: with those that are left out. */
const totalsOf = (usage: Usage, steps: number): NonNullable<Trajectory['final_metrics']> =>
  present({
    total_prompt_tokens: countOf(usage.inputTokens),
    total_completion_tokens: countOf(usage.outputTokens),
    total_cached_tokens: countOf(usage.cacheTokens),
    total_cost_usd: costOf(usage.costUsd),
    total_steps: steps,
  });
