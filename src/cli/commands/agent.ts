import { Command } from 'commander';
import type { RunFlags } from '../launch/wish.ts';
import { withAgents, withAgentVariables, withModels } from './agent-options.ts';
import { examples, several, withCluster, withOutput, type Cli, type OutputOptions } from './command.ts';

/** `sb agent ls` */
const ls = ({ io }: Cli): Command =>
  examples(
    withOutput(new Command('ls'), { '-o json': 'agent-list' })
      .alias('list')
      .description('Lists the agents that this sb knows: what each does, its version, models and keys.')
      .action(async ({ output }: OutputOptions) => {
        const { listAgents } = await import('../agents/agents.ts');
        await listAgents(io.terminal, output);
      }),
    [
      ['sb agent ls', 'which agents are there?'],
      ['sb agent ls -o wide', 'with where their programs come from'],
    ],
  );

/** `sb agent show` */
const show = ({ io }: Cli): Command =>
  examples(
    withOutput(new Command('show'), { '-o json': 'agent-show' }, ['table', 'json', 'yaml', 'jsonl', 'name'])
      .description(
        'Shows an agent: its program, what it takes, whose models it can use, and the variables of their keys.',
      )
      .argument('<agent>', 'name of the agent')
      .action(async (name: string, { output }: OutputOptions) => {
        const { showAgent } = await import('../agents/agents.ts');
        await showAgent(io.terminal, { name, format: output });
      }),
    [['sb agent show custom', 'what your own agent can be given']],
  );

/** `sb agent check` */
const check = ({ io, finish }: Cli): Command =>
  examples(
    withAgentVariables(
      withModels(
        withAgents(
          withCluster(
            withOutput(new Command('check'), { '-o json': 'agent-check' }, [
              'table',
              'json',
              'yaml',
              'jsonl',
            ]),
          ),
        ),
      ),
    )
      .option('--allow-env <name>', 'variable of this shell that agents may have; repeatable', several)
      .option('-c, --config <file>', 'run file, as of sb cloud run')
      .description(
        'Says what agents need and whether it is there: model, key and where it would come from, where the model answers, its price, the program, and whether the cluster has that built, if you may see it. Starts nothing, and never prints or sends a key. sb cloud run checks the same first. Exits with 1 if something is missing.',
      )
      .action(async (flags: RunFlags) => {
        const { checkOfAgents } = await import('../agents/agents.ts');
        finish(await checkOfAgents(flags, io));
      }),
    [
      ['sb agent check -a ./my-agent.yaml -m anthropic/claude-opus-4-1', 'could this agent run?'],
      ['sb agent check -c run.yaml --env-file .env -o json', 'all agents of a run file, for scripts'],
    ],
  );

/** `sb agent` */
export const agent = (cli: Cli): Command =>
  examples(
    new Command('agent')
      .description('Shows agents and what they need.')
      .addCommand(ls(cli))
      .addCommand(show(cli))
      .addCommand(check(cli)),
    [['sb agent ls', 'which agents are there, and which keys do they need?']],
  );
