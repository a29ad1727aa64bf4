/** Makes what is reported of an agent while its transcript is read: steps, usage, and the last failure that it did not get over. */
import { present } from '../../crds/present.ts';
import { modelNamed, PROVIDERS, type ProviderName } from '../../crds/providers.ts';
import type { Usage } from '../../crds/trial-status.ts';
import { TRAJECTORY_MAX_BYTES } from '../../wire/trajectory.ts';
import type { AgentFailure, AgentGiven, AgentReport } from '../agent.ts';
import type { Conversation } from './conversation.ts';
import { trajectoryBuilder, type About } from './trajectory.ts';
import { totalUsage, type Counts } from './usage.ts';

export interface ReportBuilder extends Conversation {
  /** The model of the Trial as its provider knows it. */
  readonly model: string | undefined;
  /** The conversation of a sub-agent, which a call with that id began. */
  subAgent(callId: string): Conversation;
  /** A call of the model failed, or the program gave up. The next answer in `agent` says that it got over it. */
  fails(failure: AgentFailure): void;
  /** Adds to what was used. */
  uses(counts: Counts, model?: string): void;
  describe(about: { [K in 'sessionId' | 'version' | 'model']?: string | undefined }): void;
  done(): AgentReport;
}

/** `name`: of the agent, as a Trial names it. `maxBytes`: of the trajectory as it is stored. */
export function reportBuilder(
  name: string,
  given: Pick<AgentGiven, 'model' | 'version'>,
  maxBytes = TRAJECTORY_MAX_BYTES,
): ReportBuilder {
  const kept = trajectoryBuilder(maxBytes);
  const model = given.model === undefined ? undefined : nameOf(given.model);
  let about: About = { name, ...present({ model, version: given.version }) };
  let usage: Usage | undefined;
  let failure: AgentFailure | undefined;
  return {
    ...kept.main,
    model,
    agent: (said) => {
      failure = undefined;
      kept.main.agent(said);
    },
    subAgent: (callId) => kept.subAgent(callId),
    fails: (failed) => void (failure = failed),
    uses: (counts, by) => {
      const used = { ...counts, ...(by !== undefined && { models: [{ model: by, ...counts }] }) };
      usage = totalUsage([...(usage ? [usage] : []), used]);
    },
    describe: (more) => void (about = { ...about, ...present(more) }),
    done: () => present({ usage, failure, trajectory: kept.done(about, usage) }),
  };
}

const nameOf = (model: string): string =>
  modelNamed(model, Object.keys(PROVIDERS) as ProviderName[])?.name ?? model;
