/** How a turn of a script becomes calls of the tools that an agent offers, or text where it offers none. */
import type { JsonSchema, ModelRequest, Tool, ToolCall } from './conversation.ts';
import { idOf } from './conversation.ts';
import { commandsOf, editsOf, type FileEdit, type ReplyTurn } from './script.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** A shell command that writes a file. */
export function editCommand({ path, text }: FileEdit): string {
  const folder = path.includes('/') ? `mkdir -p ${quoted(path.replace(/\/[^/]*$/, '') || '/')} && ` : '';
  return `${folder}printf '%s' ${quoted(text)} > ${quoted(path)}`;
}

const properties = (schema: JsonSchema | undefined): Record<string, JsonSchema> =>
  (schema?.['properties'] ?? {}) as Record<string, JsonSchema>;

/** The type a schema allows, `null` aside; Gemini writes types in capitals. */
function typeOf(schema: JsonSchema): string {
  const type = [schema['type']].flat().find((name) => name !== 'null');
  return typeof type === 'string' ? type.toLowerCase() : '';
}

const commandFields = ['command', 'cmd', 'script', 'commands', 'code'];
const commandField = (tool: Tool): string | undefined =>
  commandFields.find((field) => field in properties(tool.parameters));

/** From the surest name to the mere shape. */
const shellNames = [
  /^(bash|shell|exec_command|run_shell_command|shell_command|local_shell)$/i,
  /^(execute|run)_?(bash|shell|command|terminal_cmd)/i,
  /bash|shell|terminal|exec|command/i,
  /./,
];

/** The tool that runs a shell command, if the agent offers one. */
export function shellTool(tools: readonly Tool[]): Tool | undefined {
  const able = tools.filter((tool) => commandField(tool) !== undefined);
  for (const names of shellNames) {
    const found = able.find((tool) => names.test(tool.name));
    if (found) return found;
  }
  return undefined;
}

const simplest: Record<string, (schema: JsonSchema) => unknown> = {
  boolean: () => false,
  integer: (schema) => schema['minimum'] ?? 1,
  number: (schema) => schema['minimum'] ?? 1,
  array: () => [],
  object: (schema) => filled(schema),
};

/** The simplest value that a JSON schema allows. */
export function simplestValue(schema: JsonSchema): unknown {
  const choices = schema['enum'];
  if (Array.isArray(choices)) return choices[0];
  return schema['default'] ?? simplest[typeOf(schema)]?.(schema) ?? 'Scripted';
}

function filled(schema: JsonSchema): Record<string, unknown> {
  const required = Array.isArray(schema['required']) ? schema['required'].map(String) : [];
  return Object.fromEntries(required.map((name) => [name, simplestValue(properties(schema)[name] ?? {})]));
}

/** Arguments of the shell tool: what it requires, a description if it has one, and the command in the shape it takes. */
export function shellArguments(tool: Tool, command: string): Record<string, unknown> {
  const field = commandField(tool) ?? 'command';
  const fields = properties(tool.parameters);
  const isList = typeOf(fields[field] ?? {}) === 'array';
  return {
    ...filled(tool.parameters ?? {}),
    ...('description' in fields && { description: 'Next step of the script' }),
    [field]: isList ? ['bash', '-lc', command] : command,
  };
}

/** mini-swe-agent ends only when a command prints this. */
const submission = 'COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT';
const wantsSearchReplace = (prompt: string): boolean => prompt.includes('SEARCH/REPLACE');
const wantsWholeFiles = (prompt: string): boolean => prompt.includes('*file listing*');
const fenceOf = (prompt: string): string | undefined => /```(\w*bash\w*)/.exec(prompt)?.[1];

/** Whether an agent without tools expects its work to be done in the text of the reply. */
export const actsOnText = (prompt: string): boolean =>
  wantsSearchReplace(prompt) || wantsWholeFiles(prompt) || prompt.includes(submission);

/** What a turn runs: its commands, its edits, and at the end what an agent needs to see that it is the end. */
function commandsFor(turn: ReplyTurn, prompt: string): string[] {
  const commands = [...commandsOf(turn), ...editsOf(turn).map(editCommand)];
  const isEnd = commands.length === 0 && turn.call === undefined && turn.ends === undefined;
  return isEnd && prompt.includes(submission) ? [`echo ${submission}`] : commands;
}

function editInText(edit: FileEdit, prompt: string): string {
  if (wantsSearchReplace(prompt)) {
    return `${edit.path}\n\`\`\`\n<<<<<<< SEARCH\n=======\n${edit.text}>>>>>>> REPLACE\n\`\`\``;
  }
  return `${edit.path}\n\`\`\`\n${edit.text}\`\`\``;
}

function inText(turn: ReplyTurn, prompt: string): string[] {
  const fenced = (command: string): string => `\`\`\`${fenceOf(prompt) ?? 'bash'}\n${command}\n\`\`\``;
  if (!wantsSearchReplace(prompt) && !wantsWholeFiles(prompt)) return commandsFor(turn, prompt).map(fenced);
  return [...commandsOf(turn).map(fenced), ...editsOf(turn).map((edit) => editInText(edit, prompt))];
}

/** What a turn is for this agent: text, and calls of its tools. */
export function performed(
  turn: ReplyTurn,
  { tools, prompt }: ModelRequest,
  position: number,
): { text: string; calls: ToolCall[] } {
  const tool = shellTool(tools);
  const said = turn.say === undefined ? [] : [turn.say];
  const named = turn.call ? [{ name: turn.call.tool, arguments: turn.call.arguments }] : [];
  const run = tool
    ? commandsFor(turn, prompt).map((command) => ({
        name: tool.name,
        arguments: shellArguments(tool, command),
      }))
    : [];
  return {
    text: [...said, ...(tool ? [] : inText(turn, prompt))].join('\n\n'),
    calls: [...run, ...named].map((call, part) => ({ id: idOf(position, part), ...call })),
  };
}
