/** What each phase of a step may reach: Harbor's rules, and before all of them what the Trial says. */
import type { PodNetwork } from '../../crds/names.ts';
import type { TrialSpec } from '../../crds/trial.ts';
import {
  NETWORK_PHASES,
  problemOfAllowedHost,
  type NetworkPhase,
  type PhaseNetwork,
} from '../../wire/network.ts';
import type { StepConfig, TaskConfig } from '../toml/schema.ts';
import { invalid } from './problems.ts';
import type { CompiledStep, CompileProblem } from './types.ts';

export type Networks = Record<NetworkPhase, PhaseNetwork>;

/** What a table of task.toml says of its network. */
interface Table {
  network_mode?: 'public' | 'no-network' | 'allowlist';
  allowed_hosts?: string[];
}

const MODES = { public: 'Public', 'no-network': 'None', allowlist: 'Allowlist' } as const;

/** Undefined where the table leaves it to another one. */
function said({ network_mode: mode, allowed_hosts: hosts = [] }: Table = {}): PhaseNetwork | undefined {
  return mode && { mode: MODES[mode], hosts: mode === 'allowlist' ? hosts : [] };
}

const PUBLIC: PhaseNetwork = { mode: 'Public', hosts: [] };

interface Place {
  config: TaskConfig;
  ofTask: StepConfig | undefined;
  verifier: Pick<CompiledStep['verifier'], 'mode' | 'disabled'>;
}

export function networksOf({ environment: { network } }: TrialSpec, place: Place): Networks {
  const { mode, allowedHosts: hosts = [] } = network;
  if (mode === undefined) return ofTask(place);
  const all = { mode, hosts };
  return { environment: all, agent: all, verifier: all };
}

/** The step's table, the task's, then the container's. A verifier that does not run asks for nothing of its own. */
function ofTask(place: Place): Networks {
  const { config, ofTask: step, verifier } = place;
  const environment = said(config.environment) ?? PUBLIC;
  const agent = said(step?.agent) ?? said(config.agent) ?? environment;
  return { environment, agent, verifier: verifier.disabled ? agent : (ofVerifier(place) ?? environment) };
}

function ofVerifier({ config, ofTask: step, verifier: { mode } }: Place): PhaseNetwork | undefined {
  const own = step?.verifier.environment ?? config.verifier.environment;
  const container = mode === 'Separate' ? said(own) : undefined;
  return said(step?.verifier) ?? said(config.verifier) ?? container;
}

/** Of the Pod as a whole: a phase that may reach less than the internet closes it to all. */
export const podNetworkOf = (steps: readonly Pick<CompiledStep, 'networks'>[]): PodNetwork =>
  steps.every(({ networks }) => NETWORK_PHASES.every((phase) => networks[phase].mode === 'Public'))
    ? 'public'
    : 'restricted';

/** Entries of the Trial's own list that are no hosts; those of task.toml are refused where it is read. */
export const badHosts = ({ environment }: TrialSpec): CompileProblem[] =>
  (environment.network.allowedHosts ?? []).flatMap((host, index) => {
    const problem = problemOfAllowedHost(host);
    const field = `spec.environment.network.allowedHosts[${index}]`;
    return problem === undefined ? [] : [invalid(field, `${field} ${problem}`)];
  });
