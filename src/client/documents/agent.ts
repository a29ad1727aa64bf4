/** Agents in documents: what is known of them, and whether they have what they need. */
import { Type } from 'typebox';
import { Fields, Flag, OneOf, OrNull, Text, Texts, type Documents } from './words.ts';

const Provider = Fields({
  provider: Text('As before the slash of a model.'),
  key: Text('The variable that has its key.'),
  base_url: Text('Where it answers.'),
});

const agentFields = {
  agent: Text('Its name.'),
  does: Text('What it does, as `<agent> <does>`.'),
  version: OrNull(Text('Of its program, where a Trial names none; null where it has no program.')),
  program: OrNull(Text('Where the program comes from: `npm @openai/codex`.')),
  model: OneOf(['none', 'optional', 'required'], 'Whether it takes a model.'),
  providers: Type.Array(Provider, {
    description: 'Whose models it can use; of the first where a model names none.',
  }),
  keys: Texts('Variables with the keys of those.'),
};

/** `sb agent ls`. */
const AgentRow = Fields(agentFields);
export type AgentRow = Type.Static<typeof AgentRow>;

/** `sb agent show`. */
const AgentShown = Fields({
  ...agentFields,
  reads: Text('What it works from.'),
  scripts: Flag('It runs scripts of the user’s.'),
  skills: Flag('It takes the skills of a task.'),
  mcp: Flag('It takes the MCP servers of a task.'),
  mcp_headers: Flag('It sends their headers.'),
  model_access: OneOf(['Proxy', 'Direct', 'None'], 'How it comes to its model where a Trial does not say.'),
  example: Text('A command that runs it.'),
});
export type AgentShown = Type.Static<typeof AgentShown>;

const Need = Fields({
  need: OneOf(['model', 'key', 'endpoint', 'price', 'program'], 'What it is.'),
  state: OneOf(
    ['there', 'missing', 'unknown'],
    '`unknown`: it cannot be told, and keeps nothing from running.',
  ),
  says: Text('In words; never the value of a key.'),
  fix: OrNull(Text('What to do where it is missing.')),
});
export type AgentNeed = Type.Static<typeof Need>;

/** `sb agent check`: one for each agent and model. */
const AgentCheck = Fields({
  agent: Text('Its name, or its title.'),
  model: OrNull(Text('As it was given.')),
  ok: Flag('Nothing is missing.'),
  needs: Type.Array(Need),
});
export type AgentCheck = Type.Static<typeof AgentCheck>;

/** Its documents, by the name of their schema. */
export const AGENT_DOCUMENTS = {
  'agent-list': { title: 'Agents that Trials can name', schema: Type.Array(AgentRow) },
  'agent-show': { title: 'An agent', schema: AgentShown },
  'agent-check': { title: 'Whether agents have what they need', schema: Type.Array(AgentCheck) },
} as const satisfies Documents;
