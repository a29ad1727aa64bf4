const start = Date.now();
const active = new Map<string, number>();
const seconds = (since: number) => Math.round((Date.now() - since) / 1000);

/** One line with the time since the start. */
export function say(line: string): void {
  process.stdout.write(`${String(seconds(start)).padStart(5)}s  ${line}\n`);
}

/** Runs one part of the work and says how long it took; what was quick because nothing had to be done stays silent. */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now();
  active.set(name, began);
  const late = setTimeout(() => say(`${name} …`), 1500);
  const heartbeat = setInterval(() => stillWorking(name), 30_000);
  try {
    const result = await work();
    if (Date.now() - began > 500) say(`${name}: done in ${((Date.now() - began) / 1000).toFixed(1)} s`);
    return result;
  } finally {
    clearTimeout(late);
    clearInterval(heartbeat);
    active.delete(name);
  }
}

// The step that has run longest speaks for all, so that long work shows life without flooding the screen.
function stillWorking(name: string): void {
  if (active.keys().next().value !== name) return;
  say(`… ${[...active].map(([part, since]) => `${part} (${seconds(since)} s)`).join(', ')}`);
}
