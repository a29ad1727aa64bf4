/** The variables by which programs find the proxy, and the hand that gives them to commands. */
import type { Command, Hand } from '../hand/hand.ts';

type Env = Record<string, string>;

/** What is on the Pod's own loopback is reached without the proxy. */
const LOCAL = 'localhost,127.0.0.1,::1';

/** For a proxy on 127.0.0.1; those that `taken` has in either case are left to whoever set them. `local`: other names of the Pod's own loopback. */
export function proxyVariables(port: number, taken: Iterable<string>, local: readonly string[] = []): Env {
  const url = `http://127.0.0.1:${port}`;
  const values = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: [LOCAL, ...local].join() };
  const isTaken = inEitherCase(taken);
  const both = Object.entries(values).flatMap(([name, value]) => [
    [name, value] as const,
    [name.toLowerCase(), value] as const,
  ]);
  // Node reads them only where it is told to.
  const all = [...both, ['NODE_USE_ENV_PROXY', '1'] as const];
  return Object.fromEntries(all.filter(([name]) => !isTaken(name)));
}

function inEitherCase(names: Iterable<string>): (name: string) => boolean {
  const known = new Set([...names].map((name) => name.toUpperCase()));
  return (name) => known.has(name.toUpperCase());
}

/** A hand whose commands have variables beside their own; those of a command itself go before. */
export function handWith(hand: Hand, variables: (command: Command) => Env): Hand {
  const given = (command: Command): Command => ({
    ...command,
    env: { ...variables(command), ...command.env },
  });
  return {
    gone: hand.gone,
    ready: () => hand.ready(),
    isGone: () => hand.isGone(),
    toldToStop: () => hand.toldToStop(),
    start: (command) => hand.start(given(command)),
    check: (command) => hand.check(command),
    run: (command, limitSeconds) => hand.run(given(command), limitSeconds),
    stage: (what, ground) => hand.stage(what, ground),
    place: (what) => hand.place(what),
    bring: (what) => hand.bring(what),
    empty: (folders) => hand.empty(folders),
    halt: () => hand.halt(),
    resume: () => hand.resume(),
    files: hand.files,
    copy: (copy, signal) => hand.copy(copy, signal),
    freeze: () => hand.freeze(),
    exit: (code) => hand.exit(code),
    close: () => hand.close(),
  };
}
