/** How an agent comes to its model: by the courier's proxy, which has the key, or by itself. */
import { modelOf, type KnownModel } from '../../crds/agent-model.ts';
import type { AgentFacts } from '../../crds/agents.ts';
import { priceOf, type ModelPrice } from '../../crds/model-prices.ts';
import { present } from '../../crds/present.ts';
import type { ModelNamed } from '../../crds/providers.ts';
import { problemOfAllowedHost } from '../../wire/network.ts';
import type { Networks } from './network.ts';
import { invalid } from './problems.ts';
import type { CompiledAgent, CompiledEndpoint, CompileProblem } from './types.ts';

export interface ModelMade {
  endpoint?: CompiledEndpoint;
  /** What the agent's phase has to reach for it. */
  hosts: string[];
  notes: string[];
  problems: CompileProblem[];
}

const nothing = (problems: CompileProblem[] = []): ModelMade => ({ hosts: [], notes: [], problems });

interface ModelFacts {
  /** Of the installation; undefined where they are not known. */
  modelPrices?: readonly ModelPrice[] | undefined;
  /** Of that agent; by default those of the registry. */
  facts?: AgentFacts | undefined;
}

/** What of it goes into a Pod. Of an agent whose model is its own affair nothing does. */
export function modelFor(agent: CompiledAgent, { modelPrices, facts }: ModelFacts = {}): ModelMade {
  const { name, model = '' } = agent;
  const seen = modelOf(agent, facts);
  switch (seen.kind) {
    case 'none':
    case 'open':
      return nothing(limitless(agent));
    case 'unnamed':
      return nothing([unnamed(name, seen.providers)]);
    case 'foreign':
      return nothing([unknown({ agent: name, model, providers: seen.providers })]);
    case 'known':
      return seen.name === undefined
        ? nothing(limitless(agent))
        : reachable(agent, endpointOf(agent, { ...seen, name: seen.name }), modelPrices);
    default:
      return seen satisfies never;
  }
}

const endpointOf = (
  { maxTokens, maxCostUsd }: CompiledAgent,
  { provider, name, access, baseUrl, key }: KnownModel & ModelNamed,
): CompiledEndpoint => ({ provider, name, access, baseUrl, key, ...present({ maxTokens, maxCostUsd }) });

function reachable(
  agent: CompiledAgent,
  endpoint: CompiledEndpoint,
  prices: ModelFacts['modelPrices'],
): ModelMade {
  const { access, key, baseUrl } = endpoint;
  const host = URL.parse(baseUrl)?.hostname.replace(/^\[|\]$/g, '') ?? baseUrl;
  const ofAccess = access === 'Direct' ? limitless(agent) : unpriced(endpoint, prices);
  return {
    endpoint,
    hosts: access === 'Direct' ? [host] : [],
    notes: openKey(agent, key),
    problems: [...ofAccess, ...badHost(host), ...missingKey(agent, key)],
  };
}

/** With the model's host on the list of the agent's phase, as Harbor does, where that has not all of the network anyway. */
export const reaching = (networks: Networks, hosts: readonly string[]): Networks =>
  hosts.length === 0 || networks.agent.mode === 'Public'
    ? networks
    : { ...networks, agent: { mode: 'Allowlist', hosts: [...networks.agent.hosts, ...hosts] } };

/** Nobody counts what an agent asks of its model by itself. */
const limitless = ({ maxTokens, maxCostUsd }: CompiledAgent): CompileProblem[] =>
  [present({ maxTokens, maxCostUsd })].flatMap((limits) =>
    Object.keys(limits).map((name) =>
      invalid(
        `spec.agent.${name}`,
        `spec.agent.${name} can be kept to only where the courier calls the model: set spec.agent.model with its provider, and modelAccess: Proxy`,
      ),
    ),
  );

const unnamed = (agent: string, providers: AgentFacts['providers']): CompileProblem =>
  invalid(
    'spec.agent.model',
    `spec.agent.model is missing; the agent ${agent} needs one, as <provider>/<model>, of ${providers.join(', ')}`,
  );

const unknown = ({
  agent,
  model,
  providers,
}: {
  agent: string;
  model: string;
  providers: AgentFacts['providers'];
}): CompileProblem =>
  invalid(
    'spec.agent.model',
    `spec.agent.model is ${JSON.stringify(model)}; the agent ${agent} expects <provider>/<model>, of ${providers.join(', ')}`,
  );

/** A gateway may need none. */
const missingKey = ({ env, baseUrl }: CompiledAgent, key: string): CompileProblem[] =>
  baseUrl !== undefined || env.some(({ name }) => name === key)
    ? []
    : [
        invalid(
          'spec.agent.env',
          `the agent’s variable ${key} is missing, which has the key of its model: give it by sb cloud run --ae ${key}=…, or in spec.agent.env by a secretKeyRef`,
        ),
      ];

const openKey = ({ env }: CompiledAgent, key: string): string[] =>
  env.some(({ name, value }) => name === key && value !== undefined && value !== '')
    ? [
        `the value of ${key} stands in the Trial, where everyone who may read the Trial can read it: put it into a Secret and name that by secretKeyRef`,
      ]
    : [];

const badHost = (host: string): CompileProblem[] => {
  const problem = problemOfAllowedHost(host);
  return problem === undefined
    ? []
    : [invalid('spec.agent.baseUrl', `the host of spec.agent.baseUrl ${problem}`)];
};

/** Where the prices of the installation are not known, it is the operator that says this. */
function unpriced(
  { name, maxCostUsd }: CompiledEndpoint,
  prices: readonly ModelPrice[] | undefined,
): CompileProblem[] {
  if (maxCostUsd === undefined || !prices || priceOf(name, prices)) return [];
  return [
    invalid(
      'spec.agent.maxCostUsd',
      `spec.agent.maxCostUsd needs the price of ${name}, which is not known: use maxTokens, or have the installation name the price in SB_MODEL_PRICES`,
    ),
  ];
}
