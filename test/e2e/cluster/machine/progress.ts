const start = Date.now();
/** Steps at work: when each began, and what it says about the rest of it. */
const active = new Map<string, { since: number; left: () => string }>();
const seconds = (since: number) => Math.round((Date.now() - since) / 1000);

/** One line with the time since the start. */
export function say(line: string): void {
  process.stdout.write(`${String(seconds(start)).padStart(5)}s  ${line}\n`);
}

/**
 * Runs one part of the work and says how long it took; what was quick because nothing had to be done stays silent. `left` tells, while it
 * is at work, what is left of it (`cluster in about 4 min`), or nothing.
 */
export async function step<T>(
  name: string,
  work: () => Promise<T>,
  left: () => string = () => '',
): Promise<T> {
  const began = Date.now();
  active.set(name, { since: began, left });
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
  say(`… ${[...active].map(activity).join('; ')}`);
}

function activity([name, { since, left }]: [string, { since: number; left: () => string }]): string {
  const details = [`${seconds(since)} s`, left()].filter((detail) => detail !== '');
  return `${name} (${details.join(', ')})`;
}
