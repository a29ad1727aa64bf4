/** One bash that is told commands one by one, as somebody at a terminal does. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Shell {
  /** Resolves to what the command printed on either stream; throws where it fails. */
  run(command: string): Promise<string>;
  end(): void;
}

const DONE = '--done--';

/** Starts it in a folder, with nothing in its environment but what is given. */
export function startShell(cwd: string, env: Record<string, string>): Shell {
  const bash = spawn('bash', ['--noprofile', '--norc'], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(bash.stdout)[Symbol.asyncIterator]();
  bash.stdin.write('exec 2>&1\n');
  return {
    async run(command) {
      bash.stdin.write(`{ ${command}\n} < /dev/null; printf '\\n${DONE}%s\\n' $?\n`);
      const printed: string[] = [];
      for (;;) {
        const { done, value } = await lines.next();
        if (done) throw new Error(`the shell ended during: ${command}\n${printed.join('\n')}`);
        if (!value.startsWith(DONE)) printed.push(value);
        else if (value === `${DONE}0`) return printed.join('\n');
        else throw new Error(`${command}\n${printed.join('\n')}\nexit code ${value.slice(DONE.length)}`);
      }
    },
    end: () => void bash.kill(),
  };
}
